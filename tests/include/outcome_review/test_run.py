"""A released story's theme is measured, resolved, reopened, and only what was listened to counts."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, update

from include.key import Key
from include.ledger.engine import writing
from include.ledger.runs import Result, Run
from include.ledger.tables import commit_stories, commits, events, intakes, outcomes, phase_runs, stories, theme_events, themes
from include.outcome_review.run import review
from tests import rows
from tests.conftest import NOW
from tests.crash import ledger_after_kills

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
START = NOW - timedelta(hours=4)  # the first minute served
SHIPPED = NOW - timedelta(hours=2)
RUN = Run("outcome_review", "run-1", Key("shop"), NOW)
SOURCE = {"name": "reviews", "path": "reviews.csv", "format": "csv"}
SHOP = rows.product(voices={"sources": [SOURCE]})
DAYS = rows.product(voices={"sources": [SOURCE]}, outcome={"exposure": "days"})


def heard(engine: Engine, at: datetime, source: str = "reviews", error: str | None = None) -> None:
    rows.put(engine, intakes, {"run_id": f"heard {at:%j %H%M%S}", "product": "shop", "source": source, "read": 0, "stored": 0,
                               "duplicates": 0, "quarantined": 0, "error": error, "at": at})


def counted(engine: Engine, at: datetime, key: str = "shop") -> None:
    rows.put(engine, phase_runs, {"phase": "monitoring_rollups", "run_id": f"counted {at:%j %H%M}", "key": key, "at": at,
                                  "result": {}})


def ship(engine: Engine, version: str, at: datetime, *story_ids: str) -> None:
    rows.release(engine, version)
    rows.deployment(engine, version, at, at + 30 * SECOND, previous="1.0.0")
    rows.put(engine, commits, {"product": "shop", "sha": version, "author": None, "at": at, "subject": "fix", "kind": "fix",
                               "breaking": False, "release": f"shop|{version}"})
    rows.put(engine, commit_stories, *({"product": "shop", "sha": version, "story_id": story} for story in story_ids))


def every(start: datetime, minutes: int, step: int) -> list[datetime]:
    """A time each `step` minutes, at half of the minute."""
    return [start + n * MINUTE + 30 * SECOND for n in range(0, minutes, step)]


def stage(engine: Engine, before: int = 2, after: int = 0, status: str = "released") -> None:
    """A complaint each `before` minutes for two hours, then a release, then one each `after` minutes (0: none)."""
    written = every(START, 120, before) + (every(SHIPPED + 5 * MINUTE, 115, after) if after else [])
    rows.theme(engine, "t", written, status="planned")
    rows.story(engine, "S-1", "t", status=status)
    rows.traffic(engine, START, 120, requests=20)
    rows.traffic(engine, SHIPPED, 120, requests=20, version="1.1.0")
    ship(engine, "1.1.0", SHIPPED, "S-1")
    heard(engine, NOW)
    counted(engine, NOW)


def outcome(engine: Engine, **where: Any) -> dict[str, Any]:
    (row,) = rows.get(engine, outcomes, **where)
    return row


def status(engine: Engine) -> tuple[str, str]:
    return rows.get(engine, stories, id="S-1")[0]["status"], rows.get(engine, themes, id="t")[0]["status"]


def test_relief_resolves_the_theme_and_its_story(ledger: Engine) -> None:
    stage(ledger)
    result = review(ledger, SHOP, RUN)
    loop = result.pop("loop")
    assert (loop["heard"], loop["answered"], loop["relieved"], loop["relieved_voices"]) == (60, 60, 1, 60)
    assert result == {"measured": 1, "resolved": ["S-1"], "reopened": [], "publish": [], "to_tell": 0, "answers": 0,
                      "verdicts": {"S-1 t shop|1.1.0": "relieved"}}
    row = outcome(ledger)
    assert (row["before_voices"], row["before_exposure"], row["after_voices"], row["after_exposure"]) == (60, 2400, 0, 2380)
    assert row["effect"] == 0 and row["low"] == 0 and row["high"] < 0.1
    assert status(ledger) == ("resolved", "resolved")
    assert [row["kind"] for row in rows.get(ledger, theme_events)] == ["resolved"]
    assert rows.types(ledger) == ["closedloop-outcome.measured", "closedloop-theme.changed", "ticket.closed"]
    assert rows.trail_problems(ledger) == []


@pytest.mark.parametrize(("before", "after", "says", "then"), [
    (2, 2, "unchanged", ("released", "planned")), (10, 1, "worse", ("reopened", "reopened")),
    (24, 0, "too early", ("released", "planned"))])
def test_the_other_verdicts(ledger: Engine, before: int, after: int, says: str, then: tuple[str, str]) -> None:
    stage(ledger, before, after)
    review(ledger, SHOP, RUN)
    assert outcome(ledger)["verdict"] == says
    assert status(ledger) == then


def test_by_days(ledger: Engine) -> None:
    rows.theme(ledger, "t", [NOW - timedelta(days=n, hours=1) for n in range(11, 31)], status="planned")
    rows.story(ledger, "S-1", "t", status="released")
    ship(ledger, "1.1.0", NOW - timedelta(days=10), "S-1")
    heard(ledger, NOW)
    review(ledger, DAYS, RUN)
    row = outcome(ledger)
    assert (row["exposure"], row["before_voices"], row["after_voices"], row["verdict"]) == ("days", 20, 0, "relieved")
    assert row["before_exposure"] == pytest.approx(20 + 1 / 24)  # since the first voice
    assert row["after_exposure"] == pytest.approx(10, abs=0.01)


@pytest.mark.parametrize("listened", [None, SHIPPED - MINUTE, SHIPPED + 4 * MINUTE])
def test_silence_that_nobody_listened_to_is_no_relief(ledger: Engine, listened: datetime | None) -> None:
    stage(ledger)
    with writing(ledger) as connection:
        connection.execute(intakes.delete())
    heard(ledger, NOW, error="the file was gone")
    if listened:
        heard(ledger, listened)
    review(ledger, SHOP, RUN)
    assert outcome(ledger)["verdict"] == "too early"
    assert outcome(ledger)["after_exposure"] == (60 if listened and listened > SHIPPED else 0)


def test_all_sources_must_have_been_heard(ledger: Engine) -> None:
    stage(ledger)
    both = rows.product(voices={"sources": [SOURCE, SOURCE | {"name": "tickets"}]})
    review(ledger, both, RUN)
    assert outcome(ledger)["verdict"] == "too early"
    heard(ledger, NOW - SECOND, source="tickets")
    review(ledger, both, replace(RUN, run_id="run-2"))
    assert outcome(ledger)["verdict"] == "relieved"


def test_traffic_that_was_not_counted_yet_is_no_exposure(ledger: Engine) -> None:
    stage(ledger)
    heard(ledger, NOW + MINUTE)
    rows.theme(ledger, "t", [NOW + SECOND] * 50, status="planned")  # voices of a minute whose traffic isn't known
    rows.traffic(ledger, NOW, 1, requests=1, version="1.1.0")  # the begin of that minute's traffic
    later = replace(RUN, at=NOW + 2 * MINUTE)
    review(ledger, SHOP, later)
    assert (outcome(ledger)["after_voices"], outcome(ledger)["after_exposure"]) == (0, 2380)
    counted(ledger, NOW + MINUTE, key="shop|1.1.0")
    review(ledger, SHOP, replace(later, run_id="run-2"))
    assert (outcome(ledger)["after_voices"], outcome(ledger)["after_exposure"]) == (50, 2381)


def test_the_time_in_which_both_versions_served_counts_for_neither(ledger: Engine) -> None:
    stage(ledger)
    rows.traffic(ledger, SHIPPED, 20, requests=5, version="1.0.0")
    rows.theme(ledger, "t", every(SHIPPED, 20, 1), status="planned")
    review(ledger, SHOP, RUN)
    row = outcome(ledger)
    assert (row["before_voices"], row["after_voices"], row["after_exposure"]) == (60, 0, 100 * 20)


def test_praise_and_signals_are_no_complaints_of_customers(ledger: Engine) -> None:
    stage(ledger)
    rows.theme(ledger, "t", every(SHIPPED + 5 * MINUTE, 60, 1), status="planned", origin="operation")
    review(ledger, SHOP, RUN)
    assert outcome(ledger)["after_voices"] == 0


def test_a_theme_of_operations_is_measured_by_its_signals(ledger: Engine) -> None:
    stage(ledger)
    rows.theme(ledger, "o", every(START, 120, 3), status="planned", origin="operation", kind="operation")
    rows.story(ledger, "S-2", "o", status="released", kind="operation")
    rows.put(ledger, commit_stories, {"product": "shop", "sha": "1.1.0", "story_id": "S-2"})
    heard(ledger, NOW, source="operations")
    assert review(ledger, SHOP, RUN)["verdicts"]["S-2 o shop|1.1.0"] == "relieved"
    assert outcome(ledger, story_id="S-2")["before_voices"] == 40


def test_an_undeployed_or_rolled_back_release_is_not_measured(ledger: Engine) -> None:
    rows.theme(ledger, "t", every(START, 120, 2), status="planned")
    rows.story(ledger, "S-1", "t", status="released")
    rows.traffic(ledger, START, 240, requests=20)
    ship(ledger, "1.1.0", SHIPPED, "S-1")
    rows.deployment(ledger, "1.1.0", SHIPPED, SHIPPED + MINUTE, status="rolled_back")
    heard(ledger, NOW)
    assert review(ledger, SHOP, RUN)["measured"] == 0


def test_a_commit_is_shipped_by_the_first_deployment_that_holds_it(ledger: Engine) -> None:
    stage(ledger)
    rows.deployment(ledger, "1.1.0", SHIPPED, None, status="failed")  # the same row: 1.1.0 never made it
    rows.deployment(ledger, "1.10.0", SHIPPED + 3 * MINUTE, SHIPPED + 4 * MINUTE, previous="1.0.0")
    rows.deployment(ledger, "2.0.0", SHIPPED + 30 * MINUTE, SHIPPED + 31 * MINUTE, previous="1.10.0")
    assert list(review(ledger, SHOP, RUN)["verdicts"]) == ["S-1 t shop|1.10.0"]


def test_a_release_that_a_person_rolled_back_brought_nothing_until_it_comes_again(ledger: Engine) -> None:
    stage(ledger)
    rows.deployment(ledger, "1.0.0", SHIPPED + 10 * MINUTE, SHIPPED + 11 * MINUTE, previous="1.1.0", kind="rollback", by="kim")
    assert review(ledger, SHOP, RUN)["measured"] == 0
    rows.release(ledger, "1.1.1")
    again = SHIPPED + 40 * MINUTE
    rows.deployment(ledger, "1.1.1", again, again + 30 * SECOND, previous="1.0.0", kind="canary")
    assert review(ledger, SHOP, replace(RUN, run_id="later"))["measured"] == 1
    assert outcome(ledger)["release"] == "shop|1.1.1"


def test_nothing_is_said_twice(ledger: Engine) -> None:
    stage(ledger)
    review(ledger, SHOP, RUN)
    before = rows.get(ledger, events)
    result = review(ledger, SHOP, replace(RUN, run_id="run-2"))
    assert (result["measured"], result["resolved"]) == (1, [])
    assert rows.get(ledger, events) == before and len(rows.get(ledger, theme_events)) == 1


def test_complaints_that_come_back_after_relief_reopen_the_story_once(ledger: Engine) -> None:
    stage(ledger)
    review(ledger, SHOP, RUN)
    rows.traffic(ledger, NOW, 100, requests=20, version="1.1.0")
    rows.theme(ledger, "t", every(NOW, 100, 2), status="resolved")
    heard(ledger, NOW + timedelta(hours=2))
    counted(ledger, NOW + timedelta(hours=2))
    later = replace(RUN, run_id="run-2", at=NOW + timedelta(hours=2))
    result = review(ledger, SHOP, later)
    assert result["reopened"] == ["S-1"] and status(ledger) == ("reopened", "reopened")
    assert (outcome(ledger)["verdict"], outcome(ledger)["after_exposure"]) == ("worse", 99 * 20)  # since it was resolved
    again = review(ledger, SHOP, replace(later, run_id="run-3"))
    assert again["reopened"] == [] and status(ledger) == ("reopened", "reopened")


def test_a_reopened_story_is_resolved_by_its_next_release_only(ledger: Engine) -> None:
    stage(ledger, before=10, after=1)
    review(ledger, SHOP, RUN)
    assert status(ledger) == ("reopened", "reopened")
    again = NOW + 10 * MINUTE
    ship(ledger, "1.2.0", again, "S-1")
    rows.traffic(ledger, NOW, 10, requests=20, version="1.1.0")
    rows.traffic(ledger, again, 100, requests=20, version="1.2.0")
    with writing(ledger) as connection:
        connection.execute(update(stories).values(status="released"))
        connection.execute(update(themes).values(status="planned"))
    heard(ledger, again + timedelta(hours=2))
    counted(ledger, again + timedelta(hours=2))
    result = review(ledger, SHOP, replace(RUN, run_id="run-2", at=again + timedelta(hours=2)))
    assert result["verdicts"] == {"S-1 t shop|1.1.0": "worse", "S-1 t shop|1.2.0": "relieved"}
    assert status(ledger) == ("resolved", "resolved")


def test_a_story_of_two_themes_is_resolved_with_the_last_of_them(ledger: Engine) -> None:
    stage(ledger)
    rows.theme(ledger, "u", every(START, 240, 2), status="planned")
    rows.story(ledger, "S-1", "t", "u", status="released")
    assert review(ledger, SHOP, RUN)["resolved"] == []
    assert status(ledger) == ("released", "resolved")


@pytest.mark.parametrize(("deployed", "blamed"), [(0, "shop|2.0.0"), (-50, None)])
def test_a_reopened_story_names_the_release_that_brought_it_back(ledger: Engine, deployed: int, blamed: str | None) -> None:
    stage(ledger)
    review(ledger, SHOP, RUN)
    back = NOW + 60 * MINUTE
    rows.deployment(ledger, "1.9.0", NOW + 5 * MINUTE, NOW + 6 * MINUTE, previous="1.1.0")
    rows.deployment(ledger, "2.0.0", back + deployed * MINUTE, back + deployed * MINUTE + SECOND, previous="1.9.0")
    rows.traffic(ledger, NOW, 260, requests=20, version="1.1.0")
    rows.theme(ledger, "t", every(back, 200, 1), status="resolved")
    later = replace(RUN, run_id="run-2", at=NOW + 260 * MINUTE)
    heard(ledger, later.at)
    counted(ledger, later.at)
    assert review(ledger, SHOP, later)["reopened"] == ["S-1"]
    assert (outcome(ledger)["verdict"], outcome(ledger)["brought_by"]) == ("worse", blamed)
    [event] = rows.get(ledger, theme_events, kind="reopened")
    assert event["detail"]["brought_by"] == blamed
    assert rows.get(ledger, stories)[0]["evidence"]["back"]["release"] == blamed
    assert status(ledger) == ("reopened", "reopened")
    review(ledger, SHOP, replace(later, run_id="run-3"))
    assert outcome(ledger)["brought_by"] == blamed and outcome(ledger)["at"] == later.at  # it stands


def test_a_theme_that_comes_back_after_its_window_is_found(ledger: Engine) -> None:
    rows.theme(ledger, "t", [NOW - timedelta(days=n, hours=1) for n in range(11, 39)] * 2, status="planned")
    rows.story(ledger, "S-1", "t", status="released")
    ship(ledger, "1.1.0", NOW - timedelta(days=10), "S-1")
    heard(ledger, NOW)
    review(ledger, DAYS, RUN)
    assert status(ledger) == ("resolved", "resolved") and outcome(ledger)["closed_at"] is None
    for day in (30, 40):
        at = NOW + timedelta(days=day)
        heard(ledger, at)
        review(ledger, DAYS, replace(RUN, run_id=f"run-{day}", at=at))
    assert outcome(ledger)["closed_at"] == NOW + timedelta(days=30) == outcome(ledger)["at"]  # then it stands
    ship(ledger, "1.2.0", NOW + timedelta(days=60))
    rows.theme(ledger, "t", [NOW + timedelta(days=60, hours=8 * n + 1) for n in range(30)], status="resolved")
    heard(ledger, NOW + timedelta(days=70))
    review(ledger, DAYS, replace(RUN, run_id="run-70", at=NOW + timedelta(days=70)))
    assert status(ledger) == ("reopened", "reopened") and outcome(ledger)["brought_by"] == "shop|1.2.0"


def test_too_early_says_until_when(ledger: Engine) -> None:
    rows.theme(ledger, "t", [NOW - timedelta(days=2 + n / 8, hours=1) for n in range(224)], status="planned")
    rows.theme(ledger, "rare", [NOW - timedelta(days=n, hours=1) for n in range(3, 30, 9)], status="planned")
    rows.story(ledger, "S-1", "t", "rare", status="released")
    ship(ledger, "1.1.0", NOW - timedelta(days=2), "S-1")
    rows.theme(ledger, "t", [NOW - timedelta(hours=n) for n in range(1, 30, 3)], status="planned")
    heard(ledger, NOW)
    review(ledger, DAYS, RUN)
    row = outcome(ledger, theme_id="t")
    assert row["verdict"] == "too early" and row["dispersion"] >= 1
    assert timedelta(days=1) < row["known_by"] - NOW < timedelta(days=20)
    assert outcome(ledger, theme_id="rare")["known_by"] is None  # three complaints in four weeks: not within the window


def prepare(engine: Engine, folder: Path) -> None:
    stage(engine)


def scenario(engine: Engine, folder: Path) -> Result:
    return review(engine, SHOP, RUN)


def test_a_kill_changes_nothing(migrated: Path, tmp_path: Path) -> None:
    assert ledger_after_kills(migrated, tmp_path, f"{__name__}:scenario", at_most=24) > 15
