"""What the deployment DAG calls: a release goes live behind HAProxy, or the running version keeps all traffic."""

import os
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection as Database
from sqlalchemy import Engine

from include.artifacts import Artifacts
from include.connection import Connection, Connections, no_connections
from include.deployment.environment import Environment
from include.deployment.freeze import frozen
from include.deployment.hooks import Hooks, with_hooks
from include.deployment.provenance import demand_provenance
from include.deployment.question import override, unsure
from include.deployment.record import (
    Outcome,
    Release,
    begin,
    conclude,
    gated_release,
    known_release,
    note,
    ring_over,
    rollback_wanted,
    running_release,
)
from include.deployment.rollout import archive, restore, roll_out
from include.deployment.staging import demand_secrets, restage, stage
from include.errors import InputError
from include.ledger.engine import reading, upsert
from include.ledger.runs import Result, Run, finish, lease, result_of
from include.ledger.tables import decisions
from include.markup import plain
from include.parts.deployment import Canary
from include.product import Product

NOBODY = ("automatic", "timeout", "unknown")  # who may not override a freeze: no person


def deploy(engine: Engine, product: Product, run: Run, artifacts: Artifacts, signing_key: Connection | None = None,
           connections: Connections = no_connections) -> Result:
    """Deploy the release that the run's key names (`product|version`).

    The first release gets all traffic once it is healthy; a later one goes through the product's canary steps and is rolled
    back at the first that fails. Killed at any point and run again, it puts all traffic back on the running version and
    starts over. The result says `status` (succeeded, rolled_back, failed, or rests where the product has no deployment),
    `steps`, and, when it did not succeed, `failed` (why) and `signals` (keys to publish as signals). Where a person has to
    decide (`asked` by the canary, or `frozen`) all traffic is on the running version, and the result bears the question
    (`ask`, `subject`, `body`, …) that `settle` takes the answer of.
    Raises InputError when the key names no release, a gate has not let it through, one of the `connections` that hold the
    product's secrets is missing, or its provenance does not hold, which is verified with the connection `signing_key` (see
    `demand_provenance`).
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
        return known if known is not None else _deploy(engine, product, run, artifacts, signing_key, connections)


def ensure_running(engine: Engine, product: Product, artifacts: Artifacts,
                   connections: Connections = no_connections) -> str | None:
    """Bring back what is to run and does not (after a restart of the machine): the version that the ledger says is running, then
    a beta ring that was open, then what passed staging last.

    Returns the running version; None where nothing was ever deployed. Raises DeploymentError when something does not come up,
    after all that does.
    """
    with lease(engine, f"deployment:{product.name}", f"ensure_running:{os.getpid()}"):
        if product.deployment is None:
            return None
        demand_secrets(product, connections)
        release, environment = running_release(engine, product.name), Environment(product, connections)
        ring = {item.version for item in environment.ring() if not ring_over(engine, product.name, item.version)}
        if release:
            restore(environment, release, artifacts)
        for version in ring if release and product.deployment.ring else ():
            environment.open_ring(version, partial(archive, artifacts, known_release(engine, f"{product.name}|{version}")))
        restage(engine, product, artifacts, connections)
        return release.version if release else None


def settle(engine: Engine, product: Product, run: Run, artifacts: Artifacts, decision: dict[str, Any],
           signing_key: Connection | None = None, connections: Connections = no_connections) -> Result:
    """Do what a person decided (`{"accepted", "by", "note"}`) about the question that `deploy` came to in this run.

    A canary that could not tell is walked again, and goes on where it can't; or the release is rolled back. A freeze is
    overridden by an approver with a reason, or when its window is over; or the release stays a candidate. Returns what `deploy`
    does; its result is that of `settled(run)`.
    """
    asked, run = result_of(engine, run), settled(run)
    if not asked or not asked.get("ask"):
        return {"publish": [], "status": "rests"}
    if known := result_of(engine, run):
        return known
    decision = {"accepted": bool(decision["accepted"]), "by": plain(decision["by"], 250), "note": plain(decision["note"], 2000)}
    with lease(engine, f"deployment:{product.name}", run.run_id):
        if known := result_of(engine, run):
            return known
        if refusal := refused(asked, decision):
            return finish(engine, run, partial(
                _declined, product=product, run=run, release=gated_release(engine, run),
                previous=running_release(engine, product.name), asked=asked, decision=decision, why=refusal))
        return _deploy(engine, product, run, artifacts, signing_key, connections, Answer(
            asked["gate"], decision, datetime.fromisoformat(asked["until"]) if asked.get("until") else None))


def settled(run: Run) -> Run:
    """The part of a deployment's run that follows a person's answer."""
    return replace(run, phase=f"{run.phase}.settle")


def signals_of(engine: Engine, run: Run) -> list[str]:
    """The keys that this run has to signal, before or after an answer."""
    results = [result_of(engine, item) or {} for item in (run, settled(run))]
    return sorted({key for result in results for key in result.get("signals", [])})


@dataclass(frozen=True)
class Answer:
    """A person's yes: to a canary that could not tell (`canary`), or in spite of a freeze (`freeze`)."""

    gate: str
    decision: dict[str, Any]
    at: datetime | None = None  # the end of the window that was waited for


