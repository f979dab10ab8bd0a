"""DORA's five metrics of software delivery (dora.dev/guides/dora-metrics), over plain rows. Pure.

Each metric bears its definition and, where DORA ranks it, its band: those of the Accelerate State of DevOps Report 2024, which
was the last to rank teams; the report of 2025 shows distributions instead, and no report has ranked rework.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Literal

HOUR = 3600
BANDS_OF = "DORA 2024"
DEFINITIONS = {
    "deployment_frequency": "successful deployments to production a week, over the time looked at; a rollback is none",
    "lead_time": "hours from a commit to the end of the first successful deployment that brought it; the median of the commits "
                 "first deployed in the time looked at",
    "change_fail_rate": "share of deployments that users met (succeeded or rolled back) which were rolled back, by the canary or "
                        "by a person, or to which an incident is attributed; counted by deployment, however many incidents it "
                        "caused. One that broke off before it took traffic doesn't count, nor does a rollback itself",
    "recovery_time": "hours from when a failed deployment began to do harm to when the last of its incidents was over, or it was "
                     "rolled back; the median of those that are over and whose length is known. Where a person rolled it back "
                     "and no incident is attributed to it, its harm began with the deployment",
    "rework_rate": "share of successful deployments that were not planned: they brought back an older version, or fixes or "
                   "reverts while a failed deployment was not recovered yet, or that is what follows a rollback; a rollback "
                   "itself is recovery, and no deployment of anything",
}
UNITS = {"deployment_frequency": "per week", "lead_time": "hours", "change_fail_rate": "share", "recovery_time": "hours",
         "rework_rate": "share"}
LEVELS = ("elite", "high", "medium", "low")
REWORK = frozenset({"fix", "revert", "hotfix"})


@dataclass(frozen=True)
class Deployment:
    """One deployment to production: `changes` are the commits that it brought, `older` says that it went back a version,
    `undone_at` when a person's rollback had taken it back. Rollbacks are no deployments here."""

    id: str
    version: str
    status: Literal["succeeded", "rolled_back", "failed"]
    started_at: datetime
    finished_at: datetime
    changes: tuple["Change", ...] = ()
    older: bool = False
    undone_at: datetime | None = None


@dataclass(frozen=True)
class Change:
    """A commit: when it was made, and its conventional type (fix, feat, revert, …)."""

    id: str
    at: datetime
    kind: str = "other"


@dataclass(frozen=True)
class Failure:
    """An incident that is attributed to the deployment `deployment`; `over_at` is None while it lasts."""

    incident: str
    deployment: str
    at: datetime
    over_at: datetime | None


@dataclass(frozen=True)
class Metric:
    """A number of the time from `since` to `until`; None where nothing was there to count. `n` is how much it rests on."""

    name: str
    value: float | None
    n: int
    since: datetime
    until: datetime
    evidence: tuple[str, ...] = ()

    @property
    def unit(self) -> str:
        return UNITS[self.name]

    @property
    def definition(self) -> str:
        return DEFINITIONS[self.name]

    @property
    def band(self) -> str | None:
        """elite, high, medium or low (BANDS_OF); None where there is no number, or DORA has no bands."""
        return None if self.value is None or not self.n else band(self.name, self.value)


def band(name: str, value: float) -> str | None:
    """DORA's level of 2024 for a value. Of change fail rates the report gives each level's typical rate (5, 20, 10 and 40 %: the
    medium one fails less often than the high one), so the levels are taken by rank: 5, 10, 20 %, above."""
    per_day = 7.0
    if name == "deployment_frequency":
        return _level([value > per_day, value >= 1, value >= per_day / 30])
    if name == "lead_time":
        return _level([value < 24, value <= 7 * 24, value <= 30 * 24])
    if name == "change_fail_rate":
        return _level([value <= 0.05, value <= 0.10, value <= 0.20])
    if name == "recovery_time":
        return _level([value < 1, value < 24, value < 7 * 24])
    return None


def _level(reached: Sequence[bool]) -> str:
    return LEVELS[reached.index(True)] if True in reached else LEVELS[-1]


