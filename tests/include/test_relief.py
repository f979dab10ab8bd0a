"""Predictions are held against what came of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from include.ledger.engine import reading
from include.ledger.tables import outcomes
from include.relief import Relief, held, reliefs
from tests import rows
from tests.conftest import NOW

RELIEFS = st.lists(st.builds(Relief, st.just("S"), st.sampled_from(["bug", "feature"]), st.just("1.0.0"), st.floats(0.01, 1),
                             st.floats(-1, 1)), max_size=30)


def measured(engine: Engine, story: str, theme: str, effect: float | None, verdict: str = "relieved") -> None:
    rows.put(engine, outcomes, {
        "story_id": story, "theme_id": theme, "release": "1.1.0", "exposure": "requests", "before_voices": 9,
        "before_exposure": 1.0, "after_voices": 1, "after_exposure": 1.0, "effect": effect, "low": None, "high": None,
        "verdict": verdict, "at": NOW})


def test_a_story_is_measured_over_all_of_its_themes(ledger: Engine) -> None:
    for name in "abcd":
        rows.theme(ledger, name, [NOW])
    rows.story(ledger, "S-1", "a", "b", relief={"expected": 0.8, "low": 0.5, "high": 0.9})
    rows.story(ledger, "S-2", "c", kind="feature", relief={"expected": 0.5})
    rows.story(ledger, "S-3", "d")
    measured(ledger, "S-1", "a", 0.2)
    measured(ledger, "S-1", "b", 0.6)
    measured(ledger, "S-2", "c", 3.0, "worse")
    measured(ledger, "S-3", "d", 0.5)  # nothing was predicted
    measured(ledger, "S-2", "d", 0.1, "too early")
    with reading(ledger) as connection:
        first, second = reliefs(connection, "shop")
    assert (first.story, first.predicted, first.realised) == ("S-1", 0.8, pytest.approx(0.6))
    assert first.held == pytest.approx(0.75)
    assert (second.story, second.realised, second.held) == ("S-2", -1.0, 0.0)


def test_nothing_measured_takes_nothing_away() -> None:
    assert held([], "bug").share == 1.0


def test_predictions_that_fail_take_confidence_away_most_where_they_failed() -> None:
    failed = [Relief(f"S-{n}", "bug", "1.0.0", 0.8, 0.2) for n in range(5)]
    assert held(failed, "bug").share < held(failed, "feature").share < 1.0
    assert held(failed, "bug").share == pytest.approx(0.3555, abs=1e-4)  # all: (3 + 5/4) / 8; (3 all + 5/4) / 8


@given(RELIEFS, st.sampled_from(["bug", "feature"]))
def test_the_share_is_a_share_and_rises_with_every_success(found: list[Relief], kind: str) -> None:
    share = held(found, kind).share
    assert 0.0 <= share <= 1.0
    assert held([*found, Relief("S", kind, "1.0.0", 0.5, 1.0)], kind).share >= share - 1e-4
    assert held([*found, Relief("S", kind, "1.0.0", 0.5, -1.0)], kind).share <= share + 1e-4
