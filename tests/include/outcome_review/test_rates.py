"""The interval covers what it says, and a verdict is rarely wrong: checked against published values and by simulation."""

from math import inf, isclose

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.outcome_review.rates import RELIEVED, TOO_EARLY, UNCHANGED, WORSE, Arm, effect, expected, verdict

ARMS = st.builds(Arm, st.integers(0, 500), st.floats(0.1, 1e6))


def test_the_interval_is_clopper_and_pearsons() -> None:
    # 5 of 15 events fell into an arm of equal exposure: the share's exact 95 % interval is 0.1182 to 0.6162 (R's binom.test).
    found = effect(Arm(10, 1000), Arm(5, 1000))
    assert found.ratio == 0.5
    assert found.low == pytest.approx(0.1182 / (1 - 0.1182), abs=5e-4)
    assert found.high == pytest.approx(0.6162 / (1 - 0.6162), abs=2e-3)


@pytest.mark.parametrize(("before", "after", "says"), [
    (Arm(100, 2000), Arm(5, 2000), RELIEVED), (Arm(5, 2000), Arm(100, 2000), WORSE), (Arm(100, 2000), Arm(95, 2000), UNCHANGED),
    (Arm(100, 2000), Arm(2, 100), TOO_EARLY), (Arm(100, 2000), Arm(0, 0), TOO_EARLY), (Arm(0, 0), Arm(9, 100), TOO_EARLY),
    (Arm(0, 0), Arm(0, 0), TOO_EARLY), (Arm(0, 1000), Arm(0, 1000), TOO_EARLY), (Arm(0, 1000), Arm(20, 1000), WORSE),
    (Arm(9, 1000), Arm(0, 100), TOO_EARLY)])
def test_verdicts(before: Arm, after: Arm, says: str) -> None:
    assert verdict(before, after) == says


@given(ARMS, ARMS)
def test_the_interval_holds_the_ratio_and_turns_with_the_arms(before: Arm, after: Arm) -> None:
    found, turned = effect(before, after), effect(after, before)
    if found.ratio is not None:
        assert (found.low or 0) <= found.ratio <= (found.high or inf)
    if before.voices and after.voices:
        assert found.high and turned.low and isclose(found.high * turned.low, 1, rel_tol=1e-6)
    assert verdict(before, after) in (RELIEVED, WORSE, UNCHANGED, TOO_EARLY)


@given(ARMS, ARMS, st.floats(0.1, 100))
def test_the_unit_of_exposure_does_not_matter(before: Arm, after: Arm, unit: float) -> None:
    found = effect(before, after)
    other = effect(Arm(before.voices, before.exposure * unit), Arm(after.voices, after.exposure * unit))
    assert (found.ratio is None) == (other.ratio is None)
    assert found.ratio is None or found.ratio == pytest.approx(other.ratio)
    assert found.low == pytest.approx(other.low) and found.high == pytest.approx(other.high)


def simulated(before: float, after: float, ratio: float, runs: int = 4000) -> tuple[float, float, float]:
    """Shares of runs in which the interval covers `ratio`, the verdict is relieved, and it is worse. `before` and `after` are
    the voices to expect in each arm where nothing changes."""
    rng = np.random.default_rng(20260302)
    pairs = zip(rng.poisson(before, runs).tolist(), rng.poisson(after * ratio, runs).tolist(), strict=True)
    covers = relieved = worse = 0
    for first, second in pairs:
        arms = Arm(first, before), Arm(second, after)
        found = effect(*arms)
        covers += (found.low or 0) <= ratio <= (found.high or inf)
        relieved += verdict(*arms) == RELIEVED
        worse += verdict(*arms) == WORSE
    return covers / runs, relieved / runs, worse / runs


@pytest.mark.parametrize(("before", "after"), [(30, 30), (100, 20), (60, 120), (300, 300), (15, 200)])
@pytest.mark.parametrize("ratio", [1.0, 0.5, 1.5])
def test_the_interval_covers_the_true_ratio(before: float, after: float, ratio: float) -> None:
    covered, _, _ = simulated(before, after, ratio)
    assert 0.945 <= covered <= 0.99


@pytest.mark.parametrize(("before", "after"), [(5, 5), (30, 30), (100, 20), (60, 120), (300, 300)])
def test_no_effect_is_rarely_called_one(before: float, after: float) -> None:
    _, relieved, worse = simulated(before, after, 1.0)
    assert relieved <= 0.03 and worse <= 0.03


def test_what_enough_means() -> None:
    """Ten voices expected at a well-known old rate: a relief by four fifths is seen with the probability that is stated."""
    _, relieved, _ = simulated(2000, 10, 0.2)
    assert relieved == pytest.approx(0.86, abs=0.03)
    assert expected(Arm(2000, 2000), Arm(0, 10)) == 10
