"""What the read API answers, field by field: these are its promise, and its OpenAPI description."""

from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, Field

T = TypeVar("T")
Kind = Literal["bug", "feature", "question", "praise"]
Level = Literal["low", "medium", "high", "critical"]
Status = Literal["open", "planned", "resolved", "reopened", "merged"]


class Paged(BaseModel, Generic[T]):
    """Some of the items. `next`: what to send as `after` for those that follow; null where there are no more."""

    items: list[T]
    next: str | None = None


class LastRun(BaseModel):
    """The newest run of a phase for a product, or for a release of it (`key`)."""

    run_id: str
    key: str
    at: datetime
    published: list[str] = Field(description="The keys that it published; none: it found nothing new.")


class PhaseState(BaseModel):
    """One phase of the cycle for a product. `dag_id` is Airflow's name of it."""

    dag_id: str
    step: int | None = Field(description="The number of the step in the cycle; null for what closes the loop.")
    wakes: list[str] = Field(description="The phases that wake on what it publishes.")
    beside: bool = Field(description="It helps the loop, and no turn of it goes through here.")
    last: LastRun | None
    published_at: datetime | None = Field(description="When one of its newest runs last published something.")


class Wait(BaseModel):
    """Something of a product that can't go on by itself. `what` says it in a word, `text` names it."""

    dag_id: str
    on: Literal["person", "product", "story", "data"]
    what: Literal["answer", "decision", "deployment", "draft", "blocked", "signal", "ticket", "too_early"]
    text: str
    count: int = 1
    since: datetime | None = None
    until: datetime | None = Field(None, description="When it will be over by itself, where that is known.")
    run_id: str | None = None
    ids: list[str] = []


class ProductState(BaseModel):
    """Where the loop of a product stands. `running` is the version that was deployed last."""

    name: str
    title: str
    owner: str
    running: str | None
    phases: list[PhaseState]
    waits: list[Wait] = Field(description="What waits, people first, the oldest first.")
    themes: int = Field(description="Live themes without praise.")


class BrokenProduct(BaseModel):
    """A product file that can't be used, and why."""

    file: str
    problem: str


class Products(BaseModel):
    """Every product, and the files that can't be read."""

    items: list[ProductState]
    broken: list[BrokenProduct]


class Theme(BaseModel):
    """What customers tell, as one. Rates are voices a week, with 95 % intervals; `trend` is this week against the four before it
    (0: steady, 1: twice as many); `weeks` are the voices of each of the last five weeks, oldest first."""

    id: str
    name: str
    language: str
    kind: str
    status: str
    severity: str | None
    size: int
    per_week: float | None
    per_week_low: float | None
    per_week_high: float | None
    trend: float | None
    trend_low: float | None
    trend_high: float | None
    weeks: list[int] | None
    first_seen: datetime
    last_seen: datetime
    emerging_since: datetime | None
    merged_into: str | None
    summary: str | None


class ThemeEvent(BaseModel):
    """What became of a theme."""

    kind: str
    at: datetime
    run_id: str
    detail: dict[str, Any]


class Voice(BaseModel):
    """What somebody said, redacted. `cut`: `text` is only its beginning; the voice itself has all of it."""

    id: str
    source: str
    origin: str
    language: str
    kind: str
    kinds: list[str] | None
    severity: str | None
    sentiment: float | None
    rating: float | None
    written_at: datetime
    text: str
    cut: bool
    erased: bool


class Story(BaseModel):
    """A story in short."""

    id: str
    title: str
    status: str
    kind: str


class ThemeDetail(Theme):
    """A theme with its quotes, its stories and what became of it, newest first."""

    quotes: list[Voice]
    stories: list[Story]
    events: list[ThemeEvent]


class Thing(BaseModel):
    """One thing in a trace. `kind` and `id` ask for its own trace; `at` is when it came to be."""

    kind: str
    id: str
    text: str
    status: str | None = None
    at: datetime | None = None
    product: str | None = None
    run_id: str | None = None


class Station(BaseModel):
    """All things of one kind in a trace: `count` of them, of which `items` are the first."""

    kind: str
    count: int
    items: list[Thing]


class Trace(BaseModel):
    """The line from tickets and voices to outcomes, through the one thing that was asked for."""

    kind: str
    id: str
    line: list[Station]


