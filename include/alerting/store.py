"""What the ledger says about who speaks, what waits, and what happened around an incident."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, func, or_, select

from include.alerting.incidents import GRAVE, Fact, Incident, timeline
from include.alerting.messages import UNTOLD
from include.alerting.watch import LOG, TRAFFIC, Speech, Waiting
from include.ledger.tables import (
    alerts,
    coarse_rollups,
    commits,
    decisions,
    deployment_steps,
    deployments,
    incidents,
    intakes,
    phase_runs,
    releases,
    rollups,
    signals,
)
from include.product import Product

LEARNT_FROM = timedelta(days=60)
BEFORE = timedelta(hours=2)  # deployments that began so long before an incident belong to its story
Row = Mapping[str, Any]


def heard(connection: Connection, product: Product, at: datetime) -> dict[str, Speech]:
    """When each source of voices brought something new, when requests came, by the hour, and when each log spoke."""
    rows = connection.execute(select(intakes.c.source, intakes.c.at, intakes.c.stored).where(
        intakes.c.product == product.name, intakes.c.at > at - LEARNT_FROM).order_by(intakes.c.at)).all()
    names = {source.name for source in product.voices.sources}
    found = {name: Speech([row.at for row in rows if row.source == name and row.stored],
                          max(row.at for row in rows if row.source == name))
             for name in sorted(names & {row.source for row in rows})}
    hours = connection.scalars(select(coarse_rollups.c.minute).distinct().where(
        coarse_rollups.c.product == product.name, coarse_rollups.c.span == "hour", coarse_rollups.c.requests > 0,
        coarse_rollups.c.minute > at - LEARNT_FROM).order_by(coarse_rollups.c.minute)).all()
    newest = connection.scalar(select(func.max(rollups.c.minute)).where(rollups.c.product == product.name))
    listened = connection.scalar(select(func.max(phase_runs.c.at)).where(
        phase_runs.c.phase == "monitoring_rollups", _about(product)))
    if hours and newest and listened:
        found[TRAFFIC] = Speech([*hours, max(newest, hours[-1])], max(listened, newest))
    return found | _logs(connection, product, at)


def _logs(connection: Connection, product: Product, at: datetime) -> dict[str, Speech]:
    """When each log and source of metrics brought something, and until when any of them did: where all are silent, it is the
    traffic that is missed."""
    runs = connection.execute(select(phase_runs.c.at, phase_runs.c.result).where(
        phase_runs.c.phase == "monitoring_rollups", _about(product), phase_runs.c.at > at - LEARNT_FROM)
        .order_by(phase_runs.c.at)).all()
    names = ["proxy", *(log.path for log in product.monitoring.logs), *(source.name for source in product.monitoring.sources)]
    spoke = {name: [row.at for row in runs if row.result.get("heard", {}).get(name)] for name in names}
    last = max((times[-1] for times in spoke.values() if times), default=at)
    return {f"{LOG}{name}": Speech(times, last) for name, times in spoke.items()}


def _about(product: Product) -> Any:
    return or_(phase_runs.c.key == product.name, phase_runs.c.key.startswith(f"{product.name}|", autoescape=True))


def waiting(connection: Connection, product: Product) -> list[Waiting]:
    """The newest candidate, where it has not gone live, and the gate that it is at."""
    row = connection.execute(select(releases.c.key, releases.c.at, releases.c.status).where(
        releases.c.product == product.name).order_by(releases.c.at.desc(), releases.c.key.desc()).limit(1)).first()
    if row is None or row.status != "candidate":
        return []
    checked = connection.execute(select(phase_runs.c.at, phase_runs.c.result).where(
        phase_runs.c.phase == "compliance_checks", phase_runs.c.key == row.key).order_by(phase_runs.c.at.desc())).first()
    accepted = connection.execute(select(decisions.c.decision, decisions.c.at).where(
        decisions.c.subject == row.key, decisions.c.gate == "user_testing")).first()
    found = []
    if checked is None or not checked.result.get("publish"):
        found.append(Waiting(row.key, "compliance_checks", row.at, (checked.result.get("failed") or "") if checked else ""))
    if accepted is None:
        found.append(Waiting(row.key, "user_testing", row.at))
    if found or checked is None or accepted is None:
        return found
    return [Waiting(row.key, "deployment", max(checked.at, accepted.at))]


def grave(connection: Connection, product: Product, at: datetime) -> list[dict[str, Any]]:
    """The grave signals that are open, or were of late."""
    return [dict(row) for row in connection.execute(select(signals).where(
        signals.c.product == product.name, signals.c.severity.in_(GRAVE),
        or_(signals.c.status == "open", signals.c.last_at > at - LEARNT_FROM)).order_by(signals.c.fingerprint)).mappings()]


def open_incidents(connection: Connection, product: Product) -> dict[str, dict[str, Any]]:
    """The rows of incidents that are not over, by id."""
    return {row["id"]: dict(row) for row in connection.execute(select(incidents).where(
        incidents.c.product == product.name, incidents.c.status == "open").order_by(incidents.c.id)).mappings()}


def unsettled(connection: Connection, product: Product, since: datetime) -> bool:
    """Whether a signal is open, or ended after `since`, or an alert or an incident waits for what comes."""
    found = [select(signals.c.fingerprint).where(signals.c.product == product.name, or_(
                 signals.c.status == "open", signals.c.last_at > since)),
             select(alerts.c.fingerprint).where(alerts.c.product == product.name, alerts.c.status.in_(UNTOLD)),
             select(incidents.c.id).where(incidents.c.product == product.name, incidents.c.status == "open")]
    return any(connection.execute(query.limit(1)).first() for query in found)


def closed(connection: Connection, product: Product) -> set[str]:
    """The openings of signals whose incident is over."""
    lists = connection.scalars(select(incidents.c.signals).where(
        incidents.c.product == product.name, incidents.c.status == "resolved"))
    return {mark for marks in lists for mark in marks}


def brought(connection: Connection, product: Product, release: str) -> list[tuple[str, str]]:
    """The commits of a release: (sha, subject), in their order."""
    rows = connection.execute(select(commits.c.sha, commits.c.subject).where(
        commits.c.product == product.name, commits.c.release == release).order_by(commits.c.at, commits.c.sha))
    return [(row.sha, row.subject) for row in rows]


def facts(connection: Connection, product: Product, item: Incident, own: Sequence[Row]) -> list[Fact]:
    """The timeline of an incident with its `own` signals, and of the deployments that it points to or that were near."""
    end = item.resolved_at
    table = deployments.c
    around = [table.started_at > item.opened_at - BEFORE, *([table.started_at <= end] if end else [])]
    near = select(deployments).where(table.product == product.name, or_(
        table.id == item.cause.removeprefix("deployment "), and_(*around))).order_by(table.started_at, table.id)
    shipped = [dict(row) for row in connection.execute(near).mappings()]
    steps = [dict(row) for row in connection.execute(
        select(deployment_steps, table.version).join(deployments, table.id == deployment_steps.c.deployment_id)
        .where(table.id.in_([row["id"] for row in shipped])).order_by(deployment_steps.c.at)).mappings()]
    told = [dict(row) for row in connection.execute(select(alerts).where(
        alerts.c.product == product.name, alerts.c.fingerprint.in_([row["fingerprint"] for row in own]),
        alerts.c.status == "sent", alerts.c.opened_at >= item.opened_at)).mappings()]
    return timeline(item, own, shipped, steps, told)
