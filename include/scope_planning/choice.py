"""Which stories fit: the set of the highest value within the capacity, and why each story is in or out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from include.scope_planning.scores import METHODS, Candidate, Factors

ROUNDING = 1e-6  # person-days


@dataclass(frozen=True)
class Item:
    """A story's place in a scope. `rank` starts at 1, by score."""

    story: Candidate
    rank: int
    factors: Factors
    chosen: bool
    why: str

    @property
    def score(self) -> float:
        return self.factors["score"]


def plan(stories: Sequence[Candidate], method: str, capacity: float) -> list[Item]:
    """Score `stories`, choose those that fit into `capacity` person-days, and say why; by rank, the best first.

    Stories whose work has begun stay in and use their days first. Of the others the set with the highest total value (score
    times effort: what a score is a quotient of) is taken, exactly; a story without reach or estimate is never in.
    """
    factors = {story.id: METHODS[method](story) for story in stories}
    ranked = sorted(stories, key=lambda story: (-factors[story.id]["score"], story.id))
    begun = {story.id for story in ranked if story.begun}
    left = capacity - sum(story.effort_days or 0 for story in ranked if story.begun)
    open_ = [story for story in ranked if not story.begun and factors[story.id]["score"] > 0]
    efforts = [story.effort_days or 0.0 for story in open_]
    values = [factors[story.id]["score"] * effort for story, effort in zip(open_, efforts, strict=True)]
    taken = {open_[index].id for index in knapsack(values, efforts, left)}
    unused = left - sum(story.effort_days or 0 for story in open_ if story.id in taken)
    return [Item(story, rank, factors[story.id], story.id in begun | taken,
                 _why(story, factors[story.id], rank, story.id in taken, unused, capacity))
            for rank, story in enumerate(ranked, start=1)]


def knapsack(values: Sequence[float], weights: Sequence[float], capacity: float) -> list[int]:
    """The indices of the items with the greatest total value whose weights fit into `capacity` (0-1 knapsack, solved to
    optimality by branch and bound). Values and weights are above 0."""
    fits = [index for index, weight in enumerate(weights) if weight <= capacity + ROUNDING]
    if not fits or sum(weights[index] for index in fits) <= capacity + ROUNDING:
        return fits
    gain, load = np.array([values[index] for index in fits]), np.array([weights[index] for index in fits])
    found = milp(-gain / gain.max(), constraints=LinearConstraint(load[np.newaxis, :], ub=capacity + ROUNDING),
                 integrality=np.ones(len(fits)), bounds=Bounds(0, 1), options={"mip_rel_gap": 0.0})
    if found.x is None:
        raise RuntimeError(f"no scope was found: {found.message}")
    return [index for index, share in zip(fits, found.x, strict=True) if share > 0.5]


def _why(story: Candidate, factors: Factors, rank: int, taken: bool, unused: float, capacity: float) -> str:
    effort = _days(factors["effort"])
    if story.begun:
        return f"its work has begun; {effort}"
    if taken:
        return f"rank {rank}; its {effort} fit"
    if factors["effort"] <= 0:
        return "has no estimate"
    if factors["score"] <= 0:
        return "nobody wrote about it in the last quarter"
    if factors["effort"] > capacity:
        return f"needs {effort}, more than the whole capacity of {capacity:g}"
    return f"needs {effort}, {max(unused, 0):g} left; it would push out what is worth at least as much"


def _days(number: float) -> str:
    return f"{number:g} day" if number == 1 else f"{number:g} days"
