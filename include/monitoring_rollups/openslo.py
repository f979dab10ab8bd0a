"""Service level objectives in OpenSLO form (openslo.com, v1).

Every SLO of the specification loads. What Closed Loop measures is told by a metric source of its own type:

    ratioMetric:
      good: {metricSource: {type: ClosedLoop, spec: {query: requests - errors}}}
      total: {metricSource: {type: ClosedLoop, spec: {query: requests}}}

`query` is `requests`, `errors` or `requests - errors` of the rollups; instead of `good` there may be `bad`. `route`, in the same
spec, restricts it to one route. Or requests that are fast enough: `op: lt` or `lte` and a `value` in ms stand at the objective:

    thresholdMetric:
      metricSource: {type: ClosedLoop, spec: {query: duration}}

Budgets count requests (Occurrences), or slices of time, each alike however few its requests are: a slice is good or bad
(Timeslices), or as good as its share of good requests (RatioTimeslices). A slice without requests doesn't count.
"""

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from include import safe_yaml
from include.errors import InputError

Duration = Annotated[str, Field(pattern=r"^[1-9]\d*[mhdwMQY]$")]
UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Metadata(Part):
    name: str
    displayName: str | None = None
    labels: dict[str, Any] = {}
    annotations: dict[str, str] = {}


class MetricSource(Part):
    metricSourceRef: str | None = None
    type: str | None = None
    spec: dict[str, Any] = {}


class Metric(Part):
    metricSource: MetricSource


class RatioMetric(Part):
    counter: bool = True
    good: Metric | None = None
    bad: Metric | None = None
    total: Metric | None = None
    rawType: Literal["success", "failure"] | None = None
    raw: Metric | None = None


class IndicatorSpec(Part):
    description: str | None = None
    thresholdMetric: Metric | None = None
    ratioMetric: RatioMetric | None = None

    @model_validator(mode="after")
    def _one_metric(self) -> "IndicatorSpec":
        if (self.thresholdMetric is None) == (self.ratioMetric is None):
            raise ValueError("either thresholdMetric or ratioMetric")
        return self


class Indicator(Part):
    metadata: Metadata
    spec: IndicatorSpec


class Calendar(Part):
    startTime: datetime | str
    timeZone: str


class TimeWindow(Part):
    duration: Duration
    isRolling: bool
    calendar: Calendar | None = None


class Objective(Part):
    displayName: str | None = None
    op: Literal["lte", "gte", "lt", "gt"] | None = None
    value: float | None = None
    target: float | None = Field(None, ge=0, lt=1)
    targetPercent: float | None = Field(None, ge=0, lt=100)
    timeSliceTarget: float | None = Field(None, gt=0, le=1)
    timeSliceWindow: Duration | None = None
    compositeWeight: float | None = Field(None, gt=0)

    @property
    def share(self) -> float | None:
        """The share of good requests to reach, from 0 to 1."""
        return self.target if self.targetPercent is None else self.targetPercent / 100


class Spec(Part):
    description: str | None = None
    service: str
    indicator: Indicator | None = None
    indicatorRef: str | None = None
    timeWindow: list[TimeWindow] = Field(min_length=1, max_length=1)
    budgetingMethod: Literal["Occurrences", "Timeslices", "RatioTimeslices"]
    objectives: list[Objective] = Field(min_length=1)
    alertPolicies: list[Any] | None = None


class SLO(Part):
    apiVersion: Literal["openslo/v1"]
    kind: Literal["SLO"]
    metadata: Metadata
    spec: Spec


