"""A scope is proposed, decided, and rests where nothing would change."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, update

from include.errors import InputError
from include.key import Key
from include.ledger.engine import reading, writing
from include.ledger.runs import Result, Run
from include.ledger.tables import (
    commit_stories,
    commits,
    decisions,
    outcomes,
    scope_items,
    scopes,
    stories,
    story_blocks,
    themes,
    voices,
)
from include.product import Product
from include.scope_planning.run import ask_again, decide, explain, propose
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
    """A story and a theme for each name, with as many people; a story takes 2 days, so two of them fit."""
    for name, count in people.items():
        rows.theme(engine, name, [NOW] * count, text=f"voice of {name} | <b>")
        rows.story(engine, f"S-{name}", name)


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
                      "problems": [], "again": False, "publish": ["shop"]}
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
    assert row.replace("\\|", "").count("|") == 9
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


def fields(pins: str = "", exclude: str = "", capacity: str = "4") -> dict[str, Any]:
    return YES | {"fields": {"pins": pins, "exclude": exclude, "capacity": capacity}}


def items(engine: Engine, scope: str) -> dict[str, dict[str, Any]]:
    return {row["story_id"]: row for row in rows.get(engine, scope_items, scope_id=scope)}


def test_a_form_that_was_not_changed_approves_what_it_shows(ledger: Engine) -> None:
    stage(ledger, a=50, b=30, c=10)
    question, answer = turn(ledger, ASKING, RUN, fields())
    assert question["fields"] == {"pins": "", "exclude": "", "capacity": "4"}
    assert (answer["scoped"], answer["again"]) == (["S-a", "S-b"], False)


def test_what_a_person_changes_is_planned_anew_recorded_and_holds(ledger: Engine) -> None:
    stage(ledger, a=50, b=30, c=10, d=5)
    question, answer = turn(ledger, ASKING, RUN, fields(pins="S-d", exclude=" S-a;", capacity="6"))
    assert (answer["scoped"], answer["publish"], ask_again(ledger, RUN)) == (["S-b", "S-c", "S-d"], ["shop"], [])
    (scope,) = rows.get(ledger, scopes)
    assert (scope["capacity"], scope["used"], scope["status"]) == (6.0, 6.0, "approved")
    assert scope["settings"]["asked"] == {"pins": "S-d", "exclude": "S-a", "capacity": "6"}
    assert items(ledger, question["scope"])["S-a"]["why"] == "is excluded"
    assert items(ledger, question["scope"])["S-d"]["why"] == "pinned; 2 days"
    stage(ledger, e=60)
    question = propose(ledger, ASKING, later(2))
    assert question["chosen"] == ["S-b", "S-d", "S-e"]  # still pinned, excluded and six days
    assert question["fields"] == {"pins": "S-d", "exclude": "S-a", "capacity": "6"}
    assert "Changed against the scope of 2026\\-03\\-02" in question["body"]
    assert "in\\: story S\\-e" in question["body"] and "out\\: story S\\-c" in question["body"]
    other = rows.product(planning={"capacity": 2, "approval": {"by": "person"}})
    assert propose(ledger, other, later(3))["chosen"] == ["S-e"]  # the product file was changed since: it holds


@pytest.mark.parametrize(("asked", "problem"), [
    (fields(pins="S-nobody, S-a"), "there is no story 'S-nobody' to be planned"),
    (fields(pins="S-a", exclude="S-a"), "S-a can't be both pinned and excluded"),
    (fields(capacity="-1"), "the capacity must be a number of person-days above 0, not '-1'"),
    (fields(capacity="nan"), "the capacity must be"), (fields(capacity="1e999"), "the capacity must be"),
    (fields(capacity=""), "the capacity must be"),
    (fields(pins="S-a S-b S-c"), "S-c is pinned, but there is no room for it and what it waits for")])
def test_a_change_that_can_not_be_done_approves_nothing_and_is_asked_about_again(
        ledger: Engine, asked: dict[str, Any], problem: str) -> None:
    stage(ledger, a=50, b=30, c=10)
    _, answer = turn(ledger, ASKING, RUN, asked)
    assert (answer["accepted"], answer["publish"], ask_again(ledger, RUN)) == (False, [], ["shop"])
    assert any(text.startswith(problem) for text in answer["problems"])
    assert statuses(ledger) == {"a": "ready", "b": "ready", "c": "ready"}
    (scope,) = rows.get(ledger, scopes)
    assert scope["status"] == "returned" and problem in rows.get(ledger, decisions)[0]["note"]
    assert rows.trail_problems(ledger) == []
    question, answer = turn(ledger, ASKING, later(2))
    assert question["ask"] and "could not be taken over" in question["body"] and answer["publish"] == ["shop"]
    assert propose(ledger, ASKING, later(3))["unchanged"]


def test_a_rejected_change_is_asked_about_again_with_it(ledger: Engine) -> None:
    stage(ledger, a=50, b=30, c=10)
    _, answer = turn(ledger, ASKING, RUN, fields(exclude="S-a") | {"accepted": False})
    assert (answer["accepted"], answer["publish"], ask_again(ledger, RUN)) == (False, [], ["shop"])
    assert rows.get(ledger, scopes)[0]["status"] == "rejected"
    assert propose(ledger, ASKING, later(2))["chosen"] == ["S-b", "S-c"]


def test_every_figure_can_be_opened_to_its_rows(ledger: Engine) -> None:
    stage(ledger, a=40, b=30)
    old = NOW - timedelta(days=200)
    rows.theme(ledger, "a", [old], author="one who wrote long ago")
    rows.theme(ledger, "a", [NOW] * 3, author="one who wrote three times")
    for n in range(3):
        rows.story(ledger, f"S-done{n}", status="released", effort_days=float(n + 3), edited_by="ada", kind="bug")
    question = propose(ledger, ALONE, RUN)
    with reading(ledger) as connection:
        opened = explain(connection, question["scope"], "S-a")
    item = items(ledger, question["scope"])["S-a"]
    factors = item["factors"]
    assert len({row["author"] for row in opened["reach"]}) == 41  # the old one is not of this quarter
    assert factors["reach"] == round(41 * 13 / 4)  # all wrote in the last month, which is carried on to a quarter
    assert len(opened["impact"]) == len(opened["confidence"]) == 44
    assert [row["effort_days"] for row in opened["effort"]] == [3.0, 4.0, 5.0] and factors["effort"] == 4.0
    assert factors["from"]["effort"]["basis"] == "the median of the team's estimates of the same kind and category"
    assert opened["held"] == []
    with reading(ledger) as connection:
        assert explain(connection, "nothing", "S-a") == {}


def test_severe_troubles_weigh_more(ledger: Engine) -> None:
    stage(ledger, a=10, b=10)
    with writing(ledger) as connection:
        connection.execute(update(voices).where(voices.c.id.startswith("b-")).values(severity="critical"))
    found = items(ledger, propose(ledger, ALONE, RUN)["scope"])
    assert (found["S-a"]["factors"]["impact"], found["S-b"]["factors"]["impact"]) == (2.0, 3.0)


def test_a_blocked_story_is_out_until_it_is_unblocked(ledger: Engine) -> None:
    stage(ledger, a=50, b=30, c=10)
    block = {"id": "b1", "story_id": "S-a", "product": "shop", "on_product": "wares", "on_story": None, "needs": ">=2",
             "reason": "wares >=2 to be deployed", "by": "rule", "since": NOW, "until": None, "ended": None}
    rows.put(ledger, story_blocks, block)
    question = propose(ledger, ALONE, RUN)
    found = items(ledger, question["scope"])["S-a"]
    assert question["chosen"] == ["S-b", "S-c"]
    assert (found["why"], found["change"]) == ("waits for wares >=2 to be deployed", "in when done: wares >=2 to be deployed")
    rows.put(ledger, story_blocks, block | {"until": NOW})
    assert propose(ledger, ALONE, later(2))["chosen"] == ["S-a", "S-b"]


def test_a_story_waits_for_another_and_a_date_is_kept(ledger: Engine) -> None:
    stage(ledger, a=50, b=30, c=10, d=1)
    rows.put(ledger, story_blocks, {"id": "b1", "story_id": "S-a", "product": "shop", "on_product": None, "on_story": "S-c",
                                    "needs": None, "reason": "S-c", "by": "ada", "since": NOW, "until": None, "ended": None})
    with writing(ledger) as connection:
        connection.execute(update(stories).where(stories.c.id == "S-d").values(due_at=NOW + timedelta(days=15), category="law"))
    assert propose(ledger, rows.product(planning={"capacity": 6}), RUN)["chosen"] == ["S-a", "S-c", "S-d"]
    ahead = rows.product(planning={"capacity": 2, "iterations": 4, "iteration_days": 7})
    found = items(ledger, propose(ledger, ahead, later(2))["scope"])
    assert found["S-d"]["iteration"] <= 2 and found["S-c"]["iteration"] < found["S-a"]["iteration"]


def test_a_draft_is_shown_and_not_scoped(ledger: Engine) -> None:
    stage(ledger, a=50)
    rows.story(ledger, "S-raw", "a", status="draft", quality=[
        {"rule": "role", "severity": "error", "message": "it names no role"},
        {"rule": "short", "severity": "warning", "message": "long"}])
    question, _ = turn(ledger, ALONE, RUN)
    assert question["chosen"] == ["S-a"] and statuses(ledger)["raw"] == "draft"
    assert items(ledger, question["scope"])["S-raw"]["why"] == "is a draft: it names no role"


def test_predictions_that_did_not_hold_lower_confidence_visibly(ledger: Engine) -> None:
    stage(ledger, a=50)
    for n in range(4):
        rows.theme(ledger, f"old{n}", [NOW - timedelta(days=300)], kind="bug")
        rows.story(ledger, f"S-old{n}", f"old{n}", status="resolved", relief={"expected": 0.8})
        rows.put(ledger, outcomes, {
            "story_id": f"S-old{n}", "theme_id": f"old{n}", "release": "1.0.0", "exposure": "requests", "before_voices": 9,
            "before_exposure": 1.0, "after_voices": 8, "after_exposure": 1.0, "effect": 0.9, "low": 0.5, "high": 1.5,
            "verdict": "unchanged", "at": NOW})
    question = propose(ledger, ASKING, RUN)
    factors = items(ledger, question["scope"])["S-a"]["factors"]
    assert factors["held"] == pytest.approx(0.2857, abs=0.001) == factors["confidence"]
    assert "How predictions held" in question["body"] and "| 80% | 10% |" in question["body"]
    with reading(ledger) as connection:
        assert len(explain(connection, question["scope"], "S-a")["held"]) == 4


def test_the_teams_own_score_is_shown(ledger: Engine) -> None:
    stage(ledger, a=50, b=30)
    product = rows.product(planning={"method": "own", "score": "1000 - reach", "capacity": 2, "approval": {"by": "person"}})
    question = propose(ledger, product, RUN)
    assert question["chosen"] == ["S-b"] and "the team's own expression" in question["body"]


def test_who_is_asked_and_for_how_long_is_told_to_the_form(ledger: Engine) -> None:
    stage(ledger, a=50)
    product = rows.product(planning={"approval": {
        "by": "person", "assigned": ["ada"], "timeout_hours": 48, "on_timeout": "reject"}})
    question = propose(ledger, product, RUN)
    assert (question["assigned"], question["timeout_hours"], question["on_timeout"]) == (["ada"], 48, "reject")


def prepare(engine: Engine, folder: Path) -> None:
    stage(engine, a=50, b=30)
    turn(engine, ALONE, replace(RUN, run_id="before", at=NOW - timedelta(hours=1)))
    stage(engine, c=40)


def scenario(engine: Engine, folder: Path) -> list[Result]:
    return list(turn(engine, ASKING, RUN, fields(pins="S-b", capacity="6")))


def test_a_kill_changes_nothing(migrated: Path, tmp_path: Path) -> None:
    assert ledger_after_kills(migrated, tmp_path, f"{__name__}:scenario", at_most=30) == 30
