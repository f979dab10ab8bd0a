"""Themes of two languages about one trouble."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.story_writing.alike import cosine, nearest

DIRECTIONS = st.dictionaries(st.integers(0, 20), st.floats(0.01, 1), max_size=8)
COUPON = {1: 0.8, 2: 0.6}


@given(one=DIRECTIONS, other=DIRECTIONS)
def test_cosine_is_symmetric_and_within_bounds(one: dict[int, float], other: dict[int, float]) -> None:
    assert 0 <= cosine(one, other) <= 1
    assert cosine(one, other) == pytest.approx(cosine(other, one))
    assert cosine(one, one) == pytest.approx(1 if one else 0)


@pytest.mark.parametrize(("language", "direction", "found"), [
    ("ko", COUPON, "S-coupon"), ("en", COUPON, None), ("ko", {2: 0.35, 9: 0.94}, None), ("ko", {}, None),
    ("ko", {3: 1.0}, "S-tea")])
def test_only_the_same_trouble_in_another_language(language: str, direction: dict[int, float], found: str | None) -> None:
    assert nearest(language, direction, [("S-tea", "en", {3: 1.0}), ("S-coupon", "en", COUPON), ("S-x", "en", {})]) == found
