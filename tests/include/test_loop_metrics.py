"""The loop's own metrics are what the ledger says."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, update

from include.ledger.engine import reading, writing
from include.ledger.tables import notices, outcomes, theme_events, voices
from include.loop_metrics import LoopMetrics, loop_metrics
from tests import rows
from tests.conftest import NOW


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def at_now(engine: Engine) -> LoopMetrics:
    with reading(engine) as connection:
        return loop_metrics(connection, "shop", NOW)


def happened(engine: Engine, theme: str, kind: str, days: float) -> None:
    rows.put(engine, theme_events, {"theme_id": theme, "run_id": f"{kind} {days}", "kind": kind, "at": ago(days), "detail": {}})


def test_an_empty_ledger(ledger: Engine) -> None:
    found = at_now(ledger)
    assert found.json() == {
        "days_to_relief": None, "relieved": 0, "heard": 0, "understood": 0, "planned": 0, "answered": 0, "relieved_voices": 0,
        "answered_share": None, "told": 0, "replied": 0, "oldest": None, "predicted": None, "realised": None, "error": None,
        "measured": 0}


def test_from_the_first_complaint_to_relief(ledger: Engine) -> None:
    rows.theme(ledger, "a", [ago(40), ago(30)], status="resolved")
    rows.theme(ledger, "b", [ago(300)], status="resolved")
    rows.theme(ledger, "c", [ago(400)], status="resolved")
    happened(ledger, "a", "resolved", 20)  # after 20 days
    happened(ledger, "b", "resolved", 200)  # too long ago to count
    happened(ledger, "b", "reopened", 50)
    happened(ledger, "b", "resolved", 10)  # 40 days after it was reopened
    happened(ledger, "c", "created", 1)
    found = at_now(ledger)
    assert (found.days_to_relief, found.relieved) == (30.0, 2)


def test_voices_that_were_answered(ledger: Engine) -> None:
    for theme, status, story in (("a", "open", None), ("b", "planned", "scoped"), ("c", "planned", "released"),
                                 ("d", "resolved", "resolved"), ("e", "reopened", "reopened"), ("f", "open", "dropped")):
        rows.theme(ledger, theme, [ago(3), ago(200)], status=status)
        if story:
            rows.story(ledger, f"S-{theme}", theme, status=story)
    rows.theme(ledger, "praise", [ago(1)], kind="praise")
    with writing(ledger) as connection:
        connection.execute(update(voices).where(voices.c.id == "praise-0").values(kind="praise"))
    rows.theme(ledger, "operation", [ago(1)], origin="operation", kind="operation")
    found = at_now(ledger)
    assert (found.heard, found.understood, found.planned, found.answered, found.relieved_voices) == (6, 6, 4, 2, 1)
    assert found.answered_share == pytest.approx(2 / 6, abs=1e-4)


def test_the_oldest_that_nobody_answered(ledger: Engine) -> None:
    rows.theme(ledger, "answered", [ago(90)], status="planned")
    rows.story(ledger, "S-1", "answered", status="released")
    rows.theme(ledger, "waits", [ago(60), ago(2)], status="planned")
    rows.story(ledger, "S-2", "waits", status="scoped")
    rows.theme(ledger, "younger", [ago(10)])
    rows.theme(ledger, "gone", [ago(99)], status="merged", merged_into="waits")
    assert at_now(ledger).oldest == {"theme": "waits", "name": "theme waits", "days": 60.0}


def test_predicted_against_realised_and_who_was_told(ledger: Engine) -> None:
    rows.theme(ledger, "a", [ago(40)])
    for story, expected, effect in (("S-1", 0.8, 0.3), ("S-2", 0.4, 0.5)):
        rows.story(ledger, story, "a", status="released", relief={"expected": expected})
        rows.put(ledger, outcomes, {
            "story_id": story, "theme_id": "a", "release": "1.1.0", "exposure": "days", "before_voices": 9,
            "before_exposure": 1.0, "after_voices": 1, "after_exposure": 1.0, "effect": effect, "low": None, "high": None,
            "verdict": "relieved", "at": NOW})
    rows.put(ledger, notices, *({
        "story_id": "S-1", "author": name, "channel": "mail", "product": "shop", "release": "1.1.0", "language": "en",
        "voice_id": "a-0", "message_id": name, "status": "sent" if sent else "waiting", "attempts": 1, "problem": None,
        "made_at": ago(1), "tried_at": None, "sent_at": sent, "answer": answer}
        for name, sent, answer in (("kim", ago(1), "v"), ("lee", ago(1), None), ("park", None, None))))
    found = at_now(ledger)
    assert (found.predicted, found.realised, found.error, found.measured) == (0.6, 0.6, 0.1, 2)
    assert (found.told, found.replied) == (2, 1)
