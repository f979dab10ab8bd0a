"""Which deployment an incident comes from, and how sure that is. Pure.

Four kinds of evidence, each with the chance that it names the right deployment when it stands alone; together they are taken as
independent (1 - the product of the chances that each is wrong):
- canary: the release failed under its own canary, or the failing requests were answered by its version while another version
  served too and failed less;
- component: a commit that it brought names the part that fails (the scope of a conventional commit, in the failing route);
- change: the level of the series that is wrong changed while it was deployed, or within an hour after;
- time: it was the last deployment before the incident, and less than a day old.
Time alone stays below ENOUGH: it is said, and not counted.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from include.monitoring_rollups.delivery.dora import Deployment

CANARY, SERVED, COMPONENT, CHANGE, TIME = 0.9, 0.5, 0.6, 0.5, 0.3
ENOUGH = 0.5
RECENT = timedelta(days=1)
NEAR = timedelta(hours=1)  # so sure is a change point's time
LONGEST = timedelta(days=30)


@dataclass(frozen=True)
class Incident:
    """Something that broke: `version` answered the failing requests, where that is known, `alone` when no other version was
    serving; `parts` are words of what fails (routes, components); `changed_at` is a change point of what shows it."""

    id: str
    at: datetime
    over_at: datetime | None = None
    version: str | None = None
    alone: bool = True
    parts: frozenset[str] = frozenset()
    changed_at: datetime | None = None


@dataclass(frozen=True)
class Attribution:
    """The deployment that an incident most likely comes from, from 0 to 1, and the evidence."""

    incident: str
    deployment: str
    confidence: float
    why: tuple[str, ...]

    @property
    def counts(self) -> bool:
        """Whether the evidence is enough to call the deployment failed."""
        return self.confidence >= ENOUGH


def attribute(incident: Incident, deployments: Iterable[Deployment], scopes: dict[str, frozenset[str]]) -> Attribution | None:
    """The best explained deployment of the 30 days before `incident`, or None when nothing was deployed.

    `scopes` are the words that a deployment's commits name, by the deployment's id. Of equals, the later one.
    """
    before = sorted((item for item in deployments if item.status != "failed" and item.started_at <= incident.at
                     and incident.at - item.finished_at <= LONGEST), key=lambda item: (item.started_at, item.id))
    found = [_judged(incident, item, item is before[-1], scopes.get(item.id, frozenset())) for item in before]
    return max(found, key=lambda item: item.confidence) if found and (found := found[::-1]) else None


def _judged(incident: Incident, item: Deployment, last: bool, scope: frozenset[str]) -> Attribution:
    evidence: list[tuple[float, str]] = []
    if incident.version == item.version:
        evidence.append((SERVED, f"version {item.version} answered what failed") if incident.alone else
                        (CANARY, f"version {item.version} failed where another did not"))
    if shared := sorted(scope & incident.parts):
        evidence.append((COMPONENT, f"it changed {', '.join(shared)}"))
    if incident.changed_at and item.started_at - NEAR / 2 <= incident.changed_at <= item.finished_at + NEAR:
        evidence.append((CHANGE, f"the level changed at {incident.changed_at:%Y-%m-%d %H:%M} UTC, with its deployment"))
    if last and incident.at - item.finished_at <= RECENT:
        evidence.append((TIME, "it was the last deployment before, within a day"))
    wrong = 1.0
    for weight, _ in evidence:
        wrong *= 1 - weight
    return Attribution(incident.id, item.id, round(1 - wrong, 3), tuple(why for _, why in evidence))


def last_before(at: datetime, deployments: Sequence[Deployment]) -> str | None:
    """By time alone, as Apache DevLake does it: the newest successful deployment that was finished by `at`, or None."""
    done = [(item.finished_at, item.id) for item in deployments if item.status == "succeeded" and item.finished_at <= at]
    return max(done)[1] if done else None
