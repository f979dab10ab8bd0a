"""What the deployment DAG calls: a release goes live behind HAProxy, or the running version keeps all traffic."""

import os
from functools import partial

from sqlalchemy import Engine

from include.artifacts import Artifacts
from include.deployment.record import (
    begin,
    conclude,
    gated_release,
    note,
    running_release,
)
from include.deployment.rollout import restore, roll_out
from include.deployment.target import Target
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
        restore(Target(product), release, artifacts)
        return release.version


def _deploy(engine: Engine, product: Product, run: Run, artifacts: Artifacts) -> Result:
    release, previous = gated_release(engine, run), running_release(engine, product.name)
    target = Target(product)
    if previous and previous.key == release.key:
        restore(target, release, artifacts)
        return finish(engine, run, lambda _: {"publish": [], "status": "succeeded", "version": release.version,
                                              "previous": release.version, "steps": [], "why": "it is running already"})
    begin(engine, product, run, previous.version if previous else None)
    outcome = roll_out(target, release, previous, artifacts, partial(note, engine, run), target.deployment.canary)
    return finish(engine, run, partial(conclude, product=product, run=run, release=release, previous=previous, outcome=outcome))