@dataclass(frozen=True)
class Window:
    """What the metrics count in the time from `since` to `until`: `met` are the deployments that customers met, `failed` those of
    them that harmed; `leads` and `recoveries` are hours. Windows of several products add up to their team's."""

    since: datetime
    until: datetime
    succeeded: tuple[str, ...] = ()
    met: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    rework: tuple[str, ...] = ()
    leads: tuple[float, ...] = ()
    recoveries: tuple[float, ...] = ()

    def __add__(self, other: "Window") -> "Window":
        if (self.since, self.until) != (other.since, other.until):
            raise ValueError("windows of different times do not add up")
        return Window(self.since, self.until, self.succeeded + other.succeeded, self.met + other.met, self.failed + other.failed,
                      self.rework + other.rework, self.leads + other.leads, self.recoveries + other.recoveries)

    def metrics(self) -> list[Metric]:
        """The five metrics, in DORA's order."""
        good, bad, span = len(self.succeeded), len(self.failed), self.until - self.since

        def metric(name: str, value: float | None, n: int, evidence: tuple[str, ...] = ()) -> Metric:
            return Metric(name, value, n, self.since, self.until, evidence)

        return [
            metric("deployment_frequency", per_week(good, span), good, self.succeeded),
            metric("lead_time", median(self.leads) if self.leads else None, len(self.leads)),
            metric("change_fail_rate", bad / len(self.met) if self.met else None, len(self.met), self.failed),
            metric("recovery_time", median(self.recoveries) if self.recoveries else None, len(self.recoveries)),
            metric("rework_rate", len(self.rework) / good if good else None, good, self.rework),
        ]


def metrics(deployments: Iterable[Deployment], failures: Iterable[Failure], since: datetime, until: datetime) -> list[Metric]:
    """The five metrics of a product's deployments that finished after `since`, up to `until`, in DORA's order (see `window`)."""
    return window(deployments, failures, since, until).metrics()


def window(deployments: Iterable[Deployment], failures: Iterable[Failure], since: datetime, until: datetime) -> Window:
    """What is counted of a product's deployments that finished after `since`, up to `until`.

    `deployments` are all that are known, older ones too: a commit counts with the first deployment that brought it.
    """
    known = sorted(deployments, key=lambda item: (item.finished_at, item.id))
    harm = _by_deployment(failures)
    now = [item for item in known if since < item.finished_at <= until]
    succeeded = [item for item in now if item.status == "succeeded"]
    met = [item for item in now if item.status != "failed"]
    failed = [item for item in met if item.status == "rolled_back" or item.undone_at or item.id in harm]
    times = [time for item in failed if (time := _recovery(item, harm.get(item.id, []), until)) is not None]
    rework = [item for item in succeeded if _is_rework(item, known, harm)]
    return Window(since, until, _ids(succeeded), _ids(met), _ids(failed), _ids(rework), tuple(_leads(known, since, until)),
                  tuple(times))


def _ids(items: Iterable[Deployment]) -> tuple[str, ...]:
    return tuple(item.id for item in items)


def per_week(count: int, span: timedelta) -> float:
    """`count` a week over `span`, in whole days; less than a day counts as one."""
    return count / max(span.days, 1) * 7


def lead_time(changes: Iterable[tuple[datetime, datetime]]) -> float | None:
    """The median of the hours from a change to its deployment, of (made, deployed); None without changes."""
    hours = [(deployed - made).total_seconds() / HOUR for made, deployed in changes]
    return median(hours) if hours else None


def _by_deployment(failures: Iterable[Failure]) -> dict[str, list[Failure]]:
    found: dict[str, list[Failure]] = {}
    for failure in failures:
        found.setdefault(failure.deployment, []).append(failure)
    return found


def _leads(known: Sequence[Deployment], since: datetime, until: datetime) -> list[float]:
    first: dict[str, tuple[datetime, datetime]] = {}
    for item in known:
        if item.status == "succeeded" and item.finished_at <= until:
            for change in item.changes:
                first.setdefault(change.id, (change.at, item.finished_at))
    return [(deployed - made).total_seconds() / HOUR for made, deployed in first.values() if deployed > since]


def _recovery(item: Deployment, failures: Sequence[Failure], until: datetime) -> float | None:
    """Hours of harm; None while it lasts, or where a rollback's length is not known (it began and ended in one moment)."""
    over = [failure.over_at for failure in failures]
    if None in over or any(at > until for at in over if at):
        return None
    starts, ends = [failure.at for failure in failures], [at for at in over if at]
    if item.status == "rolled_back":
        starts, ends = [*starts, item.started_at], [*ends, item.finished_at]
    if item.undone_at:
        starts, ends = starts or [item.started_at], [*ends, item.undone_at]
    return (max(ends) - min(starts)).total_seconds() / HOUR or None


def _is_rework(item: Deployment, known: Sequence[Deployment], harm: dict[str, list[Failure]]) -> bool:
    """Whether `item` answers something that was broken when it came."""
    if item.older:
        return True
    if not any(change.kind in REWORK for change in item.changes):
        return False
    before = [other for other in known if other.finished_at < item.finished_at]
    good = [number for number, other in enumerate(before)
            if other.status == "succeeded" and not other.undone_at and other.id not in harm]
    after_good = before[good[-1] + 1:] if good else before  # a rollback is answered by the next that goes through
    lasting = any(failure.over_at is None or failure.over_at >= item.started_at
                  for other in before for failure in harm.get(other.id, []) if failure.at < item.finished_at)
    return lasting or any(other.status == "rolled_back" or other.undone_at for other in after_good)
