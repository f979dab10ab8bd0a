"""What the rollback form calls: all traffic returns to an earlier release, in seconds, or stays where it is."""

from dataclasses import replace
from functools import partial

import semver
from sqlalchemy import Connection, Engine, select, update

from include.artifacts import Artifacts
from include.connection import Connections, no_connections
from include.deployment.environment import Environment
from include.deployment.hooks import Hooks
from include.deployment.record import (
    Outcome,
    Release,
    announce,
    begin,
    brought,
    conclude_row,
    rollback_lease,
    running_release,
    stories_of,
)
from include.deployment.rollout import archive, restore
from include.errors import InputError
from include.ledger.engine import reading
from include.ledger.runs import Result, Run, finish, lease, result_of
from include.ledger.tables import deployments, releases, stories
from include.markup import plain
from include.product import Product
from include.targets.target import DeploymentError


def rollback(engine: Engine, product: Product, run: Run, who: str, version: str, why: str, artifacts: Artifacts,
             connections: Connections = no_connections) -> Result:
    """Bring `product` back to `version`, a release that was deployed before, because a person (`who`) says so (`why`).

    A deployment that is under way turns back first. The release's replicas are started beside the running ones and get all
    traffic once they are healthy; where they don't come up, all traffic stays where it is. Killed at any point and run again, it
    goes on. The stories that the newer releases had brought are planned again (`scoped`): they are released with the next release
    that bears their commits. The result says `status` (succeeded, failed), `signals` (keys to publish, so that it is heard), and
    `failed` (why) where it did not come to that.
    Raises InputError where `version` is not such a release, or one of the `connections` with the product's secrets is missing.
    """
    run = replace(run, key=run.key.release(version))
    who, why = plain(who, 250), plain(why, 1000)
    if known := result_of(engine, run):
        return known
    if not why:
        raise InputError("a rollback needs a reason")
    _both(engine, product.name, version)  # what can't be done turns no deployment back
    environment = Environment(product, connections)
    _ = environment.secrets.values
    with lease(engine, rollback_lease(product.name), run.run_id), lease(engine, f"deployment:{product.name}", run.run_id):
        if known := result_of(engine, run):
            return known
        running, release = _both(engine, product.name, version)
        begin(engine, product, run, running.version, "rollback", who)
        outcome = _go_back(environment, running, release, artifacts, why)
        if outcome.status == "succeeded":
            outcome = _undone(engine, Hooks(engine, product, run, artifacts, connections), release, outcome)
        return finish(engine, run, partial(_conclude, product=product, run=run, running=running, release=release,
                                           outcome=outcome, who=who))


def _both(engine: Engine, product: str, version: str) -> tuple[Release, Release]:
    """What runs, and what to go back to."""
    running = running_release(engine, product)
    if running is None:
        raise InputError(f"{product}: nothing runs that could be rolled back")
    with reading(engine) as connection:
        deployed = select(deployments.c.version).where(deployments.c.product == product, deployments.c.status == "succeeded")
        rows = connection.execute(select(releases).where(
            releases.c.product == product, releases.c.artifact.is_not(None), releases.c.version.in_(deployed))).all()
    now = semver.Version.parse(running.version)
    earlier = {row.version: Release.of(row) for row in rows if semver.Version.parse(row.version) < now}
    if version not in earlier:
        known = ", ".join(sorted(earlier, key=semver.Version.parse)) or "none"
        raise InputError(f"{product} runs {running.version} and can't go back to {version}: "
                         f"earlier releases that were deployed are {known}")
    return running, earlier[version]


def _go_back(environment: Environment, running: Release, release: Release, artifacts: Artifacts, why: str) -> Outcome:
    try:
        if environment.supervisor.alive():  # else all of it has to be started anyway
            environment.start(release.version, partial(archive, artifacts, release))
            environment.wait_healthy(environment.of(release.version))
        restore(environment, release, artifacts)
    except DeploymentError as failure:
        restore(environment, running, artifacts)
        return Outcome("failed", str(failure), [])
    return Outcome("succeeded", why, [])


def _undone(engine: Engine, hooks: Hooks, release: Release, outcome: Outcome) -> Outcome:
    """Undo the hooks of every release after `release`, the newest first. What can't be undone is told, and stays for people."""
    with reading(engine) as connection:
        rows = connection.execute(select(releases).where(releases.c.product == hooks.product.name)).all()
    low = semver.Version.parse(release.version)
    later = sorted((row for row in rows if semver.Version.parse(row.version) > low),
                   key=lambda row: semver.Version.parse(row.version), reverse=True)
    troubles = [trouble for row in later if hooks.declared() and (trouble := hooks.undo(Release.of(row)))]
    return replace(outcome, reason="; ".join([str(outcome.reason), *troubles])) if troubles else outcome


def _conclude(connection: Connection, product: Product, run: Run, running: Release, release: Release, outcome: Outcome,
              who: str) -> Result:
    conclude_row(connection, product, run, running, outcome)
    result: Result = {"publish": [], "status": outcome.status, "version": release.version, "previous": running.version,
                      "stories": []}
    if outcome.status == "succeeded":
        keys = brought(connection, run.product, release, running)
        result["stories"] = stories_of(connection, run.product, keys, "released")
        connection.execute(update(stories).where(stories.c.id.in_(result["stories"])).values(status="scoped", updated_at=run.at))
        for key, status in ((running.key, "rolled_back"), (release.key, "deployed")):
            connection.execute(update(releases).where(releases.c.key == key).values(status=status))
        title = f"Release {running.version} of {product.title} was rolled back to {release.version} by {who}: {outcome.reason}"
    else:
        title = (f"Release {running.version} of {product.title} could not be rolled back to {release.version}, as {who} wanted: "
                 f"{outcome.reason}")
        result["failed"] = title
    announce(connection, product, run, running, title, {"reason": outcome.reason, "to": release.version, "by": who},
             rolled_back=outcome.status == "succeeded")
    return result | {"signals": [product.name]}
