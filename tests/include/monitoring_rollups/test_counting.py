"""Counting in an array and by sorting come to the same, in any batches and any order."""

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.monitoring_rollups import counting
from include.monitoring_rollups.counting import Counting, Ints, Names, counted
from include.monitoring_rollups.formats import UNKNOWN
from include.monitoring_rollups.rollup import Group, Rollup, rollups

Batch = tuple[Ints, Names, Names, Ints, "np.ndarray[tuple[int], np.dtype[np.bool_]]"]
ROWS = st.tuples(st.integers(0, 3) | st.integers(0, 10**7), st.integers(0, 1), st.integers(0, 9),
                 st.integers(0, 900) | st.sampled_from([UNKNOWN, 1500]), st.booleans())


def batch(rows: list[tuple[int, int, int, int, bool]]) -> Batch:
    minute, version, route, bucket, failed = (np.array(column) for column in zip(*rows, strict=True))
    return (minute, Names(version, np.array(["1.0", "1.1"], dtype=object)),
            Names(route, np.array([f"/{letter}" for letter in "abcdefghij"], dtype=object)), bucket, failed)


def counted_in(parts: list[Batch]) -> dict[Group, Rollup]:
    found = Counting()
    for part in parts:
        found.add(*part)
    return rollups(found.frames())


@settings(deadline=None, max_examples=25)
@given(rows=st.lists(ROWS, min_size=1, max_size=60), cut=st.integers(1, 60), order=st.randoms())
def test_any_batches_in_any_order(rows: list[tuple[int, int, int, int, bool]], cut: int, order: Random) -> None:
    whole = rollups([counted(*batch(rows))])
    assert sum(item.requests for item in whole.values()) == len(rows)
    assert sum(item.errors for item in whole.values()) == sum(row[-1] for row in rows)
    assert sum(sum(item.durations.values()) for item in whole.values()) == sum(row[3] != UNKNOWN for row in rows)
    parts = [batch(rows[start:start + cut]) for start in range(0, len(rows), cut)]
    order.shuffle(parts)
    assert counted_in(parts) == whole


@pytest.mark.parametrize("dense", [1, 7, 2**12])
def test_more_groups_than_the_array_holds(dense: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "DENSE", dense)
    random = np.random.default_rng(2)
    rows = [(int(minute), int(version), int(route), int(bucket), bool(bucket % 7 == 0)) for minute, version, route, bucket
            in zip(random.integers(0, 50, 3000), random.integers(0, 2, 3000), random.integers(0, 10, 3000),
                   random.integers(0, 900, 3000), strict=True)]
    assert counted_in([batch(rows[start:start + 100]) for start in range(0, 3000, 100)]) == rollups([counted(*batch(rows))])


def test_numbers_that_span_everything() -> None:
    many = 2000
    found = counted(np.arange(many) * 35_000, Names(np.arange(many), np.array([f"v{n}" for n in range(many)], dtype=object)),
                    Names(np.arange(many), np.array([f"/{n}" for n in range(many)], dtype=object)), np.arange(many),
                    np.ones(many, dtype=bool))
    assert found["version"].tolist() == [f"v{n}" for n in range(many)]
    assert found["minute"].tolist() == [n * 35_000 for n in range(many)]
    assert found["bucket"].tolist() == list(range(many))
