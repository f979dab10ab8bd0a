"""How a product's voices come: more on some days of the week than on others, and in bursts. Estimated from its own history.

The history is cut into days, and these into weeks; where a product is young, into shorter cells and pairs of them. Only how a
block's voices spread over its cells counts, so that slow changes of the rate, and releases between blocks, change nothing.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from include.outcome_review.windows import MINUTE, Span

DAY = timedelta(days=1)
WEEK = 7
WEEKS = 8  # of history that are looked at
YOUNG = 2 * WEEK  # days; a product with fewer has no known week, and its cells are shorter
_DOUBT = 1.0  # degrees of freedom with which a dispersion of 1 is believed beforehand
_YOUNG_DOUBT = 6.0  # and where a product is young: as if a week of days had shown it
_SURE = 0.5  # by so many standard errors it is taken too high rather than too low
_AVERAGE = 5.0  # voices on each day of the week that came as on an average day, beforehand
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Season:
    """`phi`: variance / mean of a theme's counts. `factors`: voices per exposure on Monday to Sunday (UTC), over those of an
    average day."""

    phi: float = 1.0
    factors: tuple[float, ...] = (1.0,) * WEEK

    @property
    def known(self) -> bool:
        return any(factor != 1.0 for factor in self.factors)


def cells(start: datetime, end: datetime) -> list[Span]:
    """The cells of a history in order of time: whole days (UTC) of whole weeks before `end`, or a fourteenth of what there is."""
    first, last = midnight(start), midnight(end)
    first += DAY if first < start else timedelta()
    days = (last - first) // DAY
    if days >= YOUNG:
        count = min(days // WEEK, WEEKS) * WEEK
        return [Span(last - DAY * (count - n), last - DAY * (count - n - 1)) for n in range(count)]
    length = max((end - start) / YOUNG // MINUTE, 1) * MINUTE
    count = min(YOUNG, (end - start) // length)
    return [Span(start + length * n, start + length * (n + 1)) for n in range(count)]


def midnight(at: datetime) -> datetime:
    """The beginning of the day (UTC) that `at` lies in."""
    return at.replace(hour=0, minute=0, second=0, microsecond=0)


def season(counts: Floats, exposure: Floats, spans: list[Span], changed: npt.NDArray[np.bool_] | None = None) -> Season:
    """From voices of shape (themes, cells) and the exposure of each cell. `changed` (same shape) are cells in which something
    released for the theme changed its rate: their blocks don't tell how it varies."""
    if len(spans) < 2:
        return Season()
    factors, weights, size, doubt = np.ones(WEEK), exposure, 2, _YOUNG_DOUBT
    if spans[0].days == 1:
        factors, size, doubt = _factors(counts.sum(axis=0), exposure, spans), WEEK, _DOUBT
        weights = exposure * factors[[span.start.weekday() for span in spans]]
    quiet = np.ones(counts.shape) if changed is None else (~changed).astype(float)
    whole = len(spans) // size * size
    voices, weights, quiet = (_blocks(table[..., -whole:], size) for table in (counts, weights, quiet))
    phi = _dispersion(voices, weights, quiet, doubt)
    return Season(phi, tuple(map(float, factors)))


def _blocks(table: Floats, size: int = WEEK) -> Floats:
    return table.reshape(*table.shape[:-1], -1, size)


def _shares(weights: Floats) -> Floats:
    shares: Floats = weights / np.maximum(weights.sum(axis=-1, keepdims=True), 1e-9)
    return shares


def _factors(total: Floats, exposure: Floats, spans: list[Span]) -> Floats:
    voices = _blocks(total)
    expected = (voices.sum(axis=-1, keepdims=True) * _shares(_blocks(exposure))).sum(axis=0)
    found = (voices.sum(axis=0) + _AVERAGE) / (expected + _AVERAGE)
    return np.roll(found, spans[0].start.weekday())


def _dispersion(voices: Floats, weights: Floats, quiet: Floats, doubt: float) -> float:
    """Sums of squares over sums of means, both within blocks: a ratio that many small themes estimate as well as a large one."""
    shares, total = _shares(weights), voices.sum(axis=-1)
    used = quiet.all(axis=-1) & (total > 0) & (weights.sum(axis=-1) > 0)
    squares = ((voices - total[..., None] * shares) ** 2).sum(axis=-1)[used].sum()
    means = (total * (1 - (shares ** 2).sum(axis=-1)))[used].sum()
    freedom = np.minimum(total[used], voices.shape[-1] - 1).sum()
    if means <= 0:
        return 1.0
    found = (squares / means * freedom + doubt) / (freedom + doubt)
    return float(max(1.0, found * (1 + _SURE * np.sqrt(2 / (freedom + doubt)))))
