"""Spikes: more tickets of a kind lately than the weeks before explain.

Where tickets come as a Poisson process with one rate, the share of the recent window among all of recent and earlier ones
is binomial (the conditional test of two Poisson counts, Przyborowski and Wilenski 1940). A spike is when that many or more
would come with a probability below `false_alarms` divided by the number of kinds looked at (Bonferroni): so of all looks at a
product where nothing changed, at most the share `false_alarms` raises any.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from scipy.special import betainc

FEWEST = 5  # tickets: fewer are no spike, however quiet it was before
OVER = 0.05  # a spike is over when its count is no longer unusual at this level


@dataclass(frozen=True)
class Spike:
    """`recent` tickets of a kind in the last window, `expected` after the windows before, and how likely so many are."""

    kind: str
    recent: int
    expected: float
    p: float
    raised: bool
    over: bool


def spikes(recent: Mapping[str, int], before: Mapping[str, int], windows: int, false_alarms: float) -> list[Spike]:
    """One verdict for each kind of `recent` or `before` (tickets in the last window; in the `windows` windows before it)."""
    kinds = sorted(recent.keys() | before.keys())
    return [_spike(kind, recent.get(kind, 0), before.get(kind, 0), windows, false_alarms / len(kinds)) for kind in kinds]


def _spike(kind: str, now: int, then: int, windows: int, level: float) -> Spike:
    p = float(betainc(now, then + 1, 1 / (windows + 1))) if now else 1.0  # the upper tail of the binomial
    return Spike(kind, now, then / windows, p, now >= FEWEST and p < level, p > OVER or now < FEWEST)
