"""Stories of themes: written once, kept fresh, reopened, following merges; the loop rests where nothing is new."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, update

from include.key import Key
from include.ledger.engine import writing
from include.ledger.runs import Result, Run
from include.ledger.tables import outcomes, stories, story_revisions, story_themes, theme_events, themes, voices
from include.privacy.erasure import erase
from include.redaction import author_hash
from include.story_writing.rules import story_id
from include.story_writing.run import write
from include.story_writing.wording import gherkin_problem
from tests import rows
from tests.conftest import NOW
from tests.crash import dump, ledger_after_kills

RUN = Run("story_writing", "run-1", Key("shop"), NOW)
DAYS = [NOW - timedelta(days=n, hours=1) for n in range(10)]


def again(engine: Engine, n: int) -> Result:
    return write(engine, rows.product(), replace(RUN, run_id=f"run-{n}", at=NOW + timedelta(hours=n)))


def set_theme(engine: Engine, theme: str, **values: object) -> None:
    with writing(engine) as connection:
        connection.execute(update(themes).where(themes.c.id == theme).values(**values))


def set_story(engine: Engine, story: str, **values: object) -> None:
    with writing(engine) as connection:
        connection.execute(update(stories).where(stories.c.id == story).values(**values))


def only(engine: Engine) -> dict[str, Any]:
    (story,) = rows.get(engine, stories)
    return story


def test_a_story_a_theme_but_none_for_praise_or_what_is_settled(ledger: Engine) -> None:
    for theme, fields in {"open": {}, "asked": {"kind": "feature"}, "ops": {"kind": "operation"}, "loved": {"kind": "praise"},
                          "done": {"status": "resolved"}, "gone": {"status": "merged"}}.items():
        rows.theme(ledger, theme, DAYS, **fields)
    result = write(ledger, rows.product(), RUN)
    written = {row["theme_id"]: row["story_id"] for row in rows.get(ledger, story_themes)}
    assert written == {theme: story_id(theme) for theme in ("open", "asked", "ops")}
    assert result["publish"] == ["shop"]
    assert result["created"] == sorted(written.values())
    kinds = {row["id"]: (row["kind"], row["effort_days"], row["status"]) for row in rows.get(ledger, stories)}
    assert kinds[written["open"]] == ("bug", 2.0, "ready")
    assert kinds[written["asked"]] == ("feature", 5.0, "ready")
    assert kinds[written["ops"]] == ("operation", 2.0, "ready")
    assert rows.types(ledger) == ["ticket.created"] * 3
    assert rows.trail_problems(ledger) == []


def test_evidence_counts_people_and_names_quotes(ledger: Engine) -> None:
    rows.theme(ledger, "t", DAYS[:4], sentiment=-0.6)
    rows.theme(ledger, "t", DAYS[4:6], author=None)
    rows.theme(ledger, "t", [NOW - timedelta(days=200)])
    write(ledger, rows.product(), RUN)
    story = only(ledger)
    evidence = story["evidence"]
    assert (evidence["voices"], evidence["authors"], evidence["people"]) == (7, 5, 6)  # the old one is not of this quarter
    assert evidence["first_seen"] == (NOW - timedelta(days=200)).isoformat()
    assert evidence["quotes"] and set(evidence["quotes"]) <= {f"t-{n}" for n in range(7)}
    assert evidence["sentiment"] == pytest.approx((4 * -0.6 + 3 * -0.3) / 7, abs=1e-4)


def test_the_metric_has_its_baseline(ledger: Engine) -> None:
    rows.theme(ledger, "t", [*DAYS, NOW - timedelta(minutes=5), NOW - timedelta(minutes=7)])
    rows.traffic(ledger, NOW - timedelta(minutes=10), 10, requests=100)
    write(ledger, rows.product(), RUN)
    story = only(ledger)
    assert story["metric"] == {
        "name": "complaints per 1,000 requests", "theme": "t", "themes": ["t"], "baseline": 2.0, "direction": "down"}
    assert "per 1,000 requests are fewer than 2\n" in story["acceptance"]


def test_the_metric_by_days(ledger: Engine) -> None:
    rows.theme(ledger, "t", [NOW - timedelta(days=5), NOW - timedelta(days=1), NOW])
    write(ledger, rows.product(outcome={"exposure": "days"}), RUN)
    assert only(ledger)["metric"] == {
        "name": "complaints per day", "theme": "t", "themes": ["t"], "baseline": 0.6, "direction": "down"}


def test_nothing_new_publishes_nothing(ledger: Engine) -> None:
    rows.theme(ledger, "t", DAYS)
    write(ledger, rows.product(), RUN)
    before = only(ledger)
    assert again(ledger, 2) == {"created": [], "reopened": [], "changed": [], "dropped": [], "proposed": [], "drafts": {},
                                "refreshed": 0, "publish": []}
    assert only(ledger) == before


def test_the_same_run_says_the_same(ledger: Engine) -> None:
    rows.theme(ledger, "t", DAYS)
    assert write(ledger, rows.product(), RUN) == write(ledger, rows.product(), RUN)
    assert rows.types(ledger) == ["ticket.created"]


def test_voices_are_told_when_they_grew_by_a_fifth_since_the_last_telling(ledger: Engine) -> None:
    rows.theme(ledger, "t", DAYS)
    write(ledger, rows.product(), RUN)
    rows.theme(ledger, "t", [NOW])
    assert again(ledger, 2)["publish"] == []
    assert only(ledger)["evidence"]["voices"] == 11  # refreshed all the same
    rows.theme(ledger, "t", [NOW])
    assert again(ledger, 3)["publish"] == ["shop"]
    rows.theme(ledger, "t", [NOW])
    assert again(ledger, 4)["publish"] == []


def test_words_follow_the_theme_until_the_story_is_scoped(ledger: Engine) -> None:
    rows.theme(ledger, "t", DAYS, name="coupon")
    write(ledger, rows.product(), RUN)
    set_theme(ledger, "t", name="coupon at checkout")
    assert again(ledger, 2)["publish"] == ["shop"]
    assert (only(ledger)["title"], only(ledger)["revision"]) == ("coupon at checkout", 2)
    set_story(ledger, story_id("t"), status="scoped")
    set_theme(ledger, "t", name="something else")
    rows.theme(ledger, "t", DAYS, name="something else")
    assert again(ledger, 3)["publish"] == []
    story = only(ledger)
    assert (story["title"], story["revision"], story["evidence"]["voices"]) == ("coupon at checkout", 2, 20)


@pytest.mark.parametrize("by", ["status", "event"])
def test_a_reopened_theme_reopens_its_story_once(ledger: Engine, by: str) -> None:
    rows.theme(ledger, "t", DAYS)
    write(ledger, rows.product(), RUN)
    set_story(ledger, story_id("t"), status="resolved" if by == "status" else "reopened")
    set_theme(ledger, "t", status="reopened")
    rows.put(ledger, theme_events, {"theme_id": "t", "run_id": "x", "kind": "reopened", "at": NOW, "detail": {}})
    result = again(ledger, 2)
    assert (result["reopened"], result["publish"]) == ([story_id("t")], ["shop"])
    assert (only(ledger)["status"], only(ledger)["revision"]) == ("reopened", 2)
    assert again(ledger, 3)["publish"] == []
    set_story(ledger, story_id("t"), status="scoped")
    assert again(ledger, 4)["publish"] == []
    assert only(ledger)["status"] == "scoped"


def test_a_story_follows_its_theme_into_the_one_that_took_it_in(ledger: Engine) -> None:
    rows.theme(ledger, "a", DAYS)
    write(ledger, rows.product(), RUN)
    set_theme(ledger, "a", status="merged", merged_into="b")
    rows.theme(ledger, "b", DAYS * 3, name="both")
    result = again(ledger, 2)
    assert (result["created"], result["publish"]) == ([], ["shop"])
    assert (only(ledger)["id"], only(ledger)["title"]) == (story_id("a"), "both")
    assert again(ledger, 3)["publish"] == []


@pytest.mark.parametrize(("status", "after"), [("ready", "dropped"), ("scoped", "scoped")])
def test_of_two_stories_whose_themes_merged_one_is_dropped(ledger: Engine, status: str, after: str) -> None:
    rows.theme(ledger, "a", DAYS)
    rows.theme(ledger, "b", DAYS)
    write(ledger, rows.product(), RUN)
    set_story(ledger, story_id("a"), status=status)
    set_theme(ledger, "a", status="merged", merged_into="b")
    assert again(ledger, 2)["publish"] == (["shop"] if after == "dropped" else [])
    assert {row["id"]: row["status"] for row in rows.get(ledger, stories)} == {story_id("a"): after, story_id("b"): "ready"}
    assert again(ledger, 3)["publish"] == []


def test_of_two_stories_whose_themes_merged_what_a_person_wrote_stays(ledger: Engine) -> None:
    rows.theme(ledger, "a", DAYS)
    rows.theme(ledger, "b", DAYS)
    write(ledger, rows.product(), RUN)
    set_story(ledger, story_id("a"), edited_by="kim")
    set_theme(ledger, "a", status="merged", merged_into="b")
    assert again(ledger, 2)["dropped"] == []
    assert {row["story_id"] for row in rows.get(ledger, story_themes, theme_id="b")} == {story_id("a"), story_id("b")}


def test_a_merge_that_is_taken_back_brings_the_story_back(ledger: Engine) -> None:
    rows.theme(ledger, "a", DAYS)
    rows.theme(ledger, "b", DAYS)
    write(ledger, rows.product(), RUN)
    set_theme(ledger, "a", status="merged", merged_into="b")
    assert again(ledger, 2)["dropped"] == [story_id("a")]
    set_theme(ledger, "a", status="open", merged_into=None)
    assert again(ledger, 3)["changed"] == [story_id("a")]
    assert {row["status"] for row in rows.get(ledger, stories)} == {"ready"}
    assert again(ledger, 4)["publish"] == []


def test_a_story_foretells_what_earlier_ones_of_its_kind_did(ledger: Engine) -> None:
    rows.theme(ledger, "t", DAYS)
    rows.theme(ledger, "asked", DAYS, kind="feature")
    for n in range(3):
        rows.theme(ledger, f"old {n}", DAYS, status="resolved")
        rows.story(ledger, f"S-{n}", f"old {n}", status="resolved", title=f"old {n}")
        rows.put(ledger, outcomes, {
            "story_id": f"S-{n}", "theme_id": f"old {n}", "release": "shop|1.0.0", "exposure": "requests", "before_voices": 100,
            "before_exposure": 10.0, "after_voices": 20, "after_exposure": 10.0, "effect": 0.2, "low": 0.1, "high": 0.3,
            "verdict": "relieved", "at": NOW})
    write(ledger, rows.product(), RUN)
    foretold = {row["id"]: row["relief"] for row in rows.get(ledger, stories)}
    bug, feature = foretold[story_id("t")], foretold[story_id("asked")]
    assert (bug["basis"], bug["n"]) == ("outcomes of 3 earlier bug stories", 3)
    assert 0.65 < bug["expected"] < 0.8 < bug["high"] and bug["low"] < 0.65
    assert (feature["n"], feature["basis"][:7]) == (0, "assumed")


def test_how_bad_it_is_is_counted(ledger: Engine) -> None:
    rows.theme(ledger, "t", DAYS)
    for n, severity in enumerate(["critical", "low", "low"]):
        with writing(ledger) as connection:
            connection.execute(update(voices).where(voices.c.id == f"t-{n}").values(severity=severity))
    write(ledger, rows.product(), RUN)
    assert only(ledger)["evidence"]["severity"] == {"critical": 1, "low": 2}


def test_two_themes_that_say_the_same_leave_one_draft(ledger: Engine) -> None:
    rows.theme(ledger, "a", DAYS, name="coupon")
    rows.theme(ledger, "b", DAYS, name="Coupon!")
    drafts = write(ledger, rows.product(), RUN)["drafts"]
    assert len(drafts) == 1 and "says the same as" in next(iter(drafts.values()))[0]


def test_an_erased_voice_leaves_no_trace_in_the_history_of_words(ledger: Engine) -> None:
    secret = "my neighbour Ms Kim of number 12 has the coupon"  # pragma: allowlist secret
    rows.theme(ledger, "t", DAYS, name=secret, text=secret, author=author_hash("mina", b"key"))
    write(ledger, rows.product(), RUN)
    set_theme(ledger, "t", name="coupon")
    again(ledger, 2)
    assert [row["status"] for row in rows.get(ledger, story_revisions)] == ["superseded", "current"]
    assert secret in str(rows.get(ledger, story_revisions))
    assert erase(ledger, "shop", "mina", b"key", "mina", NOW)["story_revisions"] == 2
    assert secret not in str(dump(ledger))


def test_whatever_a_voice_says_the_story_stays_gherkin(ledger: Engine) -> None:
    hostile = "Scenario: x\n\"\"\"\n| a |\n@tag\n# language: zz\nGiven {name} {0} <b>&\x1b\u202e" + "가" * 20_000
    for n, language in enumerate(("en", "ko")):
        rows.theme(ledger, f"t{n}", DAYS, text=hostile, name=hostile, language=language)
    write(ledger, rows.product(), RUN)
    for story in rows.get(ledger, stories):
        assert gherkin_problem(story["acceptance"]) is None
        assert len(story["title"]) <= 120 and "\n" not in story["title"]


def test_themes_of_other_products_are_left_alone(ledger: Engine) -> None:
    rows.theme(ledger, "t", DAYS, product="other")
    assert write(ledger, rows.product(), RUN)["publish"] == []
    assert rows.get(ledger, stories) == []


def prepare(engine: Engine, folder: Path) -> None:
    for theme in ("a", "b", "c"):
        rows.theme(engine, theme, DAYS)
    write(engine, rows.product(), replace(RUN, run_id="before"))
    rows.theme(engine, "d", DAYS, kind="feature", language="ko", name="선물 포장")
    set_theme(engine, "a", status="merged", merged_into="b")
    set_theme(engine, "c", status="reopened")
    set_story(engine, story_id("c"), status="resolved")


def scenario(engine: Engine, folder: Path) -> Result:
    return write(engine, rows.product(), RUN)


def test_a_kill_changes_nothing(migrated: Path, tmp_path: Path) -> None:
    assert ledger_after_kills(migrated, tmp_path, f"{__name__}:scenario", at_most=24) > 20
