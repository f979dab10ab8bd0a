"""Objectives as Prometheus recording and alerting rules, the same rules that Sloth (sloth.dev, 0.12) makes of them.

Read are Sloth's own specification (`version: prometheus/v1`) and OpenSLO v1alpha, whose objectives bring no alerts;
`{{.window}}` in a query stands for the window. `python -m include.monitoring_rollups.prometheus FILE` prints the rules of every
document in FILE.
"""

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from include import safe_yaml
from include.errors import InputError

WINDOW = "{{.window}}"
DAYS = 30
HOUR, DAY = 60, 24 * 60  # minutes
# severity, share of the budget in percent, short and long window: the Site Reliability Workbook, chapter 5
ALERTS = (("page", 2, 5, HOUR), ("page", 5, 30, 6 * HOUR), ("ticket", 10, 2 * HOUR, DAY), ("ticket", 10, 6 * HOUR, 3 * DAY))
Words = dict[str, str]


class _Spec(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Events(_Spec):
    error_query: str
    total_query: str


class Raw(_Spec):
    error_ratio_query: str


class Indicator(_Spec):
    events: Events | None = None
    raw: Raw | None = None


class AlertMeta(_Spec):
    disable: bool = False
    labels: Words = {}
    annotations: Words = {}


class Alerting(_Spec):
    name: str = ""
    labels: Words = {}
    annotations: Words = {}
    page_alert: AlertMeta = AlertMeta()
    ticket_alert: AlertMeta = AlertMeta()


class SlothSlo(_Spec):
    name: str
    objective: float = Field(gt=0, le=100)
    description: str = ""
    labels: Words = {}
    sli: Indicator
    alerting: Alerting = Alerting()


class SlothSpec(_Spec):
    version: Literal["prometheus/v1"]
    service: str
    labels: Words = {}
    slos: list[SlothSlo] = Field(min_length=1)


class Source(_Spec):
    source: Literal["prometheus", "sloth"] = "prometheus"
    queryType: Literal["promql"] = "promql"
    query: str


class Ratio(_Spec):
    good: Source
    total: Source
    counter: bool = True
    incremental: bool = True


class AlphaObjective(_Spec):
    displayName: str = ""
    ratioMetrics: Ratio
    target: Annotated[float, Field(gt=0, le=1)]


class AlphaWindow(_Spec):
    count: int = Field(ge=1)
    unit: Literal["Day"]
    isRolling: bool = True


class AlphaSpec(_Spec):
    service: str
    description: str = ""
    budgetingMethod: Literal["Occurrences"] = "Occurrences"
    objectives: list[AlphaObjective] = Field(min_length=1)
    timeWindows: list[AlphaWindow] = Field([], max_length=1)


class AlphaMetadata(_Spec):
    name: str
    displayName: str = ""


class AlphaSlo(_Spec):
    apiVersion: Literal["openslo/v1alpha"]
    kind: Literal["SLO"]
    metadata: AlphaMetadata
    spec: AlphaSpec


@dataclass(frozen=True)
class Objective:
    """One objective: `target` in percent; `error` a PromQL expression of the share of bad events, with WINDOW for its window."""

    service: str
    name: str
    target: float
    error: str
    spec: str
    mode: str
    days: int = DAYS
    labels: Words = field(default_factory=dict)
    alerting: Alerting | None = None

    @property
    def id(self) -> str:
        return f"{self.service}-{self.name}"

    @property
    def budget(self) -> float:
        return (100 - self.target) / 100

    @property
    def ids(self) -> Words:
        return {"sloth_id": self.id, "sloth_service": self.service, "sloth_slo": self.name}


def objectives(path: Path) -> list[Objective]:
    """Every objective of a file of one or more documents. Raises InputError that names the file and the field."""
    try:
        documents = [item for item in safe_yaml.load_all(path.read_text(encoding="utf-8")) if item is not None]
        return [objective for item in documents for objective in _of(item, path)]
    except ValidationError as error:
        raise InputError("\n".join(f"{path}: {'.'.join(map(str, item['loc']))}: {item['msg']}"
                                   for item in error.errors())) from error
    except InputError:
        raise
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise InputError(f"{path}: can't be read: {error}") from error


def _of(document: Any, path: Path) -> list[Objective]:
    version = (document.get("version") or document.get("apiVersion")) if isinstance(document, dict) else None
    if version == "prometheus/v1":
        return _of_sloth(SlothSpec.model_validate(document), path)
    if version == "openslo/v1alpha":
        return _of_openslo(AlphaSlo.model_validate(document))
    raise InputError(f"{path}: version must be prometheus/v1, or apiVersion openslo/v1alpha")


def _of_sloth(spec: SlothSpec, path: Path) -> list[Objective]:
    found = []
    for slo in spec.slos:
        if (slo.sli.events is None) == (slo.sli.raw is None):
            raise InputError(f"{path}: {slo.name}: sli must be either events or raw")
        error = (f"({slo.sli.events.error_query})\n/\n({slo.sli.events.total_query})\n" if slo.sli.events else
                 f"({slo.sli.raw.error_ratio_query})" if slo.sli.raw else "")
        found.append(Objective(spec.service, slo.name, slo.objective, error, spec.version, "cli-gen-prom",
                               labels=spec.labels | slo.labels, alerting=slo.alerting))
    return found


def _of_openslo(slo: AlphaSlo) -> list[Objective]:
    days = slo.spec.timeWindows[0].count if slo.spec.timeWindows else DAYS
    return [Objective(slo.spec.service, f"{slo.metadata.name}-{number}", item.target * 100, _bad(item.ratioMetrics),
                      slo.apiVersion, "cli-gen-openslo", days) for number, item in enumerate(slo.spec.objectives)]


def _bad(ratio: Ratio) -> str:
    return f"(\n  1 - (\n    (\n      {ratio.good.query}\n    )\n    /\n    (\n      {ratio.total.query}\n    )\n  )\n)"


def rules(found: list[Objective]) -> dict[str, Any]:
    """A Prometheus rule file: three groups an objective, or two where it has no alerts."""
    groups = []
    for item in found:
        groups += [{"name": f"sloth-slo-sli-recordings-{item.id}", "rules": _indicators(item)},
                   {"name": f"sloth-slo-meta-recordings-{item.id}", "rules": _meta(item)}]
        if alerts := _alerts(item):
            groups.append({"name": f"sloth-slo-alerts-{item.id}", "rules": alerts})
    return {"groups": groups}


def _indicators(item: Objective) -> list[dict[str, Any]]:
    """The share of bad events over each window that an alert looks at, and over the whole time, from the shortest."""
    names = [_name(minutes) for minutes in sorted({minutes for alert in ALERTS for minutes in alert[2:]})]
    recorded = [(name, item.error.replace(WINDOW, name)) for name in names]
    period, shortest = f"{item.days}d", _metric(item, "slo:sli_error:ratio_rate5m")
    recorded.append((period, f"sum_over_time({shortest}[{period}])\n/ ignoring (sloth_window)\n"
                             f"count_over_time({shortest}[{period}])\n"))
    return [{"record": f"slo:sli_error:ratio_rate{name}", "expr": expr,
             "labels": item.ids | {"sloth_window": name} | item.labels} for name, expr in recorded]


def _meta(item: Objective) -> list[dict[str, Any]]:
    """What the objective is, and how much of its budget is spent."""
    budget, by = _metric(item, "slo:error_budget:ratio"), "\n/ on(sloth_id, sloth_slo, sloth_service) group_left\n"
    period = f"slo:sli_error:ratio_rate{item.days}d"
    target = _number(item.target / 100)
    recorded = {
        "slo:objective:ratio": f"vector({target})",
        "slo:error_budget:ratio": f"vector(1-{target})",
        "slo:time_period:days": f"vector({item.days})",
        "slo:current_burn_rate:ratio": f"{_metric(item, 'slo:sli_error:ratio_rate5m')}{by}{budget}\n",
        "slo:period_burn_rate:ratio": f"{_metric(item, period)}{by}{budget}\n",
        "slo:period_error_budget_remaining:ratio": f"1 - {_metric(item, 'slo:period_burn_rate:ratio')}",
    }
    info = {"sloth_mode": item.mode, "sloth_objective": _number(item.target), "sloth_spec": item.spec}
    return [*({"record": name, "expr": expr, "labels": item.ids | item.labels} for name, expr in recorded.items()),
            {"record": "sloth_slo_info", "expr": "vector(1)", "labels": item.ids | info | item.labels}]


def _alerts(item: Objective) -> list[dict[str, Any]]:
    if item.alerting is None:
        return []
    return [_alert(item, item.alerting, severity, meta) for severity, meta in
            (("page", item.alerting.page_alert), ("ticket", item.alerting.ticket_alert)) if not meta.disable]


def _alert(item: Objective, alerting: Alerting, severity: str, meta: AlertMeta) -> dict[str, Any]:
    labels = "{{$labels.sloth_service}} {{$labels.sloth_slo}}"
    annotations = {"title": f"({severity}) {labels} SLO error budget burn rate is too fast.",
                   "summary": f"{labels} SLO error budget burn rate is over expected."}
    pairs = [(share * item.days * DAY / 100 / long, short, long) for of, share, short, long in ALERTS if of == severity]
    either = "\nor\n".join(f"(\n    {_burns(item, factor, short)}\n    and\n    {_burns(item, factor, long)}\n)"
                           for factor, short, long in pairs)
    return {"alert": alerting.name, "expr": f"{either}\n",
            "labels": {"sloth_severity": severity} | alerting.labels | meta.labels,
            "annotations": annotations | alerting.annotations | meta.annotations}


def _burns(item: Objective, factor: float, minutes: int) -> str:
    metric = _metric(item, f"slo:sli_error:ratio_rate{_name(minutes)}")
    return f"max({metric} > ({_number(factor)} * {_number(item.budget)})) without (sloth_window)"


def _metric(item: Objective, name: str) -> str:
    labels = ", ".join(f'{key}="{value}"' for key, value in item.ids.items())
    return f"{name}{{{labels}}}"


def _name(minutes: int) -> str:
    """A window as PromQL writes it: 5m, 1h, 3d."""
    for unit, size in (("d", DAY), ("h", HOUR)):
        if minutes % size == 0:
            return f"{minutes // size}{unit}"
    return f"{minutes}m"


def _number(value: float) -> str:
    return repr(int(value)) if value == int(value) else repr(value)


if __name__ == "__main__":
    sys.stdout.write(yaml.safe_dump(rules(objectives(Path(sys.argv[1]))), sort_keys=False, width=1000))
