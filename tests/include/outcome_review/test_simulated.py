"""By simulation, with dispersions of 1 to 3 and a weekday season, over 28 nights: what intervals cover, how often verdicts err.

Power, as these tests find it, of a look in each of 28 nights after 28 days before (one story looked at; a relief by half, by four
fifths), in a product of eight themes: see POWER.
"""

from datetime import UTC, datetime
from math import inf

import numpy as np
import pytest

from include.outcome_review.rates import RELIEVED, WORSE, Arm, Look, effect, exposure_needed, verdicts
from include.outcome_review.season import DAY, Season, cells, season

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
WEEKDAYS = np.array([1.2, 1.2, 1.1, 1.1, 1.0, 0.75, 0.65])  # voices on Monday to Sunday / those of an average day
BEFORE = NIGHTS = 28
DAYS = BEFORE + NIGHTS
# Voices a day, dispersion: how often a relief by half, and by four fifths, is found within 28 nights.
POWER: dict[tuple[float, float], tuple[float, float]] = {
    (1, 1): (0.35, 0.9), (1, 3): (0.1, 0.35), (4, 1): (0.9, 1.0), (4, 2): (0.6, 0.99), (4, 3): (0.45, 0.97)}
Counts = np.ndarray[tuple[int, ...], np.dtype[np.int64]]


def voices(rate: float, phi: float, ratio: float, themes: int, rng: np.random.Generator) -> Counts:
    """Voices a day of each theme; the first is answered after BEFORE days."""
    mean = np.tile(rate * WEEKDAYS[np.arange(DAYS) % 7], (themes, 1))
    mean[0, BEFORE:] *= ratio
    return rng.poisson(mean) if phi == 1 else rng.negative_binomial(mean / (phi - 1), 1 / phi)


def seen(counts: Counts, nights: int, theme: int = 0) -> Look:
    """The look at a theme after `nights` nights."""
    now = BEFORE + nights
    spans = cells(MONDAY, MONDAY + now * DAY)
    changed = np.zeros((len(counts), len(spans)), bool)
    changed[0, len(spans) - nights] = True
    found = season(counts[:, now - len(spans): now].astype(float), np.ones(len(spans)), spans, changed)
    return Look(arm(counts[theme, :BEFORE], 0, found), arm(counts[theme, BEFORE:now], BEFORE, found), found.phi)


def arm(counts: Counts, first: int, found: Season) -> Arm:
    days = (first + np.arange(len(counts))) % 7
    return Arm(int(counts.sum()), float(len(counts)), float(np.mean(np.array(found.factors)[days])))


def covered(look: Look, ratio: float) -> bool:
    found = effect(look)
    return (found.low or 0) <= ratio <= (inf if found.high is None else found.high)


def simulated(rate: float, phi: float, ratio: float, runs: int, themes: int = 8) -> tuple[float, float, float]:
    """Shares: of intervals (after 3, 12 and 28 nights) that cover the ratio; of runs ever called relieved; ever called worse."""
    rng = np.random.default_rng(20260302)
    covers, relieved, worse = list[bool](), 0, 0
    for _ in range(runs):
        counts = voices(rate, phi, ratio, themes, rng)
        looks = {nights: seen(counts, nights) for nights in range(1, NIGHTS + 1)}
        said = {verdicts([look])[0] for look in looks.values()}
        covers += [covered(looks[nights], ratio) for nights in (3, 12, 28)]
        relieved, worse = relieved + (RELIEVED in said), worse + (WORSE in said)
    return float(np.mean(covers)), relieved / runs, worse / runs


@pytest.mark.parametrize("phi", [1, 2, 3])
def test_no_effect_is_called_one_on_at_most_one_of_twenty_themes_over_all_nights(phi: float) -> None:
    _, relieved, worse = simulated(4, phi, 1.0, 100)
    assert relieved <= 0.05 and worse <= 0.05


@pytest.mark.parametrize(("rate", "phi"), [(2, 1), (4, 2), (8, 3)])
@pytest.mark.parametrize("ratio", [1.0, 0.5, 1.5])
def test_the_interval_covers_the_true_ratio(rate: float, phi: float, ratio: float) -> None:
    rng = np.random.default_rng(7)
    runs = [voices(rate, phi, ratio, 8, rng) for _ in range(1000)]
    shares = [covered(seen(counts, nights), ratio) for counts in runs for nights in (6, 28)]
    assert 0.93 <= np.mean(shares) <= 0.97


@pytest.mark.parametrize(("rate", "phi"), list(POWER))
def test_the_power_is_as_stated(rate: float, phi: float) -> None:
    for ratio, stated in zip((0.5, 0.2), POWER[rate, phi], strict=True):
        rng = np.random.default_rng(11)
        found = [any(verdicts([seen(counts, nights)]) == [RELIEVED] for nights in (28, 24, 20, 16, 12, 8, 4))
                 for counts in (voices(rate, phi, ratio, 8, rng) for _ in range(60))]
        assert np.mean(found) >= stated - 0.1


def test_many_stories_without_an_effect_raise_one_false_alarm_in_twenty_products() -> None:
    rng = np.random.default_rng(3)
    wrong = 0
    for _ in range(25):
        counts = voices(4, 2, 1.0, 10, rng)
        nights = [verdicts([seen(counts, nights, theme) for theme in range(10)]) for nights in range(2, NIGHTS + 1, 2)]
        wrong += any(RELIEVED in night for night in nights)
    assert wrong / 25 <= 0.05


def test_the_date_by_which_it_is_known() -> None:
    """After the exposure that is said to be needed, a relief by half is found in about 0.8 of cases."""
    rng, before = np.random.default_rng(5), Arm(280, 28)
    needed = exposure_needed(before) or 0.0
    found = [verdicts([Look(Arm(int(first), 28), Arm(int(second), needed))]) == [RELIEVED] for first, second in
             zip(rng.poisson(280, 2000), rng.poisson(10 * needed / 2, 2000), strict=True)]
    assert np.mean(found) == pytest.approx(0.8, abs=0.06)
