"""Ranges of semantic versions. The examples are those of node-semver's README."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from semver import Version

from include.errors import InputError
from include.ranges import Range, clash


@pytest.mark.parametrize(("text", "inside", "outside"), [
    (">=1.2.7 <1.3.0", "1.2.7 1.2.8 1.2.99", "1.2.6 1.3.0 1.1.0"),
    ("1.2.7 || >=1.2.9 <2.0.0", "1.2.7 1.2.9 1.4.6", "1.2.8 2.0.0"),
    (">1.2.3-alpha.3", "1.2.3-alpha.7 3.4.5 1.2.3", "3.4.5-alpha.9 1.2.3-alpha.3"),
    ("1.2.3 - 2.3.4", "1.2.3 2.3.4", "2.3.5 1.2.2"), ("1.2 - 2.3", "1.2.0 2.3.9", "2.4.0 1.1.9"),
    ("", "0.0.0 9.9.9", "1.0.0-rc.1"), ("*", "0.0.0", "1.0.0-rc.1"), ("1.x", "1.0.0 1.9.9", "2.0.0 0.9.9"),
    ("1.2", "1.2.0 1.2.7", "1.3.0"), ("~1.2.3", "1.2.3 1.2.9", "1.3.0 1.2.2"), ("~1", "1.0.0 1.9.0", "2.0.0"),
    ("~0.2.3", "0.2.3 0.2.9", "0.3.0"), ("^1.2.3", "1.2.3 1.9.9", "2.0.0 1.2.2 2.0.0-rc.1"), ("^0.2.3", "0.2.3 0.2.9", "0.3.0"),
    ("^0.0.3", "0.0.3", "0.0.4"), ("^1.2.3-beta.2", "1.2.3-beta.2 1.2.3-beta.4 1.3.0", "1.2.4-beta.2 1.2.3-beta.1"),
    ("^0.0", "0.0.0 0.0.9", "0.1.0"), ("^0.x", "0.0.0 0.9.9", "1.0.0"), (">1.2", "1.3.0", "1.2.9 1.3.0-rc.1"),
    ("<=1.2", "1.2.9", "1.3.0"), (">= 1.2, < 2", "1.2.0", "2.0.0"), ("=v1.2.3", "1.2.3", "1.2.4"), ("==1.2.3", "1.2.3", "1.2.4"),
])
def test_a_range_holds_what_npm_says(text: str, inside: str, outside: str) -> None:
    found = Range.parse(text)
    assert [version for version in inside.split() if version not in found] == []
    assert [version for version in outside.split() if version in found] == []


@pytest.mark.parametrize("text", ["latest", "1.2.3.4", ">=", "^^1", "1.2-rc", "git+ssh://x", "1" * 12, "x" * 300, ">=1.2 <two"])
def test_what_is_no_range_is_named(text: str) -> None:
    with pytest.raises(InputError, match="range"):
        Range.parse(text)


@pytest.mark.parametrize("text", [">2 <1", ">1.2.3 <1.2.4", "<0.0.0", ">*", "1.2.3 1.2.4"])
def test_a_range_that_holds_nothing_is_empty(text: str) -> None:
    assert not Range.parse(text)


def test_the_fewest_that_clash_are_found() -> None:
    def places(*texts: str) -> tuple[int, ...]:
        return clash([Range.parse(text) for text in texts])

    assert places(">=1", "<3", "^2") == ()
    assert places(">=1", ">=2", "<2") == (1, 2)
    assert places(">=1", ">2 <1") == (1,)
    assert places("1 || 2", "2 || 3", "1 || 3") == (0, 1, 2)


NUMBER = st.integers(0, 3)
VERSION = st.builds(Version, NUMBER, NUMBER, NUMBER)
BOUND = st.builds("{}{}".format, st.sampled_from(["^", "~", ">=", "<=", ">", "<", ""]), VERSION)
TEXT = st.lists(st.lists(BOUND, min_size=1, max_size=2).map(" ".join), min_size=1, max_size=2).map(" || ".join)
ALL = [Version(*numbers) for numbers in product(range(6), repeat=3)]


@given(TEXT, TEXT)
def test_the_versions_in_both_are_in_their_meeting(one: str, two: str) -> None:
    first, second = Range.parse(one), Range.parse(two)
    both = [version for version in ALL if version in first and version in second]
    assert [version for version in ALL if version in first & second] == both
    assert bool(first & second) == bool(both)
    assert (clash([first, second]) == ()) == bool(both)
