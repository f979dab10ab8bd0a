"""How far a weight may move before another candidate comes first. Exact, and pure.

The weight of one criterion moves, the others keep their ratios. With t its square, the squared distances of a candidate from
the ideal and from its opposite are linear in t: a + b t. One candidate is closer than another where the product of its distance
from the opposite and the other's distance from the ideal is the larger one, so they change places at the roots of a quadratic.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from include.solution_evaluation.topsis import Criterion, Floats, Scaled, scale, weights_of, winner

TOLERANCE = 1e-12


@dataclass(frozen=True)
class Room:
    """Between which shares of all weights (0 to 1) the `share` of `criterion` may move while the winner stays.

    None: there is no limit on that side. `below` and `above` are who comes first beyond it (places of candidates).
    """

    criterion: str
    share: float
    low: float | None
    high: float | None
    below: int | None
    above: int | None


def room(values: Sequence[Sequence[float | None]], criteria: Sequence[Criterion]) -> list[Room]:
    """The room of each criterion's weight; `values` as for `topsis.rank`, and what is missing is at its worst."""
    weights, scaled, first = weights_of(criteria), scale(values, criteria), winner(values, criteria)
    return [_room(criterion.name, scaled, weights, first, j) for j, criterion in enumerate(criteria)]


def _room(name: str, scaled: Scaled, weights: Floats, first: int, j: int) -> Room:
    now, rest = float(weights[j] ** 2), float(1 - weights[j])
    if rest < TOLERANCE:  # the only criterion: its share is all, whatever its weight
        return Room(name, 1.0, None, None, None, None)
    lines = _lines(scaled, weights, j)
    downs, ups = [], []
    for k in range(len(scaled.pessimistic)):
        if k != first:
            low, high = _limits(_lead(lines, first, k), now)
            downs += [(low, -k)] if low is not None else []
            ups += [(high, k)] if high is not None else []
    down, up = max(downs, default=None), min(ups, default=None)
    return Room(name, float(weights[j]), _share(down[0], rest) if down else None, _share(up[0], rest) if up else None,
                -down[1] if down else None, up[1] if up else None)


def _share(t: float, rest: float) -> float:
    return math.sqrt(t) / (math.sqrt(t) + rest)


def _lines(scaled: Scaled, weights: Floats, j: int) -> Floats:
    """For each candidate the squared distances from ideal and opposite as (a, b) of a + b t; shape (2, candidates, 2)."""
    found = []
    for end in (scaled.ideal, scaled.opposite):
        squares = (scaled.pessimistic - end) ** 2
        others = (squares * weights**2).sum(axis=1) - squares[:, j] * weights[j] ** 2
        found.append(np.stack([np.maximum(others, 0), squares[:, j]], axis=1))
    return np.array(found)


def _lead(lines: Floats, first: int, other: int) -> list[float]:
    """The coefficients (of 1, t, t²) of what is positive while `first` is closer than `other`; all 0 where they are equal."""
    near, far = lines
    (a, b), (c, d), (e, f), (g, h) = far[first], near[other], far[other], near[first]
    pairs = ((a * c, e * g), (a * d + b * c, e * h + f * g), (b * d, f * h))
    return [float(x - y) if abs(x - y) > TOLERANCE * max(x, y) else 0.0 for x, y in pairs]


def _limits(lead: list[float], now: float) -> tuple[float | None, float | None]:
    """The nearest t below and above `now` beyond which the lead is negative."""
    found = np.roots(lead[::-1]) if any(lead) else np.array([])
    roots = sorted({float(root.real) for root in found if root.real > 0 and abs(root.imag) < 1e-9 * abs(root)})
    above = [root for root in roots if root > now * (1 + 1e-9)]
    below = [root for root in roots if root < now * (1 - 1e-9)]
    high = next((start for start, end in zip([now, *above], [*above, _beyond([now, *roots])], strict=True)
                 if _at(lead, (start + end) / 2) < 0), None)
    ends = [now, *below[::-1]]
    low = next((end for end, start in zip(ends, [*below[::-1], 0.0], strict=True)
                if end > 0 and _at(lead, (start + end) / 2) < 0), None)
    return low, high


def _beyond(points: list[float]) -> float:
    return 2 * max(points) + 1


def _at(lead: list[float], t: float) -> float:
    return lead[0] + t * (lead[1] + t * lead[2])
