"""How a release gets its traffic, or does not: the product's strategy, in its environment, with a way back at each point."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from include.artifacts import Artifacts
from include.deployment.canary import Step, Watch, walk
from include.deployment.environment import Environment
from include.deployment.record import Outcome, Release
from include.deployment.rules import Counts, Judgement
from include.parts.deployment import Canary
from include.targets.target import DeploymentError


@dataclass(frozen=True)
class Way:
    """From `fallback`, which runs, to `release`. `noted` gets each step; `halted` says whether to turn back at once."""

    environment: Environment
    release: Release
    fallback: Release
    artifacts: Artifacts
    canary: Canary
    noted: Callable[[Step], None]
    halted: Callable[[], bool]

    @property
    def archive(self) -> Callable[[], bytes]:
        """Reads the release's archive."""
        return partial(archive, self.artifacts, self.release)


def roll_out(environment: Environment, release: Release, previous: Release | None, artifacts: Artifacts, canary: Canary,
             note: Callable[[int, Step], None], halted: Callable[[], bool],
             arrived: Callable[[], None] = lambda: None) -> Outcome:
    """Move traffic to `release` as `canary` judges, or leave all of it with `previous`. `note` gets each step with its number;
    all traffic returns as soon as `halted` says so, or where `arrived`, called when all has moved, raises DeploymentError."""
    try:
        environment.traffic.claim_port()
    except DeploymentError as failure:
        return Outcome("failed", str(failure), [])  # nothing was touched
    steps: list[Step] = []

    def noted(step: Step) -> None:
        steps.append(step)
        note(len(steps), step)

    fallback = previous if previous and restored(environment, previous, artifacts) else None
    if not fallback:
        environment.clear()
    try:
        if fallback:
            last = _guarded(Way(environment, release, fallback, artifacts, canary, noted, halted))
            if not last.judgement.go:
                _back(environment, fallback, artifacts)
                asked = last.judgement.verdict == "unsure" and canary.when_unsure == "ask"
                return Outcome("asked" if asked else "rolled_back", last.judgement.why, steps)
            arrived()
        else:
            environment.start(release.version, partial(archive, artifacts, release))
            noted(_first(environment))
        environment.only(release.version, partial(archive, artifacts, release))
        if not fallback:
            arrived()
    except DeploymentError as failure:
        if fallback:
            _back(environment, fallback, artifacts)
        else:
            environment.clear()
        return Outcome("failed", str(failure), steps)
    return Outcome("succeeded", None, steps)


def _guarded(way: Way) -> Step:
    try:
        return _BY_STRATEGY[way.environment.deployment.strategy](way)
    except BaseException:  # a task that is ended (stopped, timed out, out of disk) leaves no canary behind that nobody watches
        if way.environment.of(way.fallback.version):
            way.environment.share(way.fallback.version, 100)
        raise


def _canary(way: Way) -> Step:
    """Step by step, beside a fresh baseline of the running version where a step leaves it a share."""
    compared = way.canary.analysis is not None and way.canary.steps[0] < 100
    way.environment.start(way.release.version, way.archive, beside=way.fallback.version if compared else None)
    return walk(way.environment, way.release.version, way.canary, way.noted, way.halted)


def _blue_green(way: Way) -> Step:
    """All at once; the running version stays ready until the new one has shown that it works."""
    way.environment.start(way.release.version, way.archive)
    at_once = way.canary.model_copy(update={"steps": [100], "analysis": None})
    return walk(way.environment, way.release.version, at_once, way.noted, way.halted)


def _rolling(way: Way) -> Step:
    """Replica by replica, never more than one too many."""
    alone, whole = way.canary.model_copy(update={"analysis": None}), way.environment.deployment.replicas
    for count in range(1, whole + 1):
        way.environment.roll(way.release.version, way.archive, count)
        step = Watch(way.environment, way.release.version, alone, way.halted).step(100 * count // whole)
        way.noted(step)
        if not step.judgement.go:
            break
    return step


_BY_STRATEGY = {"canary": _canary, "blue_green": _blue_green, "rolling": _rolling}


def _first(environment: Environment) -> Step:
    why = "nothing else runs: healthy replicas get all traffic"
    return Step(100, Counts(), environment.deployment.canary.max_error_rate, Judgement("pass", True, why))


def _back(environment: Environment, release: Release, artifacts: Artifacts) -> None:
    """All traffic returns to `release`; then what a rolling update took of its replicas is started again."""
    environment.only(release.version, partial(archive, artifacts, release))
    environment.fill(release.version, partial(archive, artifacts, release))


def restore(environment: Environment, release: Release, artifacts: Artifacts) -> None:
    """Exactly `release` runs, healthy, with all traffic. Raises DeploymentError."""
    environment.only(release.version, partial(archive, artifacts, release))
    environment.wait_healthy(environment.of(release.version))


def restored(environment: Environment, release: Release, artifacts: Artifacts) -> bool:
    """Whether the running version could be restored; one that can't start any more must not keep its mend from starting."""
    try:
        restore(environment, release, artifacts)
    except DeploymentError:
        return False
    return True


def archive(artifacts: Artifacts, release: Release) -> bytes:
    """The release's archive. Raises DeploymentError unless it is the one that was tested."""
    content = artifacts.read(release.artifact)
    found = f"sha256:{hashlib.sha256(content).hexdigest()}"
    if found != release.digest:
        raise DeploymentError(f"the archive's digest is {found}, the release's is {release.digest}")
    return content
