"""Which alerts are due, as pure rules."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.alerting.messages import alert, due
from include.parts.alerts import AlertChannel
from tests import rows
from tests.conftest import NOW

CHANNEL = AlertChannel(connection="post", mail_to=["a@b.example"])


def signal(**fields: Any) -> dict[str, Any]:
    return {"fingerprint": "f1", "product": "shop", "kind": "slo", "severity": "high", "title": "Errors", "detail": {},
            "status": "open", "release": "shop|1.1.0", "first_at": NOW, "last_at": NOW, "acknowledged_by": None,
            "acknowledged_at": None} | fields


def told(*states: str, status: str = "sent", opened_at: datetime = NOW) -> list[dict[str, Any]]:
    about = {"fingerprint": "f1", "opened_at": opened_at, "channel": "post", "status": status}
    return [about | {"state": state} for state in states]


TAKEN = {"acknowledged_by": "kim", "acknowledged_at": NOW + timedelta(minutes=5)}
OVER = {"status": "resolved", "last_at": NOW + timedelta(hours=1)}


@pytest.mark.parametrize(("fields", "known", "expected"), [
    ({}, [], [("opened", "waiting")]), ({}, told("opened"), []), ({"severity": "low"}, [], []),
    (TAKEN, [], [("opened", "waiting")]), (TAKEN, told("opened"), [("acknowledged", "waiting")]),
    (TAKEN, told("opened", "acknowledged"), []), (OVER, [], []), (OVER, told("opened"), [("resolved", "waiting")]),
    (OVER | TAKEN, told("opened"), [("resolved", "waiting")]), (OVER, told("opened", "resolved"), []),
    (OVER, told("opened", status="failed"), [("opened", "dropped")]),
    (OVER, told("opened", status="given_up"), []),
    ({"first_at": NOW + timedelta(days=1)}, told("opened", "resolved"), [("opened", "waiting")])])
def test_each_state_is_due_once_for_each_opening(fields: dict[str, Any], known: list[dict[str, Any]],
                                                 expected: list[tuple[str, str]]) -> None:
    assert [(row["state"], row["status"]) for row in due([signal(**fields)], known, CHANNEL, NOW)] == expected


def test_a_channel_hears_what_it_wants_to() -> None:
    ends = AlertChannel(connection="post", states=["resolved"], severity="critical")
    assert due([signal(**OVER)], [], ends, NOW) == []
    [row] = due([signal(**OVER, severity="critical")], [], ends, NOW)
    assert row["state"] == "resolved"


@given(st.lists(st.sampled_from([{}, TAKEN, OVER, OVER | TAKEN]), max_size=6))
def test_looking_again_tells_nothing_twice(course: list[dict[str, Any]]) -> None:
    known: dict[str, dict[str, Any]] = {}
    for fields in course:
        for _ in (1, 2):  # that it was taken on is told once its opening was
            for row in due([signal(**fields)], known.values(), CHANNEL, NOW):
                assert row["state"] not in known
                known[row["state"]] = row | {"status": "sent"}
        assert due([signal(**fields)], known.values(), CHANNEL, NOW) == []


def test_an_alert_speaks_the_products_language_on_single_lines() -> None:
    row = {"fingerprint": "f1", "opened_at": NOW, "state": "opened", "channel": "post"}
    korean = rows.product(alerts={"language": "ko"})
    said = alert(korean, row, signal(title="오류\r\nBcc: all@example.com {{ 7*7 }}"))
    assert said.title == "[Tea shop] 발생: 오류 Bcc: all@example.com {{ 7*7 }}"
    assert said.text.startswith("발생 (높음): 오류 Bcc: all@example.com {{ 7*7 }}\n\n발생 시각: 2026-")
    assert "양식으로" in said.text
    over = alert(korean, row | {"state": "resolved"}, signal(**OVER))
    assert (over.since, over.id == said.id) == (said.id, False) and "해소 시각" in over.text