class Gate(BaseModel):
    """What a release has to pass. `dag_id` and `run_id`: the run that decided."""

    gate: Literal["candidate", "compliant", "accepted", "deployed"]
    state: Literal["passed", "refused", "waiting"]
    dag_id: str
    run_id: str | None = None
    at: datetime | None = None
    by: str | None = None
    note: str | None = None


class Release(BaseModel):
    """A release in short."""

    key: str
    version: str
    status: str
    commit: str
    previous: str | None
    at: datetime


class Check(BaseModel):
    """What was shown of a rule. `evidence` is the artifact's name, `digest` its SHA-256."""

    rule: str
    outcome: str
    severity: str
    serves: str
    detail: str
    evidence: str
    digest: str
    waiver: dict[str, Any] | None
    at: datetime


class Verdict(BaseModel):
    """What a step of a rollout was judged by: the candidate's metric beside the baseline's, with the effect's interval."""

    metric: str
    baseline: float | None
    candidate: float | None
    effect: float | None
    low: float | None
    high: float | None
    threshold: float
    baseline_samples: int
    candidate_samples: int
    decision: str
    why: str


class Step(BaseModel):
    """One step of a rollout: the weight of traffic in per cent, and the verdict."""

    step: int
    weight: int
    requests: int
    errors: int
    error_rate: float | None
    limit: float | None
    verdict: str
    why: str
    at: datetime
    verdicts: list[Verdict]


class Deployment(BaseModel):
    """A deployment with its steps."""

    id: str
    environment: str
    kind: str | None
    status: str
    previous: str | None
    by: str | None
    reason: str | None
    started_at: datetime
    finished_at: datetime | None
    steps: list[Step]


class ReleaseDetail(Release):
    """A release with its gates and what they rest on. `sbom`, `provenance` and `artifact` are artifacts' names."""

    gates: list[Gate]
    checks: list[Check]
    deployments: list[Deployment]
    tests: dict[str, Any]
    changelog: str
    artifact: str | None
    digest: str | None
    sbom: str | None
    provenance: str | None
    untied: list[str] | None
    stories: list[Story]


class Component(BaseModel):
    """A part of a release, as its bill of materials (CycloneDX) lists it."""

    name: str
    version: str | None
    licence: str | None
    purl: str | None


class Advisory(BaseModel):
    """An advisory about a part of a release. `new`: not known of the release before it."""

    id: str
    package: str
    version: str | None
    severity: str | None
    summary: str | None
    new: bool


class Parts(BaseModel):
    """What a release is made of: the first of `listed` components, and of the `found` advisories about them as its last check
    knew them, the gravest first (null: it looked for none)."""

    components: list[Component]
    listed: int
    advisories: list[Advisory] | None
    found: int


class SloPoint(BaseModel):
    """An objective at a time."""

    at: datetime
    sli: float | None
    budget_left: float | None
    burn_rate: float | None
    requests: int


class Slo(BaseModel):
    """An objective: its target, and how it stood, oldest first."""

    name: str
    target: float
    points: list[SloPoint]


class Signal(BaseModel):
    """What operation told. `fingerprint` is what the form that acknowledges it asks for."""

    fingerprint: str
    kind: str
    severity: str
    title: str
    status: str
    release: str | None
    first_at: datetime
    last_at: datetime
    acknowledged_by: str | None
    acknowledged_at: datetime | None


class Fact(BaseModel):
    """One fact of an incident's timeline."""

    at: datetime
    what: str
    who: str | None = None
    text: str | None = None


class Incident(BaseModel):
    """Signals of high severity by their cause, with what happened. `postmortem` and `page` are artifacts' names."""

    id: str
    title: str
    cause: str
    severity: str
    status: str
    owner: str
    opened_at: datetime
    resolved_at: datetime | None
    timeline: list[Fact]
    postmortem: str
    page: str


class Operation(BaseModel):
    """How a product runs: its objectives, what is open, and what was resolved lately."""

    slos: list[Slo]
    signals: list[Signal]
    incidents: list[Incident]


class Point(BaseModel):
    """A metric at a time, over `n` of what it counts."""

    at: datetime
    value: float | None
    n: int


class Metric(BaseModel):
    """A metric with what it means, and how it stood, oldest first. `band` is the level of the report that `band_of` names."""

    name: str
    unit: str
    definition: str
    band: str | None = None
    band_of: str | None = None
    points: list[Point]


class Metrics(BaseModel):
    """DORA's metrics and the loop's own."""

    delivery: list[Metric]
    loop: list[Metric]
