"""Counters to what was counted: resets, new ones, and any split of the readings."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.errors import InputError
from include.monitoring_rollups.histogram import merge
from include.monitoring_rollups.rollup import rollups
from include.monitoring_rollups.sources.counters import FORGET, Last, Series, counted, durations, increases, key_of, remembered
from include.parts.monitoring import Counters

SAYS = Counters(counter="c", route="path", version="v")


def series(*values: float, at: int = 0, **labels: str) -> Series:
    return Series(labels, at + 60 * np.arange(len(values)), np.array(values, dtype=float))


def test_resets_and_beginnings() -> None:
    [first], last = increases([series(100, 103, 1, 1, 4)], "r", {}, is_first=True)
    assert first.values.tolist() == [0, 3, 1, 0, 3]
    [known, new], last = increases([series(6, at=300), series(5, at=300, code="500")], "r", last, is_first=False)
    assert (known.values.tolist(), new.values.tolist()) == ([2], [5])
    [again], _ = increases([series(6, at=360)], "r", last, is_first=False)
    assert again.values.tolist() == [0]
    _, last = increases([Series({}, np.array([360]), np.array([6.0]), began=1.0)], "r", {}, is_first=True)
    [renewed], _ = increases([Series({}, np.array([420]), np.array([9.0]), began=400.0)], "r", last, is_first=False)
    assert renewed.values.tolist() == [9]  # it had begun anew, though it shows more than before
    with pytest.raises(InputError, match="not that of a counter"):
        increases([series(-1)], "r", {}, is_first=True)
    assert remembered({"a": (1, 0, None), "b": (1, 100, None)}, FORGET + 50) == {"b": (1, 100, None)}
    assert key_of("r", {"a": "b"}) != key_of("r", {"b": "a"})


@settings(deadline=None, max_examples=20)
@given(steps=st.lists(st.integers(0, 5), min_size=1, max_size=30), resets=st.sets(st.integers(1, 29)), cut=st.integers(0, 30))
def test_any_split_counts_the_same(steps: list[int], resets: set[int], cut: int) -> None:
    values, value = [], 7
    for place, step in enumerate(steps):
        value = step if place in resets else value + step
        values.append(float(value))
    parts, state = list[int](), Last()
    for start, end in ((0, cut), (cut, len(values))):
        if values[start:end]:
            [grown], state = increases([series(*values[start:end], at=60 * start)], "r", state, is_first=not parts)
            parts += grown.values.astype(int).tolist()
    [whole], _ = increases([series(*values)], "r", {}, is_first=True)
    assert parts == whole.values.tolist()
    assert sum(parts) <= sum(steps)


def test_labels_say_what_was_counted() -> None:
    grown = [series(1, 2, at=120, code="200", path="/teas/7", v="1.0"), series(1, 0, at=120, code="503", path="/teas/8", v="1.0"),
             series(3, at=120)]
    found = rollups([counted(grown, SAYS, 60)])
    assert {(group[0].minute, *group[1:]): (item.requests, item.errors, item.durations) for group, item in found.items()} == {
        (1, "1.0", "/teas/{id}"): (2, 1, {}), (2, "1.0", "/teas/{id}"): (2, 0, {}), (1, "none", "/"): (3, 0, {})}


@settings(deadline=None, max_examples=20)
@given(counts=st.lists(st.integers(0, 1000), min_size=1, max_size=6), low=st.floats(0.001, 10))
def test_buckets_keep_their_bounds(counts: list[int], low: float) -> None:
    bounds = [low * 2**n for n in range(len(counts) - 1)] + [float("inf")]
    buckets = [series(float(total), at=60, le=f"{bound:g}") for bound, total in zip(bounds, np.cumsum(counts), strict=True)]
    found = rollups([durations(buckets[::-1], SAYS, 60)])
    histogram = merge(item.durations for item in found.values())
    assert sum(histogram.values()) == sum(counts)
    assert all(item.requests == 0 for item in found.values())


def test_only_buckets_have_durations() -> None:
    for bound in ("", "five", "nan", "-1"):
        with pytest.raises(InputError, match="only buckets"):
            durations([series(1, le=bound)], SAYS, 60)
