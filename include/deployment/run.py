"""What the deployment DAG calls: a release goes live behind HAProxy, or the running version keeps all traffic."""

import hashlib
import os
from collections.abc import Callable
from functools import partial

from sqlalchemy import Engine

from include.artifacts import Artifacts
from include.deployment.canary import Step, walk
from include.deployment.record import (
    Outcome,
    Release,
    begin,
    conclude,
    gated_release,
    note,
    running_release,
)
from include.deployment.rules import Counts, Judgement
from include.deployment.target import DeploymentError, Target
from include.errors import InputError
from include.ledger.runs import Result, Run, finish, lease, result_of
from include.product import Product


def deploy(engine: Engine, product: Product, run: Run, artifacts: Artifacts) -> Result:
    """Deploy the release that the run's key names (`product|version`).

    The first release gets all traffic once it is healthy; a later one goes through the product's canary steps and is rolled
    back at the first that fails. Killed at any point and run again, it puts all traffic back on the running version and
    starts over. The result says `status` (succeeded, rolled_back, failed, or rests where the product has no deployment),
    `steps`, and, when it did not succeed, `failed` (why) and `signals` (keys to publish as signals).
    Raises InputError when the key names no release or a gate has not let it through.
    """
    known = result_of(engine, run)
    if known is not None:
        return known
    if product.deployment is None:
        return finish(engine, run, lambda _: {"publish": [], "status": "rests", "why": "the product has no deployment"})
    if run.key.version is None:
        raise InputError(f"deployment needs a release as its key (product|version), not {str(run.key)!r}")
    with lease(engine, f"deployment:{product.name}", run.run_id):
        known = result_of(engine, run)
        return known if known is not None else _deploy(engine, product, run, artifacts)


def ensure_running(engine: Engine, product: Product, artifacts: Artifacts) -> str | None:
    """Bring the version that the ledger says is running back where it is not (after a restart of the machine).

    Returns that version; None where nothing was ever deployed. Raises DeploymentError when it does not come up.
    """
    with lease(engine, f"deployment:{product.name}", f"ensure_running:{os.getpid()}"):
        release = running_release(engine, product.name)
        if release is None or product.deployment is None:
            return None
        _restore(Target(product), release, artifacts)
        return release.version


def _deploy(engine: Engine, product: Product, run: Run, artifacts: Artifacts) -> Result:
    release, previous = gated_release(engine, run), running_release(engine, product.name)
    target = Target(product)
    if previous and previous.key == release.key:
        _restore(target, release, artifacts)
        return finish(engine, run, lambda _: {"publish": [], "status": "succeeded", "version": release.version,
                                              "previous": release.version, "steps": [], "why": "it is running already"})
    begin(engine, product, run, previous.version if previous else None)
    outcome = _roll_out(engine, run, target, release, previous, artifacts)
    return finish(engine, run, partial(conclude, product=product, run=run, release=release, previous=previous, outcome=outcome))


def _roll_out(engine: Engine, run: Run, target: Target, release: Release, previous: Release | None,
              artifacts: Artifacts) -> Outcome:
    """Move traffic to `release`, or leave all of it with `previous`."""
    try:
        target.claim_port()
    except DeploymentError as failure:
        return Outcome("failed", str(failure), [])  # nothing was touched
    steps: list[Step] = []

    def noted(step: Step) -> None:
        steps.append(step)
        note(engine, run, len(steps), step)

    fallback = previous if previous and _restored(target, previous, artifacts) else None
    if not fallback:
        target.clear()
    try:
        target.start(release.version, partial(_archive, artifacts, release))
        if fallback:
            last = _walk(target, release, fallback, noted)
            if not last.judgement.go:
                target.only(fallback.version, partial(_archive, artifacts, fallback))
                return Outcome("rolled_back", last.judgement.why, steps)
        else:
            noted(_first(target))
        target.only(release.version, partial(_archive, artifacts, release))
    except DeploymentError as failure:
        if fallback:
            target.only(fallback.version, partial(_archive, artifacts, fallback))
        else:
            target.clear()
        return Outcome("failed", str(failure), steps)
    return Outcome("succeeded", None, steps)


def _walk(target: Target, release: Release, fallback: Release, noted: Callable[[Step], None]) -> Step:
    try:
        return walk(target, release.version, target.deployment.canary, noted)
    except BaseException:  # a task that is ended (stopped, timed out, out of disk) leaves no canary behind that nobody watches
        target.share(fallback.version, 100)
        raise


def _first(target: Target) -> Step:
    why = "nothing else runs: healthy replicas get all traffic"
    return Step(100, Counts(), target.deployment.canary.max_error_rate, Judgement("pass", True, why))


def _restore(target: Target, release: Release, artifacts: Artifacts) -> None:
    """Exactly `release` runs, healthy, with all traffic. Raises DeploymentError."""
    target.only(release.version, partial(_archive, artifacts, release))
    target.wait_healthy(release.version)


def _restored(target: Target, release: Release, artifacts: Artifacts) -> bool:
    """Whether the running version could be restored; one that can't start any more must not keep its mend from starting."""
    try:
        _restore(target, release, artifacts)
    except DeploymentError:
        return False
    return True


def _archive(artifacts: Artifacts, release: Release) -> bytes:
    """The release's archive. Raises DeploymentError unless it is the one that was tested."""
    content = artifacts.read(release.artifact)
    found = f"sha256:{hashlib.sha256(content).hexdigest()}"
    if found != release.digest:
        raise DeploymentError(f"the archive's digest is {found}, the release's is {release.digest}")
    return content
