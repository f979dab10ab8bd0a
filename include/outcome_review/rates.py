"""Did complaints become rarer? Two rates compared, on many nights and for many stories at once, and what may be said about it.

The interval: given that both counts are Poisson, the count after is binomial among all, and its share follows from the rate ratio
(Przyborowski and Wilenski, Biometrika 31, 1940). The interval of the share is Jeffreys' (Brown, Cai and DasGupta, Statistical
Science 16, 2001), which covers 95 % on average rather than at least. Counts that vary more than Poisson's are divided by their
dispersion before, as quasi-Poisson does (McCullagh and Nelder, Generalized Linear Models, 1989, 6.2).

The verdict: night after night the same question is asked, and each look could err. So verdicts rest on e-values instead of the
interval: likelihood ratios of that binomial, a mixture of alternatives against the null, which exceed 1/ALPHA on *any* night
with a probability of at most ALPHA (Ramdas et al., Statistical Science 38, 2023; for counts Lindon and Malek, NeurIPS 2022). Many
stories are looked at in a night: e-values are corrected by Wang and Ramdas' e-BH (JRSS B 84, 2022), because stories that share
themes and traffic depend on each other, as Benjamini and Hochberg's p-values must not, and because p-values don't survive many
looks.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, log

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv, gammaincc, logsumexp

LEVEL = 0.95
ALPHA = 0.05  # false "relieved" over all nights, and false "worse" likewise
HALF = 0.5  # a theme with less than half of its complaints is what a fix is meant to bring
POWER = 0.8  # how surely a relief by half is seen, where "too early" says by when
LIKELY = np.array([0.05, 0.2, 0.35, 0.5, 0.65, 0.8])  # rate ratios that a relief may have; a rise has their inverses

RELIEVED, WORSE, UNCHANGED, TOO_EARLY = "relieved", "worse", "unchanged", "too early"
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Arm:
    """Complaints counted over an exposure: requests, or days. `season` is what the days of the week make of it: 0.9 where it fell
    on days on which a tenth fewer voices than usual come per exposure."""

    voices: int
    exposure: float
    season: float = 1.0

    @property
    def weight(self) -> float:
        """The exposure as if every day were an average one."""
        return self.exposure * self.season


@dataclass(frozen=True)
class Effect:
    """The rate after / the rate before, with its interval. None: not a number (nothing on that side) or without a bound."""

    ratio: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Look:
    """What a night sees of one theme of one story; `phi` is the dispersion of its counts (variance / mean)."""

    before: Arm
    after: Arm
    phi: float = 1.0


def effect(look: Look) -> Effect:
    """The rate ratio with its 95 % interval; nothing is known without exposure or without any voice."""
    before, after = look.before, look.after
    if not before.voices + after.voices or before.weight <= 0 or after.weight <= 0:
        return Effect(None, None, None)
    scale = before.weight / after.weight
    low, high = _jeffreys(after.voices / look.phi, before.voices / look.phi)
    return Effect(after.voices / before.voices * scale if before.voices else None,
                  low / (1 - low) * scale, high / (1 - high) * scale if high < 1 else None)


def _jeffreys(mine: float, rest: float) -> tuple[float, float]:
    tail = (1 - LEVEL) / 2
    return (float(betaincinv(mine + 0.5, rest + 0.5, tail)) if mine else 0.0,
            float(betaincinv(mine + 0.5, rest + 0.5, 1 - tail)) if rest else 1.0)


def for_relief(look: Look) -> float:
    """The logarithm of the e-value against "the rate is as it was, or higher"."""
    return _evidence(look, LIKELY)


def for_rise(look: Look) -> float:
    """The logarithm of the e-value against "the rate is as it was, or lower"."""
    return _evidence(look, 1 / LIKELY)


def for_no_relief(look: Look) -> float:
    """The logarithm of the e-value against "half of the rate, or less, is left"."""
    halved = Arm(look.after.voices, look.after.exposure * HALF, look.after.season)
    return for_rise(Look(look.before, halved, look.phi))


def _evidence(look: Look, ratios: Floats) -> float:
    before, after = look.before, look.after
    return float(_mixed(before.voices / look.phi, after.voices / look.phi, before.weight, after.weight, ratios))


def _mixed(before: float, after: float, weight_before: float, weight_after: float, ratios: Floats) -> float:
    """Of counts that were divided by their dispersion: the mean of the likelihood ratios, as a logarithm."""
    if weight_before <= 0 or weight_after <= 0:
        return 0.0
    total = np.log((weight_before + weight_after) / (weight_before + ratios * weight_after))
    return float(logsumexp(after * np.log(ratios) + (before + after) * total)) - log(len(ratios))


def verdicts(looks: Sequence[Look]) -> list[str]:
    """What may be said of each of a night's looks.

    relieved or worse: there is evidence of it, corrected for all looks of the night; unchanged: no such evidence, but there is
    some that more than half of the complaints are left; too early otherwise.

    Simulated over 28 nights (tests/include/outcome_review/test_simulated.py): without an effect at most 5 % are called relieved
    on any night, with dispersions of 1 to 3 and a weekday season; README and test state the power.
    """
    better, worse = _stand_out([for_relief(look) for look in looks]), _stand_out([for_rise(look) for look in looks])
    return [RELIEVED if better[n] else WORSE if worse[n] else UNCHANGED if for_no_relief(look) >= log(1 / ALPHA) else TOO_EARLY
            for n, look in enumerate(looks)]


def _stand_out(evidence: Sequence[float]) -> list[bool]:
    """e-BH: of the `k` largest of `m` e-values all are at least m / (k * ALPHA), for the largest such `k`."""
    ordered, many = sorted(evidence, reverse=True), len(evidence)
    good = [value for k, value in enumerate(ordered, 1) if value >= log(many / (k * ALPHA))]
    return [value >= min(good, default=inf) for value in evidence]


def exposure_needed(before: Arm, phi: float = 1.0, looks: int = 1) -> float | None:
    """How much exposure (of average days) after a release shows a relief by half with a probability of POWER, where the old rate
    is as `before` has it and `looks` stories are looked at. None: the old rate is known too badly for that."""
    rate = before.voices / phi / before.weight if before.weight > 0 else 0.0
    if not rate:
        return None

    def power(weight: float) -> float:
        most = _most(before.voices / phi, before.weight, weight, log(looks / ALPHA))
        return 0.0 if most < 0 else float(gammaincc(np.floor(most * phi) / phi + 1, rate * HALF * weight))

    tried = before.weight * np.geomspace(0.01, 100, 257)
    first = bisect_left(tried, POWER, key=power)
    return float(tried[first]) if first < len(tried) else None


def _most(before: float, weight_before: float, weight_after: float, threshold: float) -> float:
    """The most voices after (over the dispersion) that still are evidence of relief; -1 where none are few enough."""
    low, high = 0.0, before * weight_after / weight_before
    if _mixed(before, low, weight_before, weight_after, LIKELY) < threshold:
        return -1.0
    for _ in range(30):
        middle = (low + high) / 2
        enough = _mixed(before, middle, weight_before, weight_after, LIKELY) >= threshold
        low, high = (middle, high) if enough else (low, middle)
    return low
