"""RICE, WSJF and a team's own expression by hand-worked examples, and what holds for any story."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.errors import InputError
from include.scope_planning.scores import FIBONACCI, IMPACTS, Candidate, own, rice, scoring, wsjf

STORY = Candidate("S-1", "coupon", "bug", 2.0, voices=40, people=30, per_week=12.0, sentiment=-0.3, similarity=0.6)
CANDIDATES = st.builds(
    Candidate, id=st.uuids().map(str), title=st.text(max_size=20),
    kind=st.sampled_from(["bug", "feature", "question", "operation", "x"]),
    effort_days=st.none() | st.sampled_from([-1.0, float("nan"), float("inf")])
    | st.floats(0, 40).map(lambda days: round(days, 2)),
    voices=st.integers(0, 5000), people=st.integers(0, 5000), recent=st.integers(0, 500),
    per_week=st.none() | st.floats(0, 500), sentiment=st.none() | st.floats(-1, 1), severity=st.none() | st.floats(0, 3),
    similarity=st.none() | st.floats(0, 1), held=st.floats(0, 1), reopened=st.booleans(), begun=st.booleans(),
    category=st.none() | st.sampled_from(["debt", "security", "law", "customer"]))


@pytest.mark.parametrize(("fields", "score"), [
    ({}, 30 * 2 * 1.0 / 2),
    ({"voices": 29}, 30 * 2 * 0.8 / 2),
    ({"voices": 9}, 30 * 2 * 0.5 / 2),
    ({"similarity": 0.1}, 30 * 2 * 0.5 / 2),
    ({"sentiment": -0.5}, 30 * 3 * 1.0 / 2),
    ({"severity": 2.0}, 30 * 3 * 1.0 / 2), ({"severity": 0.2}, 30 * 1 * 1.0 / 2), ({"severity": 1.0}, 30 * 2 * 1.0 / 2),
    ({"kind": "operation", "sentiment": -1.0}, 30 * 3 * 1.0 / 2),
    ({"kind": "question", "effort_days": 0.5}, 30 * 0.5 * 1.0 / 0.5),
    ({"recent": 20}, 65 * 2 * 1.0 / 2), ({"held": 0.5}, 30 * 2 * 0.5 / 2),
    ({"people": 0, "category": "debt"}, 1 * 2 * 1.0 / 2),
    ({"effort_days": None}, 0), ({"effort_days": 0.0}, 0), ({"effort_days": -2.0}, 0), ({"effort_days": float("nan")}, 0),
    ({"people": 0}, 0)])
def test_rice(fields: dict[str, object], score: float) -> None:
    assert rice(replace(STORY, **fields))["score"] == score


@pytest.mark.parametrize(("fields", "score"), [
    ({}, (5 + 8 + 5) / 2),  # 30 people, 12 voices a week, a bug; 2 days
    ({"people": 2, "per_week": None}, (1 + 1 + 5) / 2),
    ({"people": 5000, "per_week": 500.0, "kind": "operation"}, (20 + 20 + 13) / 2),
    ({"reopened": True}, (5 + 13 + 5) / 2),
    ({"sentiment": -0.9}, (5 + 8 + 8) / 2), ({"severity": 0.0}, (5 + 8 + 3) / 2),
    ({"held": 0.5}, 0.5 * (5 + 8 + 5) / 2),
    ({"effort_days": 6.0}, round(18 / 8, 4)), ({"effort_days": 50.0}, 18 / 50),
    ({"effort_days": None}, 0), ({"people": 0}, 0)])
def test_wsjf(fields: dict[str, object], score: float) -> None:
    assert wsjf(replace(STORY, **fields))["score"] == score


def test_an_expression_of_the_team_shows_the_figures_that_it_names() -> None:
    factors = own("2 * reach * relief / effort", replace(STORY, relief=0.5))
    assert factors == {"reach": 30, "relief": 0.5, "effort": 2.0, "held": 1.0, "score": 15.0}


def test_an_expression_that_can_not_be_computed_names_field_column_and_story() -> None:
    with pytest.raises(InputError, match=r"planning.score, column 1: the result is inf; .* \(of story S-1\)"):
        own("reach / (effort - 2)", STORY)


@given(story=CANDIDATES, method=st.sampled_from(["rice", "wsjf"]), more=st.integers(0, 1000))
def test_more_people_never_score_less_and_more_effort_never_more(story: Candidate, method: str, more: int) -> None:
    score = scoring(method)(story)["score"]
    assert score >= 0
    assert scoring(method)(replace(story, people=story.people + more))["score"] >= score
    if story.days:
        assert scoring(method)(replace(story, effort_days=story.days + more))["score"] <= score


@given(story=CANDIDATES, expression=st.sampled_from(["reach * impact", "confidence - severity", "max(reach, 1) / effort"]))
def test_any_story_has_a_finite_score(story: Candidate, expression: str) -> None:
    for factors in (rice(story), wsjf(story), own(expression, story)):
        assert 0 <= factors["score"] < float("inf")
        assert factors["score"] == 0 or story.days


@given(CANDIDATES)
def test_the_methods_keep_to_their_scales(story: Candidate) -> None:
    factors = wsjf(story)
    assert factors["time_criticality"] in FIBONACCI and factors["risk_reduction"] in FIBONACCI
    assert factors["business_value"] in (0, *FIBONACCI)
    assert rice(story)["impact"] in IMPACTS and 0 <= rice(story)["confidence"] <= 1
