"""The histogram keeps its stated error, and adds up."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.monitoring_rollups.histogram import ERROR, Histogram, above, buckets, merge, quantile

DURATIONS = st.lists(st.integers(0, 10_000_000), min_size=1, max_size=200)
HISTOGRAMS = st.dictionaries(st.integers(0, 900), st.integers(1, 1000), max_size=20)


def histogram(values: list[int]) -> Histogram:
    found, counts = np.unique(buckets(values), return_counts=True)
    return dict(zip(found.tolist(), counts.tolist(), strict=True))


@settings(deadline=None)
@given(values=DURATIONS, q=st.sampled_from([0.01, 0.5, 0.95, 0.99, 1.0]))
def test_a_quantile_is_within_its_error(values: list[int], q: float) -> None:
    exact = float(np.quantile(values, q, method="inverted_cdf"))
    assert quantile(histogram(values), q) == pytest.approx(exact, rel=ERROR * 1.0001)


@pytest.mark.parametrize("draw", ["lognormal", "uniform", "two_humps"])
def test_on_many_values(draw: str) -> None:
    random = np.random.default_rng(7)
    values = {"lognormal": random.lognormal(4, 2, 100_000), "uniform": random.uniform(1, 60_000, 100_000),
              "two_humps": np.concatenate([random.normal(20, 2, 99_000), random.normal(5_000, 50, 1_000)])}[draw]
    values = np.maximum(1, values.round()).astype(int)
    for q in (0.5, 0.95, 0.99, 0.999):
        exact = np.quantile(values, q, method="inverted_cdf")
        assert quantile(histogram(values.tolist()), q) == pytest.approx(exact, rel=ERROR * 1.0001)


@settings(deadline=None)
@given(one=HISTOGRAMS, two=HISTOGRAMS, three=HISTOGRAMS)
def test_merging_knows_no_order(one: Histogram, two: Histogram, three: Histogram) -> None:
    assert merge([merge([one, two]), three]) == merge([one, merge([two, three])]) == merge([three, two, one])
    assert merge([one, {}]) == one


@settings(deadline=None)
@given(values=DURATIONS, cut=st.integers(0, 200))
def test_any_split_gives_the_same(values: list[int], cut: int) -> None:
    parts = [part for part in (values[:cut], values[cut:]) if part]
    assert merge(histogram(part) for part in parts) == histogram(values)


def test_edges() -> None:
    assert quantile({}, 0.5) is None
    assert buckets([-1, 0, 1, 2]).tolist() == [0, 0, 1, 36]
    assert quantile({0: 5}, 0.99) == 0.0
    assert buckets([86_400_000])[0] < 924  # a day


@settings(deadline=None)
@given(values=DURATIONS, limit=st.integers(1, 100_000))
def test_how_many_are_above_a_limit(values: list[int], limit: int) -> None:
    least, most = (sum(value > limit * (1 + error) for value in values) for error in (2 * ERROR, -2 * ERROR))
    assert least <= above(histogram(values), limit) <= most
