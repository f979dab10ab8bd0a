"""TOPSIS: the best candidate lies nearest to the ideal and farthest from its opposite. Pure.

Hwang & Yoon, Multiple Attribute Decision Making (Springer 1981), ch. III.2.10: r_ij = x_ij / sqrt(sum_i x_ij²), v_ij = w_j r_ij,
closeness C_i = S_i- / (S_i+ + S_i-), where S are the Euclidean distances from the best and the worst v of each criterion.

**A missing value** is a value that nobody knows, not zero. It is taken to lie between the worst and the best value known of its
criterion (or within the criterion's own range, where it has one), so each candidate's closeness is an interval: pessimistic
where all that is missing is at its worst, optimistic where it is at its best. Candidates are ranked by what can be counted on,
the pessimistic end; then by the optimistic one, then as they are given. The closeness only grows as a value comes nearer to the
ideal, so both ends are exact. Where nothing is missing, this is TOPSIS as published.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from include.errors import InputError

Floats = NDArray[np.float64]
DIGITS = 12  # closenesses that agree this far are equal


@dataclass(frozen=True)
class Criterion:
    """What candidates are compared by. `low` and `high` bound what a missing value may be, where the criterion has a range."""

    name: str
    weight: float
    better: Literal["higher", "lower"] = "higher"
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Scaled:
    """Candidates (rows) by criteria (columns), normalised: with what is missing at its worst, and at its best."""

    pessimistic: Floats
    optimistic: Floats
    ideal: Floats
    opposite: Floats
    lengths: Floats  # of each column: a value divided by it is normalised


@dataclass(frozen=True)
class Standing:
    """How a candidate stands: `closeness` (pessimistic), `at_best`, its rank, and between which ranks it may come to lie."""

    closeness: float
    at_best: float
    rank: int
    best_rank: int
    worst_rank: int


def rank(values: Sequence[Sequence[float | None]], criteria: Sequence[Criterion]) -> list[Standing]:
    """The standing of each candidate; `values` has a row a candidate and a column a criterion, None where one is missing.

    Candidates that are equal share a rank. Raises InputError for weights or values that can't be compared.
    """
    weights, scaled = weights_of(criteria), scale(values, criteria)
    low, high = (closeness(part, scaled, weights).round(DIGITS) for part in (scaled.pessimistic, scaled.optimistic))
    keys = [(-float(a), -float(b)) for a, b in zip(low, high, strict=True)]
    return [Standing(float(low[i]), float(high[i]), 1 + sum(key < keys[i] for key in keys),
                     1 + int((low > high[i]).sum()),
                     1 + int((np.delete(high, i) > low[i]).sum())) for i in range(len(keys))]


def winner(values: Sequence[Sequence[float | None]], criteria: Sequence[Criterion]) -> int:
    """The place of the candidate that ranks first; of equal ones the one that is given first."""
    ranks = [standing.rank for standing in rank(values, criteria)]
    return ranks.index(1)


def weights_of(criteria: Sequence[Criterion]) -> Floats:
    """The criteria's weights as shares of 1. Raises InputError where that can't be."""
    for criterion in criteria:
        if not math.isfinite(criterion.weight) or criterion.weight < 0:
            raise InputError(f"criterion {criterion.name!r}: its weight {criterion.weight} is no number from 0 on")
    largest = max((criterion.weight for criterion in criteria), default=0)
    if largest == 0:
        raise InputError("the weights of the criteria sum up to zero: nothing can be ranked by them")
    weights = np.array([criterion.weight / largest for criterion in criteria])
    return np.asarray(weights / weights.sum())


def scale(values: Sequence[Sequence[float | None]], criteria: Sequence[Criterion]) -> Scaled:
    """`values` normalised by the length of each column. The length of a column with gaps is estimated from what is known.

    Raises InputError for values that are no finite numbers from 0 on: a ratio scale is what the normalisation needs.
    """
    table = np.array([[math.nan if value is None else value for value in row] for row in values], dtype=float)
    table = table.reshape(len(values), len(criteria))
    for i, j in np.argwhere(np.isinf(table) | (table < 0)):
        raise InputError(f"criterion {criteria[j].name!r}, candidate {i + 1}: {table[i, j]} is no finite number from 0 on")
    columns = [_column(table[:, j], criterion) for j, criterion in enumerate(criteria)]
    parts = [np.array([column[part] for column in columns]).T for part in range(5)]
    return Scaled(parts[0], parts[1], parts[2], parts[3], parts[4])


def _column(given: Floats, criterion: Criterion) -> tuple[Floats, Floats, float, float, float]:
    missing = np.isnan(given)
    known = given[~missing]
    bounds = list(known) + [bound for bound in (criterion.low, criterion.high) if missing.any() and bound is not None]
    low, high = (min(bounds), max(bounds)) if bounds else (0.0, 0.0)
    unit = high or 1.0  # squares of huge values would overflow
    square = float(np.mean((known / unit) ** 2)) if len(known) else 1.0
    length = unit * (math.sqrt(len(given) * square) or 1.0)
    best, worst = (high, low) if criterion.better == "higher" else (low, high)
    pessimistic, optimistic = (np.where(missing, end, given) / length for end in (worst, best))
    return pessimistic, optimistic, best / length, worst / length, length


def closeness(part: Floats, scaled: Scaled, weights: Floats) -> Floats:
    """C of each row of `part`, from 0 to 1; 0.5 where no criterion tells any difference."""
    near, far = (np.sqrt(((weights * (part - end)) ** 2).sum(axis=1)) for end in (scaled.ideal, scaled.opposite))
    both = near + far
    return np.where(both > 0, far / np.where(both > 0, both, 1.0), 0.5)


def needed(values: Sequence[Sequence[float | None]], criteria: Sequence[Criterion], row: int, column: int) -> float | None:
    """What the missing value at `row`, `column` has to be at least (or at most) for the candidate to come first.

    All else that is missing stays at its worst. None where even its best isn't enough, or it isn't missing.
    """
    if values[row][column] is not None:
        return None
    weights, scaled = weights_of(criteria), scale(values, criteria)
    first = float(np.delete(closeness(scaled.pessimistic, scaled, weights), row).max(initial=0.0))

    def reaches(share: float) -> bool:
        part = scaled.pessimistic[row].copy()
        part[column] += share * (scaled.ideal[column] - part[column])
        return float(closeness(part[None, :], scaled, weights)[0]) > first

    if reaches(0) or not reaches(1):
        return None
    short, enough = 0.0, 1.0
    while enough - short > 1e-9:
        middle = (short + enough) / 2
        short, enough = (short, middle) if reaches(middle) else (middle, enough)
    worst, best = scaled.pessimistic[row, column], scaled.ideal[column]
    return float((worst + enough * (best - worst)) * scaled.lengths[column])
