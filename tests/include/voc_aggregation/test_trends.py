from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from include.voc_aggregation import trends
from include.voc_aggregation.trends import PARTS, RECENT

WIDTHS = np.array([end - start for start, end in PARTS], float)
Counts = npt.NDArray[Any]


def drawn(rng: np.random.Generator, mean: Counts, phi: float) -> Counts:
    """Counts with this mean and variance / mean: Poisson, or negative binomial."""
    return rng.poisson(mean) if phi == 1 else rng.negative_binomial(mean / (phi - 1), 1 / phi)


@pytest.mark.parametrize("phi", [1, 2, 3])
@pytest.mark.parametrize("themes", [5, 40])
def test_intervals_cover_what_is_true(phi: float, themes: int) -> None:
    rng = np.random.default_rng(7)
    rate = trend = asked = 0
    for _ in range(rounds := 6_000 // themes // 2):
        weekly = rng.lognormal(1, 1, (themes, 1))
        ratio = np.exp(rng.normal(0, 0.7, (themes, 1)))
        counts = drawn(rng, weekly * WIDTHS / 7 * np.where(np.arange(len(PARTS)) < RECENT, ratio, 1), phi)
        found = trends.figures({str(row): counts[row] for row in range(themes)}, counts.sum(axis=0))
        for figure, per_week, rising in zip(found.values(), weekly[:, 0], ratio[:, 0], strict=True):
            rate += figure.per_week_low <= per_week * (rising + 3) / 4 <= figure.per_week_high
            if figure.trend_low is not None:
                asked += 1
                trend += figure.trend_low <= rising - 1 <= (np.inf if figure.trend_high is None else figure.trend_high)
    assert 0.93 <= rate / (rounds * themes) <= 0.99
    assert 0.94 <= trend / asked <= 0.99


@pytest.mark.parametrize("phi", [1, 2, 3])
@pytest.mark.parametrize("themes", [5, 40, 200])
def test_false_alarms_stay_under_what_is_stated(phi: float, themes: int) -> None:
    """The customers' bursts and the product's own ups and downs included."""
    rng = np.random.default_rng(8)
    nights = 500
    alarms = 0
    for _ in range(nights):
        busy = rng.lognormal(0, 0.5, len(PARTS))
        counts = drawn(rng, rng.lognormal(1, 1, (themes, 1)) * WIDTHS / 7 * busy, phi).astype(float)
        others = rng.poisson(5 * themes * WIDTHS / 7 * busy)
        alarms += any(trends.emerging(counts, counts.sum(axis=0) + others))
    assert alarms / nights <= trends.FALSE_ALARMS


@pytest.mark.parametrize(("before", "after", "most"), [(0, 7, 8), (0, 14, 3), (1, 14, 5), (3, 21, 4), (7, 28, 7), (14, 42, 6)])
def test_what_emerges_is_flagged_within_days(before: float, after: float, most: int) -> None:
    """Voices a week before and after; beside 40 other themes and 200 voices a week about nothing. `most`: median of days."""
    rng = np.random.default_rng(9)
    delays = [delay(rng, before, after) for _ in range(60)]
    assert np.median(delays) <= most


def delay(rng: np.random.Generator, before: float, after: float) -> int:
    """Days until the first of 41 themes is flagged, where its rate changes on day 35."""
    weekly = np.vstack([np.full((1, 70), before), np.repeat(rng.lognormal(1, 1, (40, 1)), 70, axis=1)])
    weekly[0, 35:] = after
    daily = rng.poisson(weekly / 7)
    others = rng.poisson(200 / 7, 70)
    for day in range(36, 71):
        counts = np.stack([daily[:, day - end: day - start].sum(axis=1) for start, end in PARTS], axis=1).astype(float)
        all_ = counts.sum(axis=0) + [others[day - end: day - start].sum() for start, end in PARTS]
        if trends.emerging(counts, all_)[0]:
            return day - 35
    return 99


def test_what_is_not_known_is_not_said() -> None:
    assert trends.figures({}, np.zeros(len(PARTS))) == {}
    one = trends.figures({"a": np.array([3, 0, 0, 0, 0, 0, 0])}, np.array([3, 0, 0, 0, 0, 0, 0]), days=2)["a"]
    assert (one.per_week, one.trend, one.trend_low, one.trend_high, one.emerging) == (0.75, None, None, None, None)
    assert one.per_week_low < 0.75 < one.per_week_high
    none = trends.figures({"a": np.zeros(len(PARTS))}, np.ones(len(PARTS)))["a"]
    assert none.numbers() == trends.NONE.numbers() | {"trend": 0.0}


@pytest.mark.parametrize(("recent", "before", "expected"), [(0, 0, 0), (3, 12, 0), (7, 12, 1.1429), (0, 8, -0.8), (1, 0, 2.0)])
def test_trend(recent: int, before: int, expected: float) -> None:
    value, low, high = trends.trend(recent, before, 4)
    assert value == expected
    assert low is None or low <= expected
    assert high is None or high >= expected
    assert (high is None) == (not before)


def test_known_intervals() -> None:
    """Garwood's for 10 voices; Clopper and Pearson's for 5 of 15 (0.1182, 0.6162), as a ratio of a week to four."""
    low, high = trends.rate_interval(np.array([10.0]), 1)
    assert (round(low[0], 3), round(high[0], 3)) == (4.795, 18.390)
    _, below, above = trends.trend(5, 10, 4)
    assert below is not None and above is not None
    assert abs(below - (0.11824 / 0.88176 * 4 - 1)) < 1e-3
    assert abs(above - (0.61620 / 0.38380 * 4 - 1)) < 1e-3


def test_weeks_come_oldest_first() -> None:
    assert trends.weeks(np.array([1, 2, 4, 10, 20, 30, 40])) == [40, 30, 20, 10, 7]
