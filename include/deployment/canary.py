"""A version takes over step by step, or turns back: the way of traffic, watched through HAProxy's own counters and log."""

import json
import time
from array import array
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from include.deployment.analysis import Arm, analyse, by_limit, enough, errors
from include.deployment.environment import Environment
from include.deployment.rules import Counts, Finding, Judgement, judge, total
from include.ledger.runs import demand_leases
from include.parts.deployment import Canary
from include.sequential import Evidence, Look
from include.targets.target import Replica

LOOK = 0.2  # seconds between two looks at the counters
SETTLE = 1.0  # seconds until what the counters have is in the log too


@dataclass(frozen=True)
class Step:
    """One step of a deployment as it was judged: `weight` is the new version's share in percent."""

    weight: int
    counts: Counts
    limit: float
    judgement: Judgement
    findings: Sequence[Finding] = ()


def walk(environment: Environment, version: str, canary: Canary, note: Callable[[Step], None],
         halted: Callable[[], bool]) -> Step:
    """Raise the share of `version` step by step; `note` gets each step. Ends at the first that fails; returns the last."""
    watch = Watch(environment, version, canary, halted)
    for share in canary.steps:
        environment.share(version, share)
        step = watch.step(share)
        note(step)
        if not step.judgement.go:
            return step
    return step


class Watch:
    """What a new version and its baseline answer, from step to step. The evidence about errors is that of all steps. A step fails
    as soon as `halted` says so."""

    def __init__(self, environment: Environment, version: str, canary: Canary, halted: Callable[[], bool]) -> None:
        self.environment, self.version, self.canary, self.halted = environment, version, canary, halted
        self.evidence = Evidence()
        self._errors = canary.analysis.metrics.errors if canary.analysis else None
        self.log = Tail(environment.traffic.log)
        self.ms: dict[str, array[float]] = defaultdict(lambda: array("d"))

    def step(self, share: int) -> Step:
        """Watch one step until it can be judged."""
        baseline = self.environment.baseline() if share < 100 and self.canary.analysis else []
        new, old = Counter(self.environment, self.environment.of(self.version)), Counter(self.environment, baseline)
        self._heard()  # what was answered before is no part of this step
        self.ms.clear()
        deadline = time.monotonic() + self.canary.seconds
        while True:
            time.sleep(LOOK)
            demand_leases()
            new.look()
            old.look()
            if baseline:
                self._gather(new, old)
                self._heard()
            if self.halted():
                halted = Judgement("fail", False, f"a person asked for a rollback while it had {share} % of traffic")
                return self._judged(share, new, old, halted)
            over = time.monotonic() > deadline
            if step := self._alarmed(share, new.counts, old.counts) if baseline else None:
                return step
            if found := judge(self.canary, share, new.counts, self.environment.down(new.replicas), len(new.replicas), over,
                              old.counts if baseline else None):
                if found.verdict == "pass" and baseline and not over and self._few(old, new):
                    continue
                return self._judged(share, new, old, found)

    def _gather(self, new: "Counter", old: "Counter") -> None:
        counted = (*old.settled(), *new.settled())
        if any(counted):
            self.evidence.add(Look(*counted))

    def _alarmed(self, share: int, new: Counts, old: Counts) -> Step | None:
        """The step, where it is known already that the version fails more often than its baseline."""
        if not self._errors or (found := errors(self._errors, old, new, self.evidence.value)).decision == "pass":
            return None
        judgement = Judgement("fail", False, f"{found.why} at {share} % of traffic")
        return Step(share, new, self.canary.max_error_rate, judgement, [found])

    def _judged(self, share: int, new: "Counter", old: "Counter", found: Judgement) -> Step:
        findings = [by_limit(self.canary, new.counts, found)]
        if old.replicas and found.verdict != "pass":
            findings += [errors(rule, old.counts, new.counts, self.evidence.value)] if (rule := self._errors) else []
        elif old.replicas:
            before, after = self._latencies(old, new)
            more, found = analyse(self.canary, share, Arm(old.counts, before), Arm(new.counts, after), self.evidence.value)
            findings += more
        return Step(share, new.counts, self.canary.max_error_rate, found, findings)

    def _few(self, old: "Counter", new: "Counter") -> bool:
        """Whether latencies are compared, and the log has too few of them yet."""
        metrics = self.canary.analysis.metrics if self.canary.analysis else None
        compared = metrics is not None and not (metrics.latency is None and metrics.p99 is None)
        return compared and min(len(self._of(arm)) for arm in (old, new)) < enough(self.canary)

    def _of(self, arm: "Counter") -> list[float]:
        return [ms for item in arm.replicas for ms in self.ms[item.name]]

    def _heard(self) -> None:
        for server, ms in self.log.read():
            self.ms[server].append(ms)

    def _latencies(self, old: "Counter", new: "Counter") -> tuple[list[float], list[float]]:
        """Of both, from the log, which may lag behind the counters."""
        deadline = time.monotonic() + SETTLE
        while True:
            self._heard()
            before, after = self._of(old), self._of(new)
            if (len(before) >= old.counts.good and len(after) >= new.counts.good) or time.monotonic() > deadline:
                return before, after
            time.sleep(LOOK / 4)


class Counter:
    """What some servers counted since this began, though HAProxy may be restarted meanwhile."""

    def __init__(self, environment: Environment, replicas: Sequence[Replica]) -> None:
        self.environment, self.replicas = environment, replicas
        self.counts, self._before = Counts(), environment.counts(replicas)
        self._told = (0, 0)

    def look(self) -> None:
        """Count what came since the last look."""
        now = self.environment.counts(self.replicas)
        self.counts += total(item.since(self._before.get(name, Counts())) for name, item in now.items())
        self._before = now

    def settled(self) -> tuple[int, int]:
        """Requests and errors that were not told before. An attempt under way may still turn out well: it is told later."""
        requests, errors = self.counts.requests - self._told[0], self.counts.errors - self._told[1]
        if not 0 <= errors <= requests:
            return 0, 0
        self._told = self.counts.requests, self.counts.errors
        return requests, errors


class Tail:
    """HAProxy's log from now on: server and milliseconds of each answer that was no error."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._at = path.stat().st_size if path.exists() else 0

    def read(self) -> list[tuple[str, float]]:
        """What was added since, but for a line that is not whole yet. What is no answer (HAProxy says more) is passed over."""
        if not self.path.exists():
            return []
        with self.path.open("rb") as file:
            self._at = self._at if file.seek(0, 2) >= self._at else 0  # it was rotated
            file.seek(self._at)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._at += len(whole)
        return [answer for line in whole.splitlines() if (answer := _answer(line))]


def _answer(line: bytes) -> tuple[str, float] | None:
    if not line.startswith(b"{"):
        return None
    try:
        item = json.loads(line)
        return (item["server"], float(item["ms"])) if item["status"] < 500 else None
    except (ValueError, KeyError, TypeError):  # HAProxy was killed in the middle of it
        return None
