"""Estimates, and when a change is worth telling."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.story_writing.rules import LIVE, Evidence, Frame, Theme, doubled, effort_days, new_story, renewed, story_id, together
from tests.conftest import NOW

EVIDENCE = Evidence(10, 9, 8, 2.0, -0.2, 0.7, NOW.isoformat(), NOW.isoformat(), ["v1"])
THEME = Theme("t", "coupon", "bug", "en", "open", None, 0, EVIDENCE, 1.5)
FRAME = Frame("shop", "Tea shop", "requests", NOW)
UNCOMMITTED = ["draft", "ready", "reopened"]
COMMITTED = ["scoped", "released", "resolved"]


def story(**fields: Any) -> dict[str, Any]:
    return new_story("S-1", THEME, FRAME) | fields


def grown(voices: int) -> Theme:
    return replace(THEME, evidence=replace(EVIDENCE, voices=voices))


@pytest.mark.parametrize(("kind", "sentiment", "days"), [
    ("question", 0.0, 1), ("bug", -0.49, 2), ("bug", -0.5, 3), ("feature", None, 5), ("feature", -1, 7.5), ("other", 0, 2)])
def test_effort_by_kind_and_severity(kind: str, sentiment: float | None, days: float) -> None:
    assert effort_days(kind, sentiment) == days


def test_ids_follow_from_the_theme() -> None:
    assert story_id("t") == story_id("t") != story_id("u")
    assert story_id("t").startswith("S-")


@given(voices=st.integers(0, 1000), told=st.integers(1, 1000), status=st.sampled_from([*UNCOMMITTED, *COMMITTED, "dropped"]))
def test_growth_is_told_only_where_someone_still_plans(voices: int, told: int, status: str) -> None:
    before = story(status=status)
    before["evidence"]["told"]["voices"] = told
    new = renewed(before, grown(voices), FRAME)
    assert new.material == (status in UNCOMMITTED and voices * 5 >= told * 6)
    assert new.row["evidence"]["voices"] == voices
    assert new.row["status"] == status
    assert renewed(new.row, grown(voices), FRAME).row == new.row
    assert not renewed(new.row, grown(voices), FRAME).material


@pytest.mark.parametrize("status", [*UNCOMMITTED, *COMMITTED, "dropped"])
def test_a_theme_that_did_not_change_leaves_its_story_as_it_is(status: str) -> None:
    assert renewed(story(status=status), THEME, FRAME).row == story(status=status)


@pytest.mark.parametrize(("status", "reopens"), [
    ("released", True), ("resolved", True), ("reopened", True), ("ready", False), ("scoped", False), ("dropped", False)])
def test_only_an_answered_story_reopens(status: str, reopens: bool) -> None:
    new = renewed(story(status=status), replace(THEME, status="reopened", reopenings=1), FRAME)
    assert (new.row["status"] == "reopened", new.reopened, new.row["revision"]) == (reopens, reopens, 1 + reopens)


@given(name=st.sampled_from(["coupon", "coupon at checkout", "쿠폰"]), theme=st.sampled_from([*LIVE, "resolved"]),
       status=st.sampled_from([*UNCOMMITTED, *COMMITTED, "dropped"]), reopenings=st.integers(0, 2), voices=st.integers(0, 50))
def test_no_theme_ever_overwrites_what_a_person_wrote(name: str, status: str, theme: str, reopenings: int, voices: int) -> None:
    before = story(status=status, edited_by="kim", title="Coupons at checkout", effort_days=1.5)
    changed = replace(grown(voices), name=name, status=theme, reopenings=reopenings)
    new = renewed(before, changed, FRAME)
    for field in ("title", "role", "want", "reason", "acceptance", "effort_days", "due_at", "category", "edited_by", "revision"):
        assert new.row[field] == before[field]
    if new.proposal:
        assert new.proposal["title"] == name and new.why


def test_a_part_gets_no_proposal_since_the_theme_speaks_of_the_whole() -> None:
    part = story(part_of="S-0", edited_by="kim")
    assert renewed(part, replace(THEME, name="another"), FRAME).proposal is None


def test_a_story_dropped_with_its_theme_lives_again_with_it() -> None:
    dropped = doubled(story(), NOW)
    assert dropped["status"] == "dropped"
    assert renewed(dropped, replace(THEME, status="merged"), FRAME).row["status"] == "dropped"
    new = renewed(dropped, THEME, FRAME)
    assert (new.row["status"], new.material) == ("ready", True)
    assert not renewed(new.row, THEME, FRAME).material


def test_the_prediction_stays_once_the_story_is_scoped() -> None:
    later = replace(FRAME, relief={"bug": {"expected": 0.5}})
    assert renewed(story(), THEME, later).row["relief"] == {"expected": 0.5}
    assert renewed(story(status="scoped"), THEME, later).row["relief"] is None


def test_several_themes_together_are_named_after_the_one_that_leads() -> None:
    korean = replace(THEME, id="k", language="ko", name="확인 부탁드려요", evidence=replace(EVIDENCE, voices=30), baseline=2.0,
                     reopenings=1)
    both = together([korean, THEME], None, EVIDENCE)
    assert (both.name, both.ids, both.baseline, both.reopenings) == ("coupon", ["k", "t"], 3.5, 1)  # the larger name says nothing
    assert together([korean, THEME], "k", EVIDENCE).id == "k"
    assert together([replace(korean, status="resolved"), THEME], "k", EVIDENCE).id == "t"
    assert together([THEME], None, None) == replace(THEME, all=("t",))
