"""Predicted against realised relief: what a product's shipped stories took away of their complaints, beside what was foretold.

Relief is the share of a theme's complaint rate that goes away, so 1 - (rate after / rate before); below 0 it became worse.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from include.ledger.tables import outcomes, stories

UNMEASURED = "too early"  # the verdict of an outcome that says nothing yet
PRIOR = 3.0  # predictions that held, which are taken for granted before the first is measured


@dataclass(frozen=True)
class Relief:
    """One story that was released and measured. `predicted` and `realised` are shares of the complaint rate; `realised` is from
    -1 to 1, the mean over the story's themes. `release` is the version that brought it."""

    story: str
    kind: str
    release: str
    predicted: float
    realised: float

    @property
    def held(self) -> float:
        """How much of the prediction came true, from 0 (none of it, or it became worse) to 1 (all of it, or more)."""
        return min(1.0, max(0.0, self.realised / self.predicted))


@dataclass(frozen=True)
class Held:
    """How well predictions held: `share` of what was predicted came true, judged from `count` measured stories of the same kind
    and `among` of all kinds."""

    share: float
    count: int
    among: int


def reliefs(connection: Connection, product: str) -> list[Relief]:
    """The product's measured stories that bore a prediction above 0, by story and release."""
    rows = connection.execute(
        select(outcomes.c.story_id, outcomes.c.release, outcomes.c.effect, stories.c.kind, stories.c.relief)
        .join(stories, stories.c.id == outcomes.c.story_id)
        .where(stories.c.product == product, outcomes.c.verdict != UNMEASURED, outcomes.c.effect.is_not(None))
        .order_by(outcomes.c.story_id, outcomes.c.release, outcomes.c.theme_id))
    found: dict[tuple[str, str], tuple[str, float, list[float]]] = {}
    for row in rows:
        if (predicted := _expected(row.relief)) > 0:
            of_story = found.setdefault((row.story_id, row.release), (row.kind, predicted, []))
            of_story[2].append(max(-1.0, 1 - row.effect))
    return [Relief(story, kind, release, predicted, sum(shares) / len(shares))
            for (story, release), (kind, predicted, shares) in found.items()]


def held(measured: Sequence[Relief], kind: str) -> Held:
    """How well predictions for stories of `kind` held.

    Few stories say little: the share is drawn towards that of all kinds with the weight of `PRIOR` stories, and that one
    towards 1 likewise. Nothing measured yet: 1.
    """
    same = [item.held for item in measured if item.kind == kind]
    overall = (PRIOR + sum(item.held for item in measured)) / (PRIOR + len(measured))
    return Held(round((PRIOR * overall + sum(same)) / (PRIOR + len(same)), 4), len(same), len(measured))


def _expected(relief: Any) -> float:
    value = relief.get("expected") if isinstance(relief, dict) else None
    return float(value) if isinstance(value, int | float) else 0.0
