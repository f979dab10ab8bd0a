"""A product's week and its bursts are found in its history, young or old."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from include.outcome_review.season import DAY, Season, cells, season

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
WEEKDAYS = np.array([1.3, 1.2, 1.1, 1.0, 1.0, 0.8, 0.6])


@pytest.mark.parametrize(("days", "count", "first"), [(70, 56, 14), (20, 14, 6), (14, 14, 0)])
def test_whole_weeks_of_days(days: int, count: int, first: int) -> None:
    spans = cells(MONDAY - timedelta(hours=5), MONDAY + days * DAY + timedelta(hours=2))
    assert (len(spans), spans[0].start, spans[-1].end) == (count, MONDAY + first * DAY, MONDAY + days * DAY)
    assert {span.days for span in spans} == {1.0}


@pytest.mark.parametrize("minutes", [0, 1, 5, 14, 60, 13 * 1440])
def test_a_young_product_has_shorter_cells(minutes: int) -> None:
    spans = cells(MONDAY, MONDAY + timedelta(minutes=minutes))
    assert len(spans) == min(minutes, 14)
    assert all(span.days < 1 and span.end <= MONDAY + timedelta(minutes=minutes) for span in spans)
    assert season(np.ones((1, len(spans))), np.ones(len(spans)), spans) == Season()


@pytest.mark.parametrize("phi", [1, 2, 3])
def test_bursts_and_the_week_are_found(phi: int) -> None:
    rng, spans = np.random.default_rng(phi), cells(MONDAY, MONDAY + 56 * DAY)
    mean = np.tile(3 * WEEKDAYS[np.arange(56) % 7], (20, 1))
    mean[:, 28:] *= 2  # a change of the rate between weeks is no burst
    counts = rng.poisson(mean) if phi == 1 else rng.negative_binomial(mean / (phi - 1), 1 / phi)
    found = season(counts.astype(float), np.ones(56), spans)
    assert found.phi == pytest.approx(phi, abs=0.25)
    assert found.factors == pytest.approx(WEEKDAYS, abs=0.15)


def test_a_release_within_a_week_is_no_burst() -> None:
    spans = cells(MONDAY, MONDAY + 28 * DAY)
    counts = np.array([[10.0] * 17 + [0.0] * 11])
    changed = np.zeros((1, 28), bool)
    changed[0, 17] = True
    assert season(counts, np.ones(28), spans).phi > season(counts, np.ones(28), spans, changed).phi == 1.0


def test_exposure_explains_what_it_brings() -> None:
    """Twice as many voices on days with twice as much traffic are neither a season nor a burst."""
    traffic = np.tile([200.0, 100, 100, 100, 100, 100, 100], 4)
    found = season(traffic[None] / 10, traffic, cells(MONDAY, MONDAY + 28 * DAY))
    assert found.phi == 1.0 and found.factors == pytest.approx(np.ones(7), abs=0.01)