def load(path: Path) -> SLO:
    """Read one SLO. Raises InputError that names the file, and the field or the line."""
    try:
        return SLO.model_validate(safe_yaml.load(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        raise InputError("\n".join(f"{path}: {'.'.join(map(str, item['loc']))}: {item['msg']}"
                                   for item in error.errors())) from error
    except (OSError, ValueError, yaml.YAMLError) as error:  # ValueError: no UTF-8, no such day, a number of too many digits
        raise InputError(f"{path}: can't be read: {error}") from error


class Measured(BaseModel):
    """An SLO over the rollups: the share of good requests (`target`) within a rolling `window`, of one route or of all.

    `slower`: a request is bad when it took more than that many ms, instead of when it failed. `slice_minutes`: slices of time are
    counted instead of requests; good when their share of good requests reaches `slice_target`, or as good as that share (None).
    """

    name: str
    target: float
    window: timedelta
    route: str | None = None
    slower: float | None = None
    slice_minutes: int | None = None
    slice_target: float | None = None


def measured(slo: SLO, path: Path) -> Measured:
    """What Closed Loop can measure of `slo`. Raises InputError that says what it can't."""
    spec, window, objective = slo.spec, slo.spec.timeWindow[0], slo.spec.objectives[0]
    indicator = spec.indicator.spec if spec.indicator else None
    sliced, graded = spec.budgetingMethod != "Occurrences", spec.budgetingMethod == "Timeslices"
    wants = [(window.isRolling and _unit(window.duration) in UNITS, "timeWindow must be rolling, in m, h, d or w"),
             (len(spec.objectives) == 1 and objective.share is not None, "objectives must be one with a target"),
             (not sliced or _unit(objective.timeSliceWindow or "") in UNITS,
              f"{spec.budgetingMethod} needs a timeSliceWindow in m, h, d or w"),
             (not graded or objective.timeSliceTarget is not None, "Timeslices needs a timeSliceTarget"),
             (indicator is not None, "indicator must be given, not referred to")]
    if wrong := [text for good, text in wants if not good]:
        raise InputError(f"{path}: {'; '.join(wrong)}")
    if indicator is None or objective.share is None:
        raise AssertionError("checked above")
    route, slower = _queried(indicator, objective, path)
    slices = _span(objective.timeSliceWindow) if sliced and objective.timeSliceWindow else None
    return Measured(
        name=slo.metadata.name, target=objective.share, window=_span(window.duration), route=route, slower=slower,
        slice_minutes=int(slices / timedelta(minutes=1)) if slices else None,
        slice_target=objective.timeSliceTarget if graded else None)


def _unit(duration: str) -> str:
    return re.sub(r"\d", "", duration)


def _span(duration: str) -> timedelta:
    return int(duration[:-1]) * UNITS[_unit(duration)]


def _queried(indicator: IndicatorSpec, objective: Objective, path: Path) -> tuple[str | None, float | None]:
    """The route, and the milliseconds from which a request is bad."""
    if indicator.ratioMetric:
        return _route(indicator.ratioMetric, path), None
    if objective.op not in {"lt", "lte"} or objective.value is None:
        raise InputError(f"{path}: thresholdMetric needs op lt or lte and a value (milliseconds) at the objective")
    return _one_route([("thresholdMetric", "duration", indicator.thresholdMetric)], path), objective.value


def _route(ratio: RatioMetric, path: Path) -> str | None:
    part = ("requests - errors", ratio.good) if ratio.good else ("errors", ratio.bad)
    return _one_route([("ratioMetric", "requests", ratio.total), ("ratioMetric", *part)], path)


def _one_route(expected: list[tuple[str, str, Metric | None]], path: Path) -> str | None:
    """The route that all metrics name; each is (field, query, metric)."""
    routes = set()
    for field, query, metric in expected:
        source = metric.metricSource if metric else None
        if source is None or source.type != "ClosedLoop" or source.spec.get("query") != query:
            raise InputError(f"{path}: {field} needs a metricSource of type ClosedLoop with spec.query {query!r}")
        if unknown := source.spec.keys() - {"query", "route"}:
            raise InputError(f"{path}: metricSource.spec: unknown {', '.join(sorted(unknown))}")
        routes.add(source.spec.get("route"))
    if len(routes) > 1:
        raise InputError(f"{path}: ratioMetric: both queries must be of the same route")
    route = routes.pop()
    return None if route is None else str(route)
