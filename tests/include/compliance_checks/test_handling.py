"""How voices were handled, on a ledger in which each thing that could go wrong has been done once."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, insert

from include.compliance_checks.handling import handling
from include.ledger.engine import reading, writing
from include.ledger.tables import contacts, inbox, quarantine, tickets, voices
from include.product import Product
from tests.conftest import NOW

OLD, FRESH = NOW - timedelta(days=400), NOW - timedelta(days=20)
VOICE = {"product": "shop", "source": "reviews", "origin": "customer", "text": "Call [phone], the coupon fails", "language": "en",
         "kind": "bug", "written_at": FRESH, "heard_at": NOW}
TICKET = {"product": "shop", "source": "desk", "external_id": "1", "subject": "Coupon", "body": "It fails", "language": "en",
          "status": "resolved", "priority": "p2", "urgency": "normal", "triage": "rule", "created_at": OLD, "updated_at": FRESH,
          "voice_id": "v1", "heard_at": NOW}
QUARANTINE = {"id": "q1", "product": "shop", "source": "reviews", "place": "row 1", "reason": "no text", "row": "{}", "at": FRESH}
CONTACT = {"product": "shop", "author": "a", "channel": "email", "handle": "xyz", "source": "reviews", "given_at": FRESH}
INBOX = {"id": "i1", "product": "shop", "text": "x", "written_at": "", "received_at": FRESH}
CLEAN = {"sampled": 2, "unredacted": [], "unredacted_count": 0, "retention_days": 365, "overdue": {}, "erasures": 0,
         "unerased": {}}


def product(days: int | None = 365) -> Product:
    return Product.model_validate({"name": "shop", "title": "Shop", "owner": "team", "voices": {"retention_days": days}})


def found(engine: Engine, voice: dict[str, Any] = {}, ticket: dict[str, Any] = {}, days: int | None = 365,  # noqa: B006 - only read
          **other: dict[str, Any]) -> dict[str, Any]:
    rows = [(voices, VOICE | {"id": "v1"} | voice), (tickets, TICKET | {"id": "t1"} | ticket),
            (quarantine, QUARANTINE | other.get("quarantine", {})), (contacts, CONTACT | other.get("contacts", {})),
            (inbox, INBOX | other.get("inbox", {}))]
    with writing(engine) as connection:
        for table, row in rows:
            connection.execute(insert(table).values(row))
        connection.execute(insert(voices).values(VOICE | {"id": "other", "product": "tea", "text": "call 010-1234-5678"}))
    with reading(engine) as connection:
        return handling(connection, product(days), NOW)


def test_voices_that_are_handled_well_show_nothing(ledger: Engine) -> None:
    assert found(ledger) == CLEAN


@pytest.mark.parametrize("text", [
    "Call 010-1234-5678", "mail kim@example.com", "내 번호는 010-1234-5678", "4532 0151 1283 0366"])
def test_personal_data_that_is_still_there_is_found_by_id_and_never_told(ledger: Engine, text: str) -> None:
    result = found(ledger, voice={"text": text}, ticket={"body": text})
    assert (result["unredacted"], result["unredacted_count"]) == (["v1", "t1"], 2)
    assert "1234" not in str(result) and "kim" not in str(result)


def test_what_is_older_than_promised_is_counted_by_table(ledger: Engine) -> None:
    result = found(ledger, {"written_at": OLD}, {"updated_at": OLD}, quarantine={"at": OLD}, contacts={"given_at": OLD},
                   inbox={"received_at": OLD})
    assert result["overdue"] == {"voices": 1, "tickets": 1, "quarantine": 1, "inbox": 1, "contacts": 1}


def test_without_a_promise_nothing_is_overdue_and_signals_of_operation_are_no_voices_of_people(ledger: Engine) -> None:
    assert found(ledger, {"written_at": OLD}, days=None)["overdue"] == {}
    with writing(ledger) as connection:
        connection.execute(insert(voices).values(VOICE | {"id": "v2", "origin": "operation", "written_at": OLD}))
    with reading(ledger) as connection:
        assert handling(connection, product(), NOW)["overdue"] == {"voices": 1}


def test_a_night_that_failed_has_another_one(ledger: Engine) -> None:
    assert found(ledger, {"written_at": NOW - timedelta(days=366)})["overdue"] == {}


def test_what_was_erased_and_is_still_there_is_counted(ledger: Engine) -> None:
    result = found(ledger, {"erased_at": NOW}, {"erased_at": NOW, "author": "a"}, quarantine={"erased_at": NOW},
                   contacts={"withdrawn_at": NOW})
    assert result["unerased"] == {"voices": 1, "tickets": 1, "quarantine": 1, "contacts": 1}


def test_what_was_erased_well_is_not(ledger: Engine) -> None:
    gone = {"erased_at": NOW, "author": None}
    result = found(ledger, gone | {"text": "", "written_at": OLD}, gone | {"body": "", "subject": ""},
                   quarantine={"erased_at": NOW, "row": ""}, contacts={"withdrawn_at": NOW, "handle": None})
    assert (result["unerased"], result["overdue"], result["sampled"]) == ({}, {}, 0)
