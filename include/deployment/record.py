"""What the ledger knows of deployments: the gates before one, its steps, and what became of it."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import semver
from sqlalchemy import Connection, Engine, Row, delete, select, update

from include.deployment.canary import Step
from include.errors import InputError
from include.ledger.engine import reading, upsert, writing
from include.ledger.runs import GATES, LEASE, Result, Run
from include.ledger.signals import Found, settle
from include.ledger.tables import (
    commit_stories,
    commits,
    deployment_steps,
    deployment_verdicts,
    deployments,
    leases,
    phase_runs,
    releases,
    stories,
)
from include.ledger.trail import event, record
from include.product import Product

KIND = "deployment"  # of the signals
RING = "user_testing.ring"  # the part of a user test's run that tends the beta ring; it has a result once that is over


@dataclass(frozen=True)
class Release:
    """A release as the ledger has it; `artifact` names its archive, whose `digest` is `sha256:<hex>`, and `sbom` and `provenance`
    name artifacts too."""

    key: str
    version: str
    commit: str
    artifact: str
    digest: str
    sbom: str | None = None
    provenance: str | None = None

    @classmethod
    def of(cls, row: Row[Any]) -> "Release":
        """From a row of `releases`."""
        return cls(row.key, row.version, row.commit, row.artifact, row.digest, row.sbom, row.provenance)


@dataclass(frozen=True)
class Outcome:
    """What a deployment came to."""

    status: Literal["succeeded", "rolled_back", "failed", "asked"]
    reason: str | None
    steps: list[Step]


def gated_release(engine: Engine, run: Run) -> Release:
    """The release of this run's key. Raises InputError unless it is there and every gate let this very key through."""
    key = str(run.key)
    release = known_release(engine, key)
    with reading(engine) as connection:
        closed = [gate for gate in GATES if not _let_through(connection, gate, key)]
    if closed:
        raise InputError(f"release {key!r} may not be deployed: not let through by {' and '.join(closed)}")
    return release


def known_release(engine: Engine, key: str) -> Release:
    """A release by its key. Raises InputError unless the ledger has it, and its archive."""
    with reading(engine) as connection:
        row = connection.execute(select(releases).where(releases.c.key == key)).first()
    if row is None or not row.artifact or not row.digest:
        raise InputError(f"release {key!r} is not in the ledger, or has no archive")
    return Release.of(row)


def _let_through(connection: Connection, gate: str, key: str) -> bool:
    results = connection.scalars(select(phase_runs.c.result).where(phase_runs.c.phase == gate, phase_runs.c.key == key))
    return any(key in result["publish"] for result in results)


def running_release(engine: Engine, product: str) -> Release | None:
    """The release that the ledger says is running: the one that was deployed and not superseded."""
    with reading(engine) as connection:
        row = connection.execute(select(releases).where(releases.c.product == product, releases.c.status == "deployed")).first()
    return Release.of(row) if row else None


def staged_version(engine: Engine, product: str) -> tuple[str, bool] | None:
    """The version that went through staging last, and whether it passed there."""
    with reading(engine) as connection:
        row = connection.execute(
            select(deployments.c.version, deployment_steps.c.verdict)
            .join(deployment_steps, deployment_steps.c.deployment_id == deployments.c.id)
            .where(deployments.c.product == product, deployment_steps.c.step == 0)
            .order_by(deployments.c.started_at.desc(), deployments.c.id.desc())).first()
    return (row.version, row.verdict == "pass") if row else None


def ring_over(engine: Engine, product: str, version: str) -> bool:
    """Whether the time of a version in the beta ring is over."""
    with reading(engine) as connection:
        return connection.scalar(select(phase_runs.c.run_id).where(
            phase_runs.c.phase == RING, phase_runs.c.key == f"{product}|{version}")) is not None


def rollback_wanted(engine: Engine, product: str) -> bool:
    """Whether a person's rollback waits: it holds this lease until it is done, or its process died. One that is to last longer
    than a lease does was written before the clock was set back: while its holder lives it is soon renewed."""
    now = datetime.now(UTC)
    with reading(engine) as connection:
        return connection.scalar(select(leases.c.holder).where(
            leases.c.name == rollback_lease(product), leases.c.expires_at > now,
            leases.c.expires_at <= now + timedelta(seconds=LEASE))) is not None


def rollback_lease(product: str) -> str:
    return f"rollback:{product}"


def deployment_id(run: Run) -> str:
    return f"{run.key}/{run.run_id}"


def begin(engine: Engine, product: Product, run: Run, previous: str | None, kind: str, by: str | None = None) -> None:
    """Note that a deployment (by which strategy, or a rollback that `by` asked for) is under way. What an earlier try noted is
    taken back; one whose holder died has failed."""
    row = {"id": deployment_id(run), "product": product.name, "version": run.key.version, "status": "running", "reason": None,
           "environment": _environment(product), "previous": previous, "started_at": run.at, "finished_at": None, "kind": kind,
           "by": by}
    with writing(engine) as connection:
        for table in (deployment_verdicts, deployment_steps):
            connection.execute(delete(table).where(table.c.deployment_id == row["id"]))
        connection.execute(update(deployments).where(
            deployments.c.product == product.name, deployments.c.status == "running", deployments.c.id != row["id"],
        ).values(status="failed", reason="its process ended half-way; the next deployment cleaned up", finished_at=run.at))
        upsert(connection, deployments, [row])


