"""RICE, WSJF and a team's own expression, fed from a story's evidence.

RICE is Intercom's (Sean McBride, "RICE: Simple prioritization for product managers", 2016): reach × impact × confidence /
effort, with its scales for impact (3 massive, 2 high, 1 medium, 0.5 low, 0.25 minimal) and confidence (100, 80, 50 %).
WSJF is SAFe's (Scaled Agile Framework, "Weighted Shortest Job First"): cost of delay / job size, where cost of delay is
business value + time criticality + risk reduction, each on the modified Fibonacci scale 1, 2, 3, 5, 8, 13, 20.

How evidence maps onto those scales is this project's own choice and stands in the tables below. Both are multiplied with how
well earlier predictions held (`include.relief`): RICE in its confidence, WSJF as a whole.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from include.errors import InputError
from include.expression import compiled
from include.parts.planning import FIGURES

IMPACTS = (0.25, 0.5, 1.0, 2.0, 3.0)
IMPACT = {"operation": 3.0, "bug": 2.0, "feature": 1.0, "question": 0.5}
SEVERE = -0.5  # mean sentiment from here down raises impact and risk by a step
GRAVE, SLIGHT = 2.0, 0.5  # mean severity (low 0, medium 1, high 2, critical 3) that raises them, and that lowers them
SURE, FAIR = 30, 10  # voices that it takes for a confidence of 100 and of 80 %
LOOSE = 0.2  # mean similarity under which a theme's voices may not be about one thing
MONTHS = 13 / 4  # a quarter of 13 weeks in months of 4
OWED = ("security", "debt", "law")  # categories that are worth something although nobody may have written about them

FIBONACCI = (1, 2, 3, 5, 8, 13, 20)
PEOPLE = (3, 10, 30, 100, 300, 1000)  # people of a quarter at which business value takes its next step
WEEKLY = (0.5, 1, 3, 10, 30, 100)  # voices a week at which time criticality takes its next step
RISK = {"operation": 13, "bug": 5, "feature": 3, "question": 2}

Factors = dict[str, float]


@dataclass(frozen=True)
class Wait:
    """What a story waits for: the story `on`, or something else that `reason` names."""

    on: str | None
    reason: str


@dataclass(frozen=True)
class Candidate:
    """A story that could be in the scope.

    `people` wrote about it in a quarter, `recent` of them in its last 28 days; `severity` is the mean of low 0 to critical 3;
    `held` how well earlier predictions held, from 0 to 1. `begun` says that its work is under way, `by` is the last iteration
    that it must be in (0: it is late already) because of its date `due`, `draft` why it isn't ready to be worked on.
    """

    id: str
    title: str
    kind: str
    effort_days: float | None
    voices: int
    people: int
    recent: int = 0
    per_week: float | None = None
    sentiment: float | None = None
    severity: float | None = None
    similarity: float | None = None
    relief: float | None = None
    held: float = 1.0
    age_days: float = 0.0
    reopened: bool = False
    begun: bool = False
    category: str | None = None
    due: str | None = None
    by: int | None = None
    draft: str | None = None
    waits: tuple[Wait, ...] = ()

    @property
    def days(self) -> float:
        """Its effort in person-days; 0 where it has no estimate, or one that is no number of days."""
        days = self.effort_days
        return days if days is not None and math.isfinite(days) and days > 0 else 0.0

    @property
    def reach(self) -> float:
        """People a quarter: those who wrote in the last one or, where a theme is new and grows, the last 28 days carried on."""
        return max(self.people, round(self.recent * MONTHS), 1 if self.category in OWED else 0)

    @property
    def step(self) -> int:
        """Steps up the scales of impact and risk: 1 where voices are angry or troubles grave, -1 where they are slight."""
        if (self.sentiment is not None and self.sentiment <= SEVERE) or (self.severity is not None and self.severity >= GRAVE):
            return 1
        return -1 if self.severity is not None and self.severity < SLIGHT else 0

    @property
    def impact(self) -> float:
        """On RICE's scale."""
        return IMPACTS[_clamped(IMPACTS.index(IMPACT.get(self.kind, IMPACT["bug"])) + self.step, len(IMPACTS))]

    @property
    def confidence(self) -> float:
        """How sure the theme is, on RICE's scale, times how well earlier predictions held."""
        sure = 1.0 if self.voices >= SURE else 0.8 if self.voices >= FAIR else 0.5
        loose = self.similarity is not None and self.similarity < LOOSE
        return round((0.5 if loose else sure) * self.held, 4)


Score = Callable[[Candidate], Factors]


def rice(story: Candidate) -> Factors:
    """Reach in people a quarter, impact, confidence, effort in person-days, and the score. No estimate scores 0."""
    score = story.reach * story.impact * story.confidence / story.days if story.days else 0.0
    return {"reach": story.reach, "impact": story.impact, "confidence": story.confidence, "held": story.held,
            "effort": story.days, "score": round(score, 4)}


def wsjf(story: Candidate) -> Factors:
    """Business value, time criticality, risk reduction, job size, and the score. No estimate scores 0."""
    value = _step(story.reach, PEOPLE) if story.reach else 0
    time = 13 if story.reopened else _step(story.per_week or 0, WEEKLY)
    risk = FIBONACCI[_clamped(FIBONACCI.index(RISK.get(story.kind, RISK["bug"])) + story.step, len(FIBONACCI))]
    size = next((step for step in FIBONACCI if step >= story.days), story.days) if story.days else 0
    score = story.held * (value + time + risk) / size if size and value else 0.0
    return {"reach": story.reach, "business_value": value, "time_criticality": time, "risk_reduction": risk, "job_size": size,
            "held": story.held, "effort": story.days, "score": round(score, 4)}


def own(expression: str, story: Candidate) -> Factors:
    """The figures of a team's `expression`, and the score. No estimate scores 0. Raises InputError where it can't be computed."""
    values = figures(story)
    used = {name: values[name] for name in FIGURES if name in expression}
    kept = {"reach": story.reach, "held": story.held, "effort": story.days}
    if not story.days:
        return used | kept | {"score": 0.0}
    try:
        score = compiled(expression, FIGURES)(values)
    except ValueError as error:
        raise InputError(f"planning.score, {error} (of story {story.id})") from error
    return used | kept | {"score": round(max(score, 0.0), 4)}


def figures(story: Candidate) -> dict[str, float]:
    """What an expression may name; what isn't known is 0."""
    found = {"reach": story.reach, "per_week": story.per_week, "impact": story.impact, "confidence": story.confidence,
             "effort": story.days, "severity": story.severity, "sentiment": story.sentiment, "similarity": story.similarity,
             "voices": story.voices, "relief": story.relief, "held": story.held, "reopened": story.reopened,
             "age_days": story.age_days}
    return {name: float(found[name] or 0) for name in FIGURES}


def scoring(method: str, expression: str | None = None) -> Score:
    """The score of a method: rice, wsjf, or own with its expression."""
    return partial(own, expression) if expression is not None else {"rice": rice, "wsjf": wsjf}[method]


def _step(value: float, limits: tuple[float, ...]) -> int:
    return FIBONACCI[sum(value >= limit for limit in limits)]


def _clamped(index: int, count: int) -> int:
    return min(max(index, 0), count - 1)
