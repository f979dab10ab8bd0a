"""Which themes are about the same thing, so that one story answers them. Pure.

Within a language the grouping of voices has decided already; a person ties themes beyond that. One trouble told in two languages
shares few words, but the topics that both name: the strongest parts of what the grouping remembers of each theme.
"""

import math
from collections.abc import Iterable, Mapping

SAME = 0.30  # cosine from which themes of two languages are one trouble; unrelated ones stay under 0.16 on real voices

Direction = Mapping[int, float]


def cosine(one: Direction, other: Direction) -> float:
    """How alike two directions are, 0 to 1; 0 where one of them is empty."""
    if len(other) < len(one):
        one, other = other, one
    dot = sum(weight * other.get(column, 0.0) for column, weight in one.items())
    size = math.sqrt(sum(weight**2 for weight in one.values()) * sum(weight**2 for weight in other.values()))
    return min(dot / size, 1.0) if size else 0.0


def nearest(language: str, direction: Direction, others: Iterable[tuple[str, str, Direction]]) -> str | None:
    """The id of the one of `others` (id, language, direction) that tells the same trouble in another language, if any."""
    near = [(-cosine(direction, there), name) for name, tongue, there in others if tongue != language]
    best = min(near, default=None)
    return best[1] if best and -best[0] >= SAME else None