def note(engine: Engine, run: Run, number: int, step: Step) -> None:
    """Write one judged step."""
    row = {"deployment_id": deployment_id(run), "step": number, "weight": step.weight, "requests": step.counts.requests,
           "errors": step.counts.errors, "error_rate": step.counts.rate, "limit": step.limit,
           "verdict": step.judgement.verdict, "why": step.judgement.why, "at": run.at}
    with writing(engine) as connection:
        upsert(connection, deployment_steps, [row])
        upsert(connection, deployment_verdicts, [
            {"deployment_id": deployment_id(run), "step": number, "at": run.at} | asdict(found) for found in step.findings])


def conclude(connection: Connection, product: Product, run: Run, release: Release, previous: Release | None,
             outcome: Outcome) -> Result:
    """Write what a deployment came to, in the caller's transaction; returns the run's result."""
    conclude_row(connection, product, run, previous, outcome)
    if outcome.status != "asked":
        status = "deployed" if outcome.status == "succeeded" else outcome.status
        connection.execute(update(releases).where(releases.c.key == release.key).values(status=status))
    result = {"publish": [], "status": outcome.status, "version": release.version,
              "previous": previous.version if previous else None, "steps": [_plain(step) for step in outcome.steps]}
    if outcome.status == "succeeded":
        return result | {"publish": [release.key], "stories": _succeed(connection, product, run, release, previous)}
    if outcome.status == "asked":
        return result | {"why": outcome.reason}
    title = _title(product, release, outcome)
    _fail(connection, product, run, release, outcome, title)
    return result | {"failed": title, "signals": [product.name]}


def conclude_row(connection: Connection, product: Product, run: Run, previous: Release | None, outcome: Outcome) -> None:
    """Write how the deployment of this run's key ended."""
    upsert(connection, deployments, [{
        "id": deployment_id(run), "product": product.name, "version": run.key.version, "environment": _environment(product),
        "previous": previous.version if previous else None, "status": outcome.status, "reason": outcome.reason,
        "started_at": run.at, "finished_at": run.at}])


def _plain(step: Step) -> dict[str, Any]:
    return {"weight": step.weight, "requests": step.counts.requests, "errors": step.counts.errors,
            "verdict": step.judgement.verdict, "why": step.judgement.why,
            "findings": [asdict(found) for found in step.findings]}


def _succeed(connection: Connection, product: Product, run: Run, release: Release, previous: Release | None) -> list[str]:
    if previous and previous.key != release.key:
        connection.execute(update(releases).where(releases.c.key == previous.key).values(status="superseded"))
    kind = "service.upgraded" if previous else "service.deployed"
    record(connection, run, [event(run, kind, _service(product), _content(product, release))])
    settle(connection, product, run, KIND, {})
    return _release_stories(connection, run, release, previous)


def _release_stories(connection: Connection, run: Run, release: Release, previous: Release | None) -> list[str]:
    """Stories of the commits that came with this release."""
    found = stories_of(connection, run.product, brought(connection, run.product, previous, release))
    connection.execute(update(stories).where(stories.c.id.in_(found)).values(status="released", updated_at=run.at))
    return found


def brought(connection: Connection, product: str, previous: Release | None, release: Release) -> list[str]:
    """The keys of every release after `previous`, up to `release`."""
    versions = connection.execute(select(releases.c.key, releases.c.version).where(releases.c.product == product)).all()
    low = semver.Version.parse(previous.version) if previous else None
    high = semver.Version.parse(release.version)
    return [key for key, version in versions
            if (low is None or semver.Version.parse(version) > low) and semver.Version.parse(version) <= high]


def stories_of(connection: Connection, product: str, keys: list[str], status: str | None = None) -> list[str]:
    """The stories (of that `status`) whose commits came with the releases `keys`."""
    query = (select(commit_stories.c.story_id)
             .join(commits, (commits.c.product == commit_stories.c.product) & (commits.c.sha == commit_stories.c.sha))
             .join(stories, stories.c.id == commit_stories.c.story_id)
             .where(commits.c.product == product, commits.c.release.in_(keys), stories.c.product == product))
    return sorted(set(connection.scalars(query.where(stories.c.status == status) if status else query)))


def _fail(connection: Connection, product: Product, run: Run, release: Release, outcome: Outcome, title: str) -> None:
    detail = {"reason": outcome.reason, "steps": [_plain(step) for step in outcome.steps]}
    announce(connection, product, run, release, title, detail, rolled_back=outcome.status == "rolled_back")


def announce(connection: Connection, product: Product, run: Run, release: Release, title: str, detail: dict[str, Any],
             rolled_back: bool) -> None:
    """Signal what became of `release`, so that it is heard; the next deployment that succeeds resolves it."""
    found = Found("high", title, detail | {"deployment": deployment_id(run)}, release.key)
    settle(connection, product, run, KIND, {release.version: found}, over=(), renew=True)
    if rolled_back:
        record(connection, run, [event(run, "service.rolledback", _service(product), _content(product, release))])


def _title(product: Product, release: Release, outcome: Outcome) -> str:
    what = "was rolled back" if outcome.status == "rolled_back" else "could not be deployed"
    return f"Release {release.version} of {product.title} {what}: {outcome.reason}"


def _environment(product: Product) -> str:
    return product.deployment.environment if product.deployment else "none"


def _service(product: Product) -> str:
    return f"{_environment(product)}/{product.name}"


def _content(product: Product, release: Release) -> dict[str, Any]:
    return {"environment": {"id": _environment(product)},
            "artifactId": f"pkg:generic/{product.name}@{release.version}?checksum={release.digest}"}