def refused(asked: Result, decision: dict[str, Any]) -> str | None:
    """Why an answer is no yes. A freeze takes an approver and a reason, unless its window is over."""
    by, note = decision["by"], decision["note"]
    if not decision["accepted"]:
        return f"{by} decided against it{': ' if note else ''}{note}"
    if asked["gate"] == "freeze" and not (asked.get("until") and by == "timeout") and (not note or by in NOBODY):
        return "a freeze is overridden by an approver with a reason; there was none"
    return None


def _deploy(engine: Engine, product: Product, run: Run, artifacts: Artifacts, signing_key: Connection | None,
            connections: Connections, answer: Answer | None = None) -> Result:
    release, previous = gated_release(engine, run), running_release(engine, product.name)
    demand_secrets(product, connections)
    environment = Environment(product, connections)
    demand_provenance(environment.deployment, signing_key, release, artifacts)
    if previous and previous.key == release.key:
        restore(environment, release, artifacts)
        return finish(engine, run, lambda _: {"publish": [], "status": "succeeded", "version": release.version,
                                              "previous": release.version, "steps": [], "why": "it is running already"})
    if previous and (held := _held(engine, product, run, release, previous, answer)):
        return finish(engine, run, lambda _: held)
    begin(engine, product, run, previous.version if previous else None, environment.deployment.strategy)
    outcome = stage(engine, product, run, release, artifacts, connections) or with_hooks(
        Hooks(engine, product, run, artifacts, connections), release, partial(
            roll_out, environment, release, previous, artifacts, _canary(environment, answer), partial(note, engine, run),
            partial(rollback_wanted, engine, product.name)))
    return finish(engine, run, partial(_concluded, product=product, run=run, release=release, previous=previous, outcome=outcome,
                                       answer=answer))


def _held(engine: Engine, product: Product, run: Run, release: Release, previous: Release,
          answer: Answer | None) -> Result | None:
    """What to ask a person, where releases are frozen; nobody is asked again after a window's end."""
    if product.deployment is None or (answer and answer.decision["by"] != "timeout"):
        return None
    with reading(engine) as connection:
        found = frozen(connection, product, release, previous, answer.at if answer and answer.at else run.at)
    if found is None:
        return None
    asked = override(product.deployment, product.title, release, found, run.at) if not answer else {"publish": []}
    return asked | {"status": "frozen", "why": found.why}


def _canary(environment: Environment, answer: Answer | None) -> Canary:
    """How to judge. Who was asked is not asked again: a yes to a canary that could not tell lets it go on, a freeze does not."""
    canary = environment.deployment.canary
    if answer is None:
        return canary
    if answer.gate == "canary":
        return canary.model_copy(update={"when_unsure": "promote"})
    return canary.model_copy(update={"when_unsure": "rollback"}) if canary.when_unsure == "ask" else canary


def _concluded(connection: Database, product: Product, run: Run, release: Release, previous: Release | None, outcome: Outcome,
               answer: Answer | None) -> Result:
    if answer:
        _decided(connection, run, answer.gate, answer.decision, accepted=True)
    result = conclude(connection, product, run, release, previous, outcome)
    if outcome.status != "asked" or product.deployment is None:
        return result
    return result | unsure(product.deployment, product.title, release, result["why"], result["steps"])


def _declined(connection: Database, product: Product, run: Run, release: Release, previous: Release | None, asked: Result,
              decision: dict[str, Any], why: str) -> Result:
    _decided(connection, run, asked["gate"], decision, accepted=False)
    if asked["gate"] == "freeze":
        return {"publish": [], "status": "frozen", "why": f"{asked['why']}; {why}"}
    outcome = Outcome("rolled_back", f"{asked['why']}; {why}", [])
    return conclude(connection, product, run, release, previous, outcome)


def _decided(connection: Database, run: Run, gate: str, decision: dict[str, Any], accepted: bool) -> None:
    upsert(connection, decisions, [{
        "subject": str(run.key), "gate": f"deployment.{gate}", "decision": "accepted" if accepted else "rejected",
        "by": decision["by"], "note": decision["note"], "at": run.at}])
