"""Did complaints become rarer? Two Poisson rates compared, exactly, and what may be said about it.

Given that both counts are Poisson, the count after is binomial among all: Binomial(before + after, share), and the share
follows from the rate ratio (Przyborowski and Wilenski, Biometrika 31, 1940). The interval of the share is Clopper and
Pearson's (Biometrika 26, 1934), so the interval of the ratio is exact: it covers at least 95 %, mostly more.
"""

from dataclasses import dataclass

from scipy.special import betaincinv

LEVEL = 0.95
ENOUGH = 10.0  # voices expected at the old rate, see `verdict`

RELIEVED, WORSE, UNCHANGED, TOO_EARLY = "relieved", "worse", "unchanged", "too early"


@dataclass(frozen=True)
class Arm:
    """Complaints counted over an exposure: thousands of requests, or days."""

    voices: int
    exposure: float


@dataclass(frozen=True)
class Effect:
    """The rate after / the rate before, with its interval. None: not a number (nothing on that side) or without a bound."""

    ratio: float | None
    low: float | None
    high: float | None


def effect(before: Arm, after: Arm) -> Effect:
    """The rate ratio of two arms with its exact 95 % interval; nothing is known without exposure or without any voice."""
    voices = before.voices + after.voices
    if not voices or before.exposure <= 0 or after.exposure <= 0:
        return Effect(None, None, None)
    scale = before.exposure / after.exposure
    low, high = _clopper_pearson(after.voices, voices)
    return Effect(after.voices / before.voices * scale if before.voices else None,
                  low / (1 - low) * scale, high / (1 - high) * scale if high < 1 else None)


def expected(before: Arm, after: Arm) -> float:
    """Voices after, had the rate stayed as it was."""
    return before.voices / before.exposure * after.exposure if before.exposure > 0 else 0.0


def verdict(before: Arm, after: Arm) -> str:
    """relieved or worse where the whole interval lies on one side of 1; unchanged where it holds 1 although enough was seen;
    too early otherwise.

    Enough are 10 voices expected at the old rate: a relief by four fifths is then seen with a probability of 0.86 (where the
    old rate is well known), so that its absence says something. False "relieved" are at most 2.5 % of looks at no effect.
    Looks add up: over 28 nights, 6 to 11 % of simulated themes without an effect were called relieved on some night, which is
    why a theme whose complaints are back is reopened.
    """
    found = effect(before, after)
    if found.high is not None and found.high < 1:
        return RELIEVED
    if found.low is not None and found.low > 1:
        return WORSE
    return UNCHANGED if expected(before, after) >= ENOUGH else TOO_EARLY


def _clopper_pearson(successes: int, trials: int) -> tuple[float, float]:
    tail = (1 - LEVEL) / 2
    low = float(betaincinv(successes, trials - successes + 1, tail)) if successes else 0.0
    high = float(betaincinv(successes + 1, trials - successes, 1 - tail)) if successes < trials else 1.0
    return low, high
