"""Incidents are one a cause, and their drafts hold facts alone, as text."""

from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest

from include.alerting.incidents import Incident, cause_of, grouped, opening, timeline
from include.alerting.postmortem import as_html, as_markdown, draft
from tests import rows
from tests.conftest import NOW
from tests.include.alerting.test_messages import OVER, TAKEN, signal

HOUR = timedelta(hours=1)
EVIL = "<script>alert(1)</script> | [x](javascript:1) **b** 한국어"


def burn(**fields: Any) -> dict[str, Any]:
    return signal(detail={"deployment": "d1", "requests": 100, "errors": 7, "routes": []}) | fields


def test_signals_of_one_deployment_are_one_incident_and_others_their_own() -> None:
    found = grouped([], [burn(), burn(fingerprint="f2", severity="critical", first_at=NOW + HOUR), signal(fingerprint="f3"),
                         signal(fingerprint="f4", severity="medium")])
    assert [(item.cause, item.severity, len(item.signals)) for item in found] == [
        ("deployment d1", "critical", 2), ("signal f3", "high", 1)]
    assert grouped(found, [burn(), burn(fingerprint="f2", severity="critical", first_at=NOW + HOUR), signal(fingerprint="f3")]
                   ) == found


def test_an_incident_is_over_when_all_its_signals_are_and_opens_anew() -> None:
    [item] = grouped([], [burn(), burn(fingerprint="f2", **TAKEN)])
    assert (item.resolved_at, item.owner) == (None, "kim")
    [item] = grouped([item], [burn(**OVER), burn(fingerprint="f2", **TAKEN)])
    assert item.resolved_at is None
    [item] = grouped([item], [burn(**OVER), burn(fingerprint="f2", status="resolved", last_at=NOW + 2 * HOUR)])
    assert item.resolved_at == NOW + 2 * HOUR
    old, new = grouped([item], [burn(first_at=NOW + 5 * HOUR)])
    assert old == item and new.id != item.id and new.resolved_at is None


def test_the_cause_is_the_deployment_that_a_signal_points_to() -> None:
    assert (cause_of(burn()), cause_of(signal())) == ("deployment d1", "signal f1")


@pytest.fixture
def told() -> tuple[Incident, list[Any]]:
    mine = burn(title=EVIL, **TAKEN, **OVER)
    [item] = grouped([], [mine])
    deployment = {"id": "d1", "version": "1.1.0", "started_at": NOW - HOUR, "finished_at": NOW + HOUR / 2,
                  "status": "rolled_back", "reason": EVIL, "by": "dana", "kind": "rollback"}
    step = {"at": NOW, "version": "1.1.0", "weight": 10, "verdict": "worse", "why": "7 % failed"}
    alert = {"sent_at": NOW + HOUR / 60, "channel": "pager", "state": "opened"}
    return item, timeline(item, [mine], [deployment], [step], [alert])


def test_a_timeline_is_what_the_ledger_knows_in_its_order(told: tuple[Incident, list[Any]]) -> None:
    item, facts = told
    assert [fact.what for fact in facts] == ["deployment", "opened", "step", "told", "acknowledged", "rolled_back", "resolved"]
    assert facts[4].who == "kim" and facts[5].who == "dana" and item.signals == (opening(burn()),)


@pytest.mark.parametrize(("language", "words"), [
    ("en", ("Post-mortem (draft)", "signal opened", "rolled back", "What was the root cause?")),
    ("ko", ("사후 분석 (초안)", "신호 발생", "롤백", "근본 원인은 무엇이었습니까?"))])
def test_a_draft_speaks_the_products_language_and_shows_hostile_text_as_text(told: tuple[Incident, list[Any]], language: str,
                                                                             words: tuple[str, ...]) -> None:
    item, facts = told
    made = draft(rows.product(alerts={"language": language}, owner=EVIL), item, facts, ["7 / 100"], [("a" * 40, EVIL)])
    text, page = as_markdown(made), as_html(made)
    assert all(word.replace("-", "\\-") in text or word in text for word in words) and all(word in page for word in words)
    assert "<script" not in text.replace("\\<script", "") and "](javascript" not in text and "한국어" in text
    seen = Tags()
    seen.feed(page)
    assert not {"script", "a", "b", "img"} & seen.tags and "&lt;script&gt;" in page


def test_an_incident_that_goes_on_says_so(told: tuple[Incident, list[Any]]) -> None:
    made = draft(rows.product(), replace(told[0], resolved_at=None, owner=None), [], [], [])
    assert ("Status", "open") in made.short and ("Owner", "team-shop") in made.short and ("Lasted", "–") in made.short


class Tags(HTMLParser):
    """The tags of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags = set[str]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
