"""Estimates, and when a change is worth telling."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.story_writing.rules import Evidence, Theme, effort_days, new_story, renewed, story_id
from tests.conftest import NOW

EVIDENCE = Evidence(10, 9, 8, 2.0, -0.2, 0.7, NOW.isoformat(), NOW.isoformat(), ["v1"])
THEME = Theme("t", "coupon", "bug", "en", "open", None, 0, EVIDENCE, 1.5)
WORDS = ("Tea shop", "requests", NOW)


def story(**fields: Any) -> dict[str, Any]:
    return new_story(THEME, "shop", *WORDS) | fields


@pytest.mark.parametrize(("kind", "sentiment", "days"), [
    ("question", 0.0, 1), ("bug", -0.49, 2), ("bug", -0.5, 3), ("feature", None, 5), ("feature", -1, 7.5), ("other", 0, 2)])
def test_effort_by_kind_and_severity(kind: str, sentiment: float | None, days: float) -> None:
    assert effort_days(kind, sentiment) == days


def test_ids_follow_from_the_theme() -> None:
    assert story_id("t") == story_id("t") != story_id("u")
    assert story_id("t").startswith("S-")


@given(voices=st.integers(0, 1000), told=st.integers(1, 1000), status=st.sampled_from(
    ["ready", "reopened", "scoped", "released", "resolved", "dropped"]))
def test_growth_is_told_only_where_someone_still_plans(voices: int, told: int, status: str) -> None:
    before = story(status=status)
    before["evidence"]["told"]["voices"] = told
    row, material = renewed(before, replace(THEME, evidence=replace(EVIDENCE, voices=voices)), *WORDS)
    assert material == (status in ("ready", "reopened") and voices * 5 >= told * 6)
    assert row["evidence"]["voices"] == voices
    assert row["status"] == status
    assert renewed(row, replace(THEME, evidence=replace(EVIDENCE, voices=voices)), *WORDS) == (row, False)


@pytest.mark.parametrize("status", ["ready", "reopened", "scoped", "released", "resolved", "dropped"])
def test_a_theme_that_did_not_change_leaves_its_story_as_it_is(status: str) -> None:
    assert renewed(story(status=status), THEME, *WORDS) == (story(status=status), False)


@pytest.mark.parametrize(("status", "reopens"), [
    ("released", True), ("resolved", True), ("reopened", True), ("ready", False), ("scoped", False), ("dropped", False)])
def test_only_an_answered_story_reopens(status: str, reopens: bool) -> None:
    row, material = renewed(story(status=status), replace(THEME, status="reopened", reopenings=1), *WORDS)
    assert (row["status"] == "reopened", material, row["revision"]) == (reopens, reopens, 1 + reopens)
