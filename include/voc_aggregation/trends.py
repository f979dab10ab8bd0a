"""How often a theme is told, whether it rises, and whether it emerges: from counts of voices alone.

Rates: the interval of a Poisson mean is Garwood's (Biometrika 28, 1936), exact. Trend: given both counts, the recent one is
binomial among all (Przyborowski and Wilenski, Biometrika 31, 1940), and Clopper and Pearson's interval of its share (Biometrika
26, 1934) gives that of the ratio, exact too.

Customers come in bursts, so that counts vary more than Poisson's. Their dispersion (variance / mean) is taken from all themes of
the product together, and counts are divided by it before the formulas: as quasi-Poisson does, only that what is exact at a
dispersion of 1 stays so (McCullagh and Nelder, Generalized Linear Models, 1989, 6.2).

Emerging: a theme's share of the product's voices in the last 1, 3 or 7 days, against its share in the four weeks before that.
Under no change its count is binomial with the product's own share of voices in that window; how many voices come at all changes
nothing. The level is divided by the windows and by the themes looked at (Bonferroni), so that over all themes of a product false
alarms stay under FALSE_ALARMS a night.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import betainc, betaincinv, gammaincinv

LEVEL = 0.95
FALSE_ALARMS = 0.02  # nights with a false alarm, over all themes of a product; simulated they are under 0.01
# The last days, in parts: counted in `[at - end, at - start)` days. The last four are the weeks before.
PARTS = ((0, 1), (1, 3), (3, 7), (7, 14), (14, 21), (21, 28), (28, 35))
RECENT, WEEKS = 3, 4  # parts of the last week; weeks before
WINDOWS = (1, 2, 3)  # parts that a window has: the last day, three days, the week
AT_LEAST = 3  # voices in a window that could emerge
_DOUBT = 4  # degrees of freedom with which a dispersion of 1 is believed beforehand

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Figures:
    """A theme now: voices a week in the last 28 days, how the last 7 days compare with the four weeks before (0 is steady, 1
    twice as many), each with its 95 % interval; None: not known, or without a bound. `emerging`: the corrected p-value and days
    of the window that stood out, where one did.
    """

    per_week: float
    per_week_low: float
    per_week_high: float
    trend: float | None
    trend_low: float | None
    trend_high: float | None
    emerging: tuple[float, int] | None

    def numbers(self) -> dict[str, float | None]:
        """Rate and trend with their intervals."""
        found = asdict(self)
        del found["emerging"]
        return found


# A theme of which nobody wrote in five weeks; the interval is that of no voice in four weeks.
NONE = Figures(0.0, 0.0, round(float(gammaincinv(1, (1 + LEVEL) / 2)) / 4, 4), None, None, None, None)


def figures(counts: Mapping[str, npt.NDArray[Any]], product: npt.NDArray[Any], days: float = PARTS[-1][1]) -> dict[str, Figures]:
    """The figures of each theme, from its voices in PARTS; `product` has all voices in PARTS, written over `days` until now."""
    if not counts:
        return {}
    table = np.vstack([np.asarray(row, float) for row in counts.values()])
    weekly = table[:, RECENT:]
    phi = dispersion(weekly, weekly.mean(axis=1, keepdims=True) * np.ones(WEEKS))
    low, high = rate_interval(month := table[:, :RECENT + WEEKS - 1].sum(axis=1), 4, phi)
    weeks = min(max((days - 7) / 7, 0), WEEKS)
    recent, before = table[:, :RECENT].sum(axis=1), weekly.sum(axis=1)
    rising = [trend(new, old, weeks, phi) for new, old in zip(recent, before, strict=True)]
    alarms = emerging(table, np.asarray(product, float))
    return {theme: Figures(month[row] / 4, round(low[row], 4), round(high[row], 4), *rising[row], alarms[row])
            for row, theme in enumerate(counts)}


def weeks(parts: npt.NDArray[Any]) -> list[int]:
    """Voices in each of the last five weeks, oldest first, from those in PARTS."""
    return [*map(int, parts[:RECENT - 1:-1]), int(parts[:RECENT].sum())]


def dispersion(counts: Floats, expected: Floats, sure: float = 0.0) -> float:
    """Variance / mean of counts of shape (themes, weeks) about what was expected: Pearson's estimate, at least 1.

    From themes with a voice a week or more; shy where they are few. `sure`: by so many standard errors too high rather than too
    low.
    """
    enough = expected.sum(axis=1) >= counts.shape[1]
    freedom = int(enough.sum()) * (counts.shape[1] - 1)
    cells = expected[enough]
    pearson = ((counts[enough] - cells) ** 2 / np.maximum(cells, 1e-9)).sum()
    found = (pearson + _DOUBT) / (freedom + _DOUBT)
    return float(max(1.0, found * (1 + sure * np.sqrt(2 / (freedom + _DOUBT)))))


def rate_interval(voices: Floats, weeks: float, phi: float = 1.0) -> tuple[Floats, Floats]:
    """The interval of voices a week, where `voices` came in `weeks` with the dispersion `phi`."""
    tail = (1 - LEVEL) / 2
    low = np.where(voices > 0, gammaincinv(np.maximum(voices / phi, 1e-9), tail), 0.0)
    return low * phi / weeks, gammaincinv(voices / phi + 1, 1 - tail) * phi / weeks


def trend(recent: float, before: float, weeks: float, phi: float = 1.0) -> tuple[float | None, float | None, float | None]:
    """How the voices of a week compare with those of the `weeks` before, (recent + 1/2) / (before / weeks + 1/2) - 1, and the
    interval of the ratio - 1. The halves keep single voices from shouting. None: nothing to compare, or without a bound.
    """
    if not weeks:
        return None, None, None
    value = round((recent + 0.5) / (before / weeks + 0.5) - 1, 4)
    if not recent + before:
        return value, None, None
    tail, mine, rest = (1 - LEVEL) / 2, recent / phi, before / phi
    low = float(betaincinv(mine, rest + 1, tail)) if mine else 0.0
    high = float(betaincinv(mine + 1, rest, 1 - tail)) if rest else 1.0
    return value, round(low / (1 - low) * weeks - 1, 4), round(high / (1 - high) * weeks - 1, 4) if high < 1 else None


def emerging(table: Floats, product: Floats) -> list[tuple[float, int] | None]:
    """For each theme the corrected p-value and the days of the window that stands out most, where it is under FALSE_ALARMS.

    `table` has the voices of themes in PARTS as rows, `product` all voices. A product without four weeks before has no alarms.
    """
    past, everything = table[:, RECENT:].sum(axis=1), product[RECENT:].sum()
    looked_at = int((table.sum(axis=1) > 0).sum()) * len(WINDOWS)
    if not everything:
        return [None] * len(table)
    phi = dispersion(table[:, RECENT:], past[:, None] * product[RECENT:] / everything, sure=1.5)
    best: list[tuple[float, int] | None] = [None] * len(table)
    for parts in WINDOWS:
        now, all_now = table[:, :parts].sum(axis=1), product[:parts].sum()
        if not all_now:
            continue
        chance = looked_at * tail(np.maximum(now, 1), past, all_now / (all_now + everything), phi)
        for row in np.flatnonzero((now >= AT_LEAST) & (chance <= FALSE_ALARMS)):
            found = (float(chance[row]), PARTS[parts - 1][1])
            best[row] = min(best[row] or found, found)
    return best


def tail(now: Floats, past: Floats, share: float, phi: float = 1.0) -> Floats:
    """The probability of `now` (above 0) or more voices after `past`, where of both a share of `share` is expected now.

    For Poisson counts that is the exact binomial test, which is the same as a negative binomial prediction from `past + 1`;
    with a dispersion above 1 the prediction has the mean of `past + phi` and `phi` times the variance.
    """
    mean = (past + phi) * share / (1 - share)
    found: Floats = betainc(now, mean / (phi / (1 - share) - 1), 1 - (1 - share) / phi)
    return found
