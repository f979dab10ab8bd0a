"""A scope is proposed, decided, and rests where nothing would change."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, update

from include.errors import InputError
from include.key import Key
from include.ledger.engine import writing
from include.ledger.runs import Result, Run
from include.ledger.tables import commit_stories, commits, decisions, scope_items, scopes, stories, themes
from include.product import Product
from include.scope_planning.run import decide, propose
from tests import rows
from tests.conftest import NOW
from tests.crash import ledger_after_kills

RUN = Run("scope_planning", "run-1", Key("shop"), NOW)
YES = {"accepted": True, "by": "ada", "note": "go"}
NO = {"accepted": False, "by": "ada", "note": "too much"}
ASKING = rows.product(planning={"capacity": 4, "approval": {"by": "person"}})
ALONE = rows.product(planning={"capacity": 4})


def later(n: int) -> Run:
    return replace(RUN, run_id=f"run-{n}", at=NOW + timedelta(hours=n))


def stage(engine: Engine, **people: int) -> None:
    """A story and a theme for each name; a story takes 2 days, so two of them fit."""
    for name, count in people.items():
        rows.theme(engine, name, [NOW, NOW], text=f"voice of {name} | <b>")
        rows.story(engine, f"S-{name}", name, evidence={"people": count})


def statuses(engine: Engine, table: Any = stories) -> dict[str, str]:
    return {row["id"].removeprefix("S-"): row["status"] for row in rows.get(engine, table)}


def turn(engine: Engine, product: Product, run: Run, decision: dict[str, Any] = YES) -> tuple[Result, Result]:
    return propose(engine, product, run), decide(engine, product, run, decision)


def test_an_approved_scope_scopes_its_stories_and_plans_their_themes(ledger: Engine) -> None:
    stage(ledger, a=50, b=30, c=10)
    question, answer = turn(ledger, ASKING, RUN)
    assert (question["ask"], question["unchanged"], question["chosen"]) == (True, False, ["S-a", "S-b"])
    assert question["subject"] == "Scope of Tea shop: 2 of 3 stories, 4 of 4 person-days"
    assert answer == {"scope": question["scope"], "accepted": True, "scoped": ["S-a", "S-b"], "released_from_scope": [],
                      "publish": ["shop"]}
    assert statuses(ledger) == {"a": "scoped", "b": "scoped", "c": "ready"}
    assert statuses(ledger, themes) == {"a": "planned", "b": "planned", "c": "open"}
    (scope,) = rows.get(ledger, scopes)
    assert (scope["status"], scope["decided_by"], scope["note"], scope["used"]) == ("approved", "ada", "go", 4.0)
    assert [(row["story_id"], row["rank"], row["chosen"]) for row in rows.get(ledger, scope_items)] == [
        ("S-a", 1, True), ("S-b", 2, True), ("S-c", 3, False)]
    assert [(row["gate"], row["decision"]) for row in rows.get(ledger, decisions, subject=scope["id"])] == [("scope", "approved")]
    assert rows.types(ledger) == ["approval.closed", "closedloop-scope.decided"]
    assert rows.trail_problems(ledger) == []


def test_the_question_shows_untrusted_text_as_it_is(ledger: Engine) -> None:
    stage(ledger, a=50)
    with writing(ledger) as connection:
        connection.execute(update(stories).values(title="x | <script>alert(1)</script> [a](javascript:b)\n# y"))
    body = propose(ledger, ASKING, RUN)["body"]
    assert "<script>" not in body and "](javascript" not in body and "\n# y" not in body
    row = next(line for line in body.splitlines() if line.startswith("| **in**"))
    assert row.replace("\\|", "").count("|") == 8
    assert "voice of a \\| \\<b\\>" in row


def test_a_rejected_scope_changes_no_story(ledger: Engine) -> None:
    stage(ledger, a=50, b=30)
    _, answer = turn(ledger, ASKING, RUN, NO)
    assert answer["publish"] == [] and answer["scoped"] == []
    assert statuses(ledger) == {"a": "ready", "b": "ready"} and statuses(ledger, themes) == {"a": "open", "b": "open"}
    assert rows.get(ledger, scopes)[0]["status"] == "rejected"
    assert rows.trail_problems(ledger) == []
    assert propose(ledger, ASKING, later(2))["ask"] is True  # asked again when something new comes


def test_nobody_is_asked_where_the_product_leaves_it_to_the_rule(ledger: Engine) -> None:
    stage(ledger, a=50)
    question, answer = turn(ledger, ALONE, RUN, YES | {"by": "automatic"})
    assert (question["ask"], answer["publish"]) == (False, ["shop"])
    assert rows.types(ledger) == ["closedloop-scope.decided"]


@pytest.mark.parametrize("product", [ASKING, ALONE])
def test_it_rests_where_nothing_would_change(ledger: Engine, product: Product) -> None:
    stage(ledger, a=50, b=30, c=10)
    turn(ledger, product, RUN)
    question, answer = turn(ledger, product, later(2))
    assert (question["ask"], question["unchanged"], question["chosen"], question["scope"]) == (False, True, [], None)
    assert answer["publish"] == []
    assert len(rows.get(ledger, scopes)) == 1


def test_it_rests_without_stories(ledger: Engine) -> None:
    question, answer = turn(ledger, ASKING, RUN)
    assert (question["ask"], question["chosen"], answer["publish"]) == (False, [], [])


def test_a_better_story_takes_the_place_of_one_that_nobody_has_begun(ledger: Engine) -> None:
    stage(ledger, a=50, b=30)
    turn(ledger, ALONE, RUN)
    stage(ledger, c=40)
    _, answer = turn(ledger, ALONE, later(2))
    assert (answer["scoped"], answer["released_from_scope"]) == (["S-a", "S-c"], ["S-b"])
    assert statuses(ledger) == {"a": "scoped", "b": "ready", "c": "scoped"}
    assert statuses(ledger, themes) == {"a": "planned", "b": "open", "c": "planned"}


def test_a_story_in_a_candidate_stays_in(ledger: Engine) -> None:
    stage(ledger, a=50, b=30)
    turn(ledger, ALONE, RUN)
    rows.release(ledger, "1.1.0")
    rows.put(ledger, commits, {"product": "shop", "sha": "c" * 40, "author": None, "at": NOW, "subject": "fix", "kind": "fix",
                               "breaking": False, "release": "shop|1.1.0"})
    rows.put(ledger, commit_stories, {"product": "shop", "sha": "c" * 40, "story_id": "S-b"})
    stage(ledger, c=40, d=60)
    _, answer = turn(ledger, ALONE, later(2))
    assert answer["scoped"] == ["S-b", "S-d"]


def test_a_reopened_story_is_scoped_again(ledger: Engine) -> None:
    stage(ledger, a=50)
    turn(ledger, ALONE, RUN)
    with writing(ledger) as connection:
        connection.execute(update(stories).values(status="reopened"))
        connection.execute(update(themes).values(status="reopened"))
    question, answer = turn(ledger, ALONE, later(2))
    assert (question["unchanged"], answer["publish"]) == (False, ["shop"])
    assert statuses(ledger) == {"a": "scoped"} and statuses(ledger, themes) == {"a": "planned"}


def test_a_story_released_before_the_decision_stays_released(ledger: Engine) -> None:
    stage(ledger, a=50, b=30)
    propose(ledger, ASKING, RUN)
    with writing(ledger) as connection:
        connection.execute(update(stories).where(stories.c.id == "S-a").values(status="released"))
    decide(ledger, ASKING, RUN, YES)
    assert statuses(ledger) == {"a": "released", "b": "scoped"}


def test_wsjf_is_planned_the_same_way(ledger: Engine) -> None:
    stage(ledger, a=50, b=30)
    propose(ledger, rows.product(planning={"method": "wsjf", "capacity": 2}), RUN)
    assert rows.get(ledger, scopes)[0]["method"] == "wsjf"
    assert {"business_value", "job_size"} <= set(rows.get(ledger, scope_items)[0]["factors"])


def test_a_decision_without_a_proposal_is_refused(ledger: Engine) -> None:
    with pytest.raises(InputError, match="proposed no scope"):
        decide(ledger, ASKING, RUN, YES)


def test_what_a_person_types_is_kept_as_plain_text(ledger: Engine) -> None:
    stage(ledger, a=50)
    turn(ledger, ASKING, RUN, YES | {"note": "a\x00b\u202e\n" + "c" * 5000})
    (row,) = rows.get(ledger, decisions)
    assert row["note"].startswith("a b c") and len(row["note"]) == 2000


def prepare(engine: Engine, folder: Path) -> None:
    stage(engine, a=50, b=30)
    turn(engine, ALONE, replace(RUN, run_id="before", at=NOW - timedelta(hours=1)))
    stage(engine, c=40)


def scenario(engine: Engine, folder: Path) -> list[Result]:
    return list(turn(engine, ASKING, RUN))


def test_a_kill_changes_nothing(migrated: Path, tmp_path: Path) -> None:
    assert ledger_after_kills(migrated, tmp_path, f"{__name__}:scenario") > 30
