"""Releases: their gates, and what these rest on."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, func, select

from include.key import Key
from include.ledger.tables import (
    checks,
    commit_stories,
    commits,
    decisions,
    deployment_steps,
    deployment_verdicts,
    deployments,
    phase_runs,
    releases,
    stories,
)
from include.loop_page import paging, shapes

_RELEASE = tuple(releases.c[name] for name in shapes.Release.model_fields)
# A release's gates in their order, and who decides.
GATES = {"candidate": "build_and_test", "compliant": "compliance_checks", "accepted": "user_testing", "deployed": "deployment"}


def page_of_releases(connection: Connection, product: str, after: str | None, limit: int) -> shapes.Paged[shapes.Release]:
    """The releases of a product, newest first."""
    rows = connection.execute(releases_query(product, after, limit)).mappings().all()
    items = [shapes.Release(**row) for row in rows[:limit]]
    return shapes.Paged(items=items, next=paging.mark(items[-1].at, items[-1].key) if len(rows) > limit else None)


def releases_query(product: str, after: str | None, limit: int) -> Select[Any]:
    """One more release than `limit`, in order."""
    order = (releases.c.at, releases.c.key)
    where = [releases.c.product == product]
    if after:
        where.append(paging.beyond(order, paging.place(after, datetime, str)))
    return select(*_RELEASE).where(*where).order_by(*(column.desc() for column in order)).limit(limit + 1)


def release(connection: Connection, key: Key) -> shapes.ReleaseDetail | None:
    """One release, None where there is none."""
    row = connection.execute(select(releases).where(releases.c.key == str(key))).mappings().first()
    if row is None:
        return None
    rolled_out = _deployments(connection, key)
    plain = {name: row[name] for name in shapes.ReleaseDetail.model_fields if name in row}
    return shapes.ReleaseDetail(**plain, checks=_checks(connection, key), deployments=rolled_out,
                                stories=_stories(connection, key), gates=gates(connection, key, row["status"], rolled_out))


def _checks(connection: Connection, key: Key) -> list[shapes.Check]:
    """What the newest run showed of each rule; what does not pass first."""
    fields = tuple(checks.c[name] for name in shapes.Check.model_fields)
    newest = select(func.max(checks.c.at)).where(checks.c.key == str(key)).scalar_subquery()
    rows = connection.execute(select(*fields).where(checks.c.key == str(key), checks.c.at == newest)).mappings()
    return sorted((shapes.Check(**row) for row in rows), key=lambda check: (check.outcome == "pass", check.outcome, check.rule))


def _stories(connection: Connection, key: Key) -> list[shapes.Story]:
    rows = connection.execute(
        select(stories.c.id, stories.c.title, stories.c.status, stories.c.kind).distinct()
        .join(commit_stories, commit_stories.c.story_id == stories.c.id)
        .join(commits, (commits.c.product == commit_stories.c.product) & (commits.c.sha == commit_stories.c.sha))
        .where(commits.c.release == str(key)).order_by(stories.c.id)).mappings()
    return [shapes.Story(**row) for row in rows]


def _deployments(connection: Connection, key: Key) -> list[shapes.Deployment]:
    rows = connection.execute(
        select(deployments).where(deployments.c.product == key.product, deployments.c.version == key.version)
        .order_by(deployments.c.started_at.desc()).limit(10)).mappings().all()
    ids = [row["id"] for row in rows]
    verdicts: dict[tuple[str, int], list[shapes.Verdict]] = {}
    for row in connection.execute(select(deployment_verdicts).where(deployment_verdicts.c.deployment_id.in_(ids))
                                  .order_by(deployment_verdicts.c.metric)).mappings():
        verdicts.setdefault((row["deployment_id"], row["step"]), []).append(
            shapes.Verdict(**{name: row[name] for name in shapes.Verdict.model_fields}))
    steps: dict[str, list[shapes.Step]] = {}
    for row in connection.execute(select(deployment_steps).where(deployment_steps.c.deployment_id.in_(ids))
                                  .order_by(deployment_steps.c.step)).mappings():
        plain = {name: row[name] for name in shapes.Step.model_fields if name in row}
        steps.setdefault(row["deployment_id"], []).append(
            shapes.Step(**plain, verdicts=verdicts.get((row["deployment_id"], row["step"]), [])))
    return [shapes.Deployment(**{name: row[name] for name in shapes.Deployment.model_fields if name in row},
                              steps=steps.get(row["id"], [])) for row in rows]


def gates(connection: Connection, key: Key, status: str, rolled_out: list[shapes.Deployment]) -> list[shapes.Gate]:
    """How the release stands at each gate: what the newest run of the phase that decides said."""
    said = {row["gate"]: row for row in connection.execute(
        select(decisions).where(decisions.c.subject == str(key)).order_by(decisions.c.at)).mappings()}
    found = []
    for gate, phase in GATES.items():
        # a candidate is made by a run that bears the product alone
        run = None if gate == "candidate" else connection.execute(newest_run(phase, str(key))).mappings().first()
        decision: Any = said.get(phase, {})
        state = ("refused" if status == "failed" else "passed") if gate == "candidate" else _state(run, str(key))
        if gate == "deployed" and rolled_out and rolled_out[0].status in {"running", "asked"}:
            state = "waiting"
        found.append(shapes.Gate(gate=gate, state=state, dag_id=phase, run_id=run["run_id"] if run else None,
                                 at=run["at"] if run else None, by=decision.get("by"), note=decision.get("note")))
    return found


def newest_run(phase: str, key: str) -> Select[Any]:
    """The newest run of a phase for one key."""
    return (select(phase_runs).where(phase_runs.c.phase == phase, phase_runs.c.key == key)
            .order_by(phase_runs.c.at.desc()).limit(1))


def _state(run: Any, key: str) -> Any:
    """A phase that decided publishes the release's key, or refused it."""
    if run is None:
        return "waiting"
    return "passed" if key in run["result"].get("publish", []) else "refused"
