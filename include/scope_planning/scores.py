"""RICE and WSJF, fed from a story's evidence.

RICE is Intercom's (Sean McBride, "RICE: Simple prioritization for product managers", 2016): reach × impact × confidence /
effort, with its scales for impact (3 massive, 2 high, 1 medium, 0.5 low, 0.25 minimal) and confidence (100, 80, 50 %).
WSJF is SAFe's (Scaled Agile Framework, "Weighted Shortest Job First"): cost of delay / job size, where cost of delay is
business value + time criticality + risk reduction, each on the modified Fibonacci scale 1, 2, 3, 5, 8, 13, 20.

How evidence maps onto those scales is this project's own choice and stands in the tables below.
"""

from collections.abc import Callable
from dataclasses import dataclass

IMPACTS = (0.25, 0.5, 1.0, 2.0, 3.0)
IMPACT = {"operation": 3.0, "bug": 2.0, "feature": 1.0, "question": 0.5}
SEVERE = -0.5  # mean sentiment from here down raises impact and risk by a step
SURE, FAIR = 30, 10  # voices that it takes for a confidence of 100 and of 80 %
LOOSE = 0.2  # mean similarity under which a theme's voices may not be about one thing

FIBONACCI = (1, 2, 3, 5, 8, 13, 20)
PEOPLE = (3, 10, 30, 100, 300, 1000)  # people of a quarter at which business value takes its next step
WEEKLY = (0.5, 1, 3, 10, 30, 100)  # voices a week at which time criticality takes its next step
RISK = {"operation": 13, "bug": 5, "feature": 3, "question": 2}

Factors = dict[str, float]


@dataclass(frozen=True)
class Candidate:
    """A story that could be in the scope. `people` wrote about it in a quarter; `begun` says that its work is under way."""

    id: str
    title: str
    kind: str
    effort_days: float | None
    voices: int
    people: int
    per_week: float | None = None
    sentiment: float | None = None
    similarity: float | None = None
    reopened: bool = False
    begun: bool = False

    @property
    def severe(self) -> bool:
        return self.sentiment is not None and self.sentiment <= SEVERE


def rice(story: Candidate) -> Factors:
    """Reach in people a quarter, impact, confidence, effort in person-days, and the score. No estimate scores 0."""
    impact = IMPACT.get(story.kind, IMPACT["bug"])
    if story.severe:
        impact = IMPACTS[min(IMPACTS.index(impact) + 1, len(IMPACTS) - 1)]
    confidence = 1.0 if story.voices >= SURE else 0.8 if story.voices >= FAIR else 0.5
    if story.similarity is not None and story.similarity < LOOSE:
        confidence = 0.5
    effort = story.effort_days or 0.0
    score = story.people * impact * confidence / effort if effort > 0 else 0.0
    return {"reach": story.people, "impact": impact, "confidence": confidence, "effort": effort, "score": round(score, 4)}


def wsjf(story: Candidate) -> Factors:
    """Business value, time criticality, risk reduction, job size, and the score. No estimate scores 0."""
    value = _step(story.people, PEOPLE) if story.people else 0
    time = 13 if story.reopened else _step(story.per_week or 0, WEEKLY)
    risk = RISK.get(story.kind, RISK["bug"])
    if story.severe:
        risk = FIBONACCI[min(FIBONACCI.index(risk) + 1, len(FIBONACCI) - 1)]
    effort = story.effort_days or 0.0
    size = next((step for step in FIBONACCI if step >= effort), effort) if effort > 0 else 0
    score = (value + time + risk) / size if size and value else 0.0
    return {"business_value": value, "time_criticality": time, "risk_reduction": risk, "job_size": size, "effort": effort,
            "score": round(score, 4)}


METHODS: dict[str, Callable[[Candidate], Factors]] = {"rice": rice, "wsjf": wsjf}


def _step(value: float, limits: tuple[float, ...]) -> int:
    return FIBONACCI[sum(value >= limit for limit in limits)]
