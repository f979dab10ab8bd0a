"""A beta ring's life: a compliant release serves it from when it can until its time is over, and is closed by any deployment."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import semver
from sqlalchemy import Engine, select

from include.artifacts import Artifacts
from include.connection import Connection, Connections, no_connections
from include.deployment.environment import Environment
from include.deployment.provenance import demand_provenance
from include.deployment.record import RING, known_release, running_release
from include.deployment.rollout import archive
from include.deployment.rules import total
from include.ledger.engine import reading
from include.ledger.runs import Result, Run, finish, lease, result_of
from include.ledger.tables import phase_runs
from include.product import Product
from include.targets.target import DeploymentError

WAIT = 5.0  # seconds for a deployment that is under way; then the next look tries again
NONE: Result = {"over": True, "why": "", "publish": []}


def ring_run(run: Run) -> Run:
    """The part of a user test's run that tends the ring."""
    return replace(run, phase=RING)


def tend_ring(engine: Engine, product: Product, run: Run, artifacts: Artifacts, now: datetime,
              signing_key: Connection | None = None, connections: Connections = no_connections) -> Result:
    """Have the release of the run's key serve the product's beta ring; to be called again and again until the result's `over`.

    `why` says what is waited for, or why it is over: its time, a newer release, no compliance, a start that failed. `requests`
    and `errors` are what the ring met. A deployment ends the ring and a later look opens it again, unless that release went live.
    """
    deployment = product.deployment
    if deployment is None or deployment.ring is None or run.key.version is None:
        return NONE
    run = ring_run(run)
    if known := result_of(engine, run):
        return known
    ended = _ended(engine, product, run, now, run.at + timedelta(hours=deployment.ring.hours))
    waits = None if ended else _waits(engine, run)
    try:
        with lease(engine, f"deployment:{product.name}", f"ring {run.run_id}", wait=WAIT):
            environment = Environment(product, connections)
            if ended:
                return _over(engine, run, environment, ended)
            if not waits:
                release = known_release(engine, str(run.key))
                demand_provenance(deployment, signing_key, release, artifacts)
                environment.open_ring(release.version, partial(archive, artifacts, release))
    except TimeoutError:
        waits = "a deployment is under way"
    except DeploymentError as failure:
        reason = f"it could not be started: {failure}"
        return finish(engine, run, lambda _: NONE | {"why": reason, "requests": 0, "errors": 0})
    return {"over": False, "why": waits or "it is open", "publish": []}


def _over(engine: Engine, run: Run, environment: Environment, why: str) -> Result:
    served = [item for item in environment.ring() if item.version == run.key.version]
    counts = total(environment.counts(served).values()) if served else total(())
    if served:
        environment.close_ring()
    return finish(engine, run, lambda _: NONE | {"why": why, "requests": counts.requests, "errors": counts.errors})


def _ended(engine: Engine, product: Product, run: Run, now: datetime, until: datetime) -> str | None:
    running = running_release(engine, product.name)
    if running is None:
        return "nothing runs yet that others could go on using"
    if semver.Version.parse(running.version) >= semver.Version.parse(str(run.key.version)):
        return f"{running.version} is live"
    said = _compliance(engine, run)
    if said and not any(str(run.key) in result["publish"] for result in said):
        return "it is not compliant"
    return "its time is over" if now >= until else None


def _waits(engine: Engine, run: Run) -> str | None:
    return None if _compliance(engine, run) else "its compliance is checked"


def _compliance(engine: Engine, run: Run) -> list[Mapping[str, Any]]:
    with reading(engine) as connection:
        return list(connection.scalars(select(phase_runs.c.result).where(
            phase_runs.c.phase == "compliance_checks", phase_runs.c.key == str(run.key))))
