"""Intervals and evidence of one look, checked against published values and for what must hold of any counts."""

from math import inf, isclose

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta

from include.outcome_review.rates import (
    RELIEVED,
    TOO_EARLY,
    UNCHANGED,
    WORSE,
    Arm,
    Look,
    effect,
    exposure_needed,
    for_relief,
    for_rise,
    verdicts,
)

ARMS = st.builds(Arm, st.integers(0, 500), st.floats(0.1, 1e6))


def test_the_interval_is_jeffreys() -> None:
    # 5 of 15 events fell into an arm of equal exposure: the share's Jeffreys interval is that of Beta(5.5, 10.5).
    found, share = effect(Look(Arm(10, 1000), Arm(5, 1000))), beta(5.5, 10.5)
    assert found.ratio == 0.5
    low, high = share.ppf([0.025, 0.975])
    assert (found.low, found.high) == pytest.approx((low / (1 - low), high / (1 - high)))


@pytest.mark.parametrize(("before", "after", "says"), [
    (Arm(100, 2000), Arm(5, 2000), RELIEVED), (Arm(5, 2000), Arm(100, 2000), WORSE), (Arm(100, 2000), Arm(95, 2000), UNCHANGED),
    (Arm(100, 2000), Arm(2, 100), TOO_EARLY), (Arm(100, 2000), Arm(0, 0), TOO_EARLY), (Arm(0, 0), Arm(9, 100), TOO_EARLY),
    (Arm(0, 0), Arm(0, 0), TOO_EARLY), (Arm(0, 1000), Arm(0, 1000), TOO_EARLY), (Arm(0, 1000), Arm(20, 1000), WORSE),
    (Arm(9, 1000), Arm(0, 100), TOO_EARLY)])
def test_verdicts(before: Arm, after: Arm, says: str) -> None:
    assert verdicts([Look(before, after)]) == [says]


def test_bursts_need_more() -> None:
    arms = Arm(30, 28), Arm(8, 28)
    assert verdicts([Look(*arms), Look(*arms, phi=3)]) == [RELIEVED, TOO_EARLY]
    plain, bursty = (effect(Look(*arms, phi=phi)) for phi in (1, 3))
    assert bursty.ratio == plain.ratio
    assert plain.high is not None and bursty.high is not None and bursty.high > plain.high


def test_a_weekend_is_no_relief() -> None:
    """Two days on which a quarter of the usual voices come: with the season known, their silence says less."""
    usual, weekend = Look(Arm(140, 28), Arm(2, 2)), Look(Arm(140, 28), Arm(2, 2, season=0.25))
    assert verdicts([usual]) == [RELIEVED] != verdicts([weekend])
    assert effect(weekend).ratio == pytest.approx(4 * 0.2)


def test_many_looks_need_more_each() -> None:
    one, nothing = Look(Arm(40, 28), Arm(17, 28)), Look(Arm(40, 28), Arm(40, 28))
    assert for_relief(one) == pytest.approx(3.73, abs=0.01)
    assert verdicts([one])[0] == RELIEVED
    assert verdicts([one, *[nothing] * 9])[0] == TOO_EARLY
    assert verdicts([one] * 10) == [RELIEVED] * 10  # ten such looks lend each other credit


@settings(deadline=None)
@given(ARMS, ARMS)
def test_the_interval_holds_the_ratio_and_turns_with_the_arms(before: Arm, after: Arm) -> None:
    found, turned = effect(Look(before, after)), effect(Look(after, before))
    if found.ratio is not None and before.voices and after.voices:
        assert (found.low or 0) <= found.ratio <= (found.high or inf)
        assert found.high and turned.low and isclose(found.high * turned.low, 1, rel_tol=1e-6)
    assert verdicts([Look(before, after)])[0] in (RELIEVED, WORSE, UNCHANGED, TOO_EARLY)
    assert min(for_relief(Look(before, after)), for_rise(Look(before, after))) < 3  # never both


@settings(deadline=None)
@given(ARMS, ARMS, st.floats(0.1, 100))
def test_the_unit_of_exposure_does_not_matter(before: Arm, after: Arm, unit: float) -> None:
    look = Look(before, after)
    other = Look(Arm(before.voices, before.exposure * unit), Arm(after.voices, after.exposure * unit))
    assert effect(look).ratio == pytest.approx(effect(other).ratio)
    assert effect(look).low == pytest.approx(effect(other).low) and effect(look).high == pytest.approx(effect(other).high)
    assert for_relief(look) == pytest.approx(for_relief(other), abs=1e-6)


def test_the_exposure_that_is_needed() -> None:
    known = exposure_needed(Arm(280, 28))
    assert known and 3 < known < 10
    assert (exposure_needed(Arm(280, 28), phi=2) or 0) > known < (exposure_needed(Arm(280, 28), looks=10) or 0)
    assert exposure_needed(Arm(0, 28)) is None and exposure_needed(Arm(4, 28)) is None and exposure_needed(Arm(0, 0)) is None
