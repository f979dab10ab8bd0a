"""Staging: the very archive that is to go live runs there first, and answers as the product's file says it must."""

import http.client
from collections.abc import Callable, Sequence
from functools import partial

from sqlalchemy import Engine

from include.artifacts import Artifacts
from include.connection import Connections, no_connections
from include.deployment.canary import Step
from include.deployment.environment import Environment
from include.deployment.hooks import Hooks, with_hooks
from include.deployment.record import Outcome, Release, known_release, note, staged_version
from include.deployment.rollout import archive, restore
from include.deployment.rules import Counts, Judgement
from include.ledger.runs import Run
from include.markup import plain
from include.parts.deployment import Smoke
from include.product import Product
from include.targets.target import DeploymentError

MOST = 1_000_000  # bytes of an answer that are looked at
SECONDS = 30.0


def staging_of(product: Product) -> Product | None:
    """The product as it runs in staging, where its file has one: the same but for the port, the replicas and the environment's
    variables and secrets. Its name, `<product>.staging`, is no other product's."""
    deployment = product.deployment
    if deployment is None or (staging := deployment.staging) is None:
        return None
    env = {name: value for name, value in deployment.env.items() if name not in staging.secrets} | staging.env
    secrets = {name: value for name, value in deployment.secrets.items() if name not in staging.env} | staging.secrets
    there = deployment.model_copy(update={
        "environment": "staging", "port": staging.port, "replicas": staging.replicas, "env": env, "secrets": secrets,
        "staging": None, "ring": None})
    return product.model_copy(update={"name": f"{product.name}.staging", "deployment": there})


def demand_secrets(product: Product, connections: Connections) -> None:
    """Raises InputError naming what is missing, unless every secret of production and staging is to be had."""
    for place in (product, staging_of(product)):
        if place:
            _ = Environment(place, connections).secrets.values


def stage(engine: Engine, product: Product, run: Run, release: Release, artifacts: Artifacts,
          connections: Connections = no_connections) -> Outcome | None:
    """Bring `release` up in staging, with its hooks, and check it; None where it may go on, or there is no staging.

    It is the deployment's step 0. What fails its check keeps running there, to be looked at. Run again, it goes on from wherever
    staging stands.
    """
    if (staged := staging_of(product)) is None:
        return None
    smoke = product.deployment.staging.smoke if product.deployment and product.deployment.staging else []
    found = with_hooks(Hooks(engine, staged, run, artifacts, connections), release, lambda arrived: _tried(
        Environment(staged, connections), smoke, release, artifacts, arrived))
    passed = found.status == "succeeded"
    why = f"staging: {f'{release.digest} runs and answers as it must' if passed else found.reason}"
    step = Step(0, Counts(), 0.0, Judgement("pass" if passed else "fail", passed, why))
    note(engine, run, 0, step)
    return None if passed else Outcome("failed", why, [step])


def restage(engine: Engine, product: Product, artifacts: Artifacts, connections: Connections = no_connections) -> None:
    """Bring back what passed staging last, where it does not run there. Raises DeploymentError when it does not come up."""
    staged, newest = staging_of(product), staged_version(engine, product.name)
    if staged and newest and newest[1]:
        restore(Environment(staged, connections), known_release(engine, f"{product.name}|{newest[0]}"), artifacts)


def _tried(environment: Environment, smoke: Sequence[Smoke], release: Release, artifacts: Artifacts,
           arrived: Callable[[], None]) -> Outcome:
    try:
        environment.only(release.version, partial(archive, artifacts, release))
        environment.wait_healthy(environment.of(release.version))
    except DeploymentError as failure:
        environment.clear()
        return Outcome("failed", str(failure), [])
    try:
        arrived()
    except DeploymentError as failure:
        return Outcome("failed", str(failure), [])
    troubles = [trouble for item in smoke if (trouble := _checked(environment.deployment.port, item))]
    return Outcome("failed", "; ".join(troubles), []) if troubles else Outcome("succeeded", None, [])


def _checked(port: int, smoke: Smoke) -> str:
    """What is wrong with the answer to one check, or nothing."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    try:
        connection.request("GET", smoke.path)
        answer = connection.getresponse()
        text = answer.read(MOST).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return f"{smoke.path} is not answered: {plain(repr(error), 200)}"
    finally:
        connection.close()
    if answer.status != smoke.status:
        return f"{smoke.path} answers {answer.status}, not {smoke.status}"
    return "" if smoke.contains in text else f"{smoke.path} does not say {smoke.contains!r}"
