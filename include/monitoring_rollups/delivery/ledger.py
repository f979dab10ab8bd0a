"""The delivery metrics of a product, from the ledger's deployments, commits and signals, and kept there for each run."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import semver
from sqlalchemy import Connection, Row, func, select

from include.ledger.engine import upsert
from include.ledger.runs import Run
from include.ledger.signals import OF_THE_LOOP
from include.ledger.tables import commits, delivery_metrics, deployments, releases, rollups, signals
from include.monitoring_rollups.delivery.attribution import Attribution, Incident, attribute
from include.monitoring_rollups.delivery.dora import BANDS_OF, Change, Deployment, Failure, Metric, Window, window
from include.product import Product

BEFORE = timedelta(hours=1)
ROLLBACK = "rollback"  # the kind of a deployment that a person asked for, back to an older version
_WORD = re.compile(r"[a-z]{3,}")
_SCOPE = re.compile(r"\w[\w-]*\(([^()]{1,100})\)!?:")


def keep(connection: Connection, product: Product, run: Run) -> list[Metric]:
    """Compute the five metrics at the run's time, and write them; returns them."""
    counted, found = _window(connection, product, run.at - timedelta(days=product.monitoring.delivery_days), run.at)
    now = counted.metrics()
    upsert(connection, delivery_metrics, [_row(product, run, metric, found) for metric in now])
    return now


def of_team(connection: Connection, products: Sequence[Product], since: datetime, until: datetime) -> list[Metric]:
    """The five metrics of a team that owns `products`, over all of their deployments: rates and medians are not averaged."""
    return sum((_window(connection, product, since, until)[0] for product in products), Window(since, until)).metrics()


def _window(connection: Connection, product: Product, since: datetime,
            until: datetime) -> tuple[Window, list[tuple[Incident, Attribution]]]:
    known, scopes = _deployments(connection, product)
    found = _attributed(connection, product, known, scopes)
    failures = [Failure(incident.id, item.deployment, incident.at, incident.over_at) for incident, item in found if item.counts]
    return window(known, failures, since, until), found


def _row(product: Product, run: Run, metric: Metric, found: Iterable[tuple[Incident, Attribution]]) -> dict[str, Any]:
    because = [{"incident": item.incident, "deployment": item.deployment, "confidence": item.confidence, "why": list(item.why)}
               for incident, item in found if metric.since < incident.at <= metric.until]
    evidence = {"deployments": list(metric.evidence)} | ({"incidents": because} if metric.name == "change_fail_rate" else {})
    return {"product": product.name, "metric": metric.name, "run_id": run.run_id, "team": product.owner, "value": metric.value,
            "unit": metric.unit, "n": metric.n, "band": metric.band, "band_of": BANDS_OF if metric.band else None,
            "definition": metric.definition, "evidence": evidence, "since": metric.since, "at": run.at}


def _deployments(connection: Connection, product: Product) -> tuple[list[Deployment], dict[str, frozenset[str]]]:
    """Every finished deployment with the commits that it brought, and the words that those commits' scopes name. A person's
    rollback is none of them: it says until when the one that it took back had been there."""
    environment = product.deployment.environment if product.deployment else None
    rows = connection.execute(select(deployments).where(
        deployments.c.product == product.name, deployments.c.status.in_(["succeeded", "rolled_back", "failed"]),
        deployments.c.finished_at.is_not(None)).order_by(deployments.c.started_at, deployments.c.id)).all()
    committed = connection.execute(
        select(commits.c.sha, commits.c.at, commits.c.kind, commits.c.subject, releases.c.version)
        .join(releases, releases.c.key == commits.c.release).where(commits.c.product == product.name)).all()
    rows = [row for row in rows if not environment or row.environment == environment]
    undone = _undone(rows)
    found, scopes = [], {}
    for row in rows:
        if row.kind == ROLLBACK:
            continue
        brought = [commit for commit in committed if _brings(row, commit.version)]
        scopes[row.id] = frozenset(word for commit in brought for word in _scope(commit.subject))
        found.append(Deployment(row.id, row.version, row.status, row.started_at, row.finished_at,
                                tuple(Change(commit.sha, commit.at, commit.kind) for commit in brought), _goes_back(row),
                                undone.get(row.id)))
    return found, scopes


def _undone(rows: Sequence[Row[Any]]) -> dict[str, datetime]:
    """When each deployment was taken back by a person, by its id: the newest one, before, of the version that had run."""
    found: dict[str, datetime] = {}
    for row in rows:
        before = [other for other in rows if other.kind != ROLLBACK and other.status == "succeeded"
                  and other.version == row.previous and other.finished_at <= row.started_at]
        if row.kind == ROLLBACK and row.status == "succeeded" and before:
            found[before[-1].id] = row.finished_at
    return found


def _brings(row: Row[Any], version: str) -> bool:
    release = semver.Version.parse(version)
    return release <= semver.Version.parse(row.version) and (
        row.previous is None or release > semver.Version.parse(row.previous))


def _goes_back(row: Row[Any]) -> bool:
    return row.previous is not None and semver.Version.parse(row.version) < semver.Version.parse(row.previous)


def _scope(subject: str) -> set[str]:
    match = _SCOPE.match(subject)
    return set(_WORD.findall(match[1].lower())) if match else set()


def _attributed(connection: Connection, product: Product, known: list[Deployment],
                scopes: dict[str, frozenset[str]]) -> list[tuple[Incident, Attribution]]:
    """Each incident of operation with the deployment that explains it best. What a canary found is in the deployment's status,
    and what is merely unusual is no incident."""
    rows = connection.execute(select(signals).where(
        signals.c.product == product.name, signals.c.kind.not_in(["deployment", "anomaly", *OF_THE_LOOP]))
        .order_by(signals.c.first_at, signals.c.fingerprint))
    incidents = [replace(_incident(connection, product.name, row.fingerprint, row.first_at, row.detail.get("routes", []),
                                   row.last_at if row.status == "resolved" else None),
                         changed_at=datetime.fromisoformat(row.detail["changed_at"]) if "changed_at" in row.detail else None)
                 for row in rows.all()]
    return [(incident, found) for incident in incidents if (found := attribute(incident, known, scopes))]


def explained(connection: Connection, product: Product, fingerprint: str, at: datetime,
              routes: Sequence[dict[str, Any]], changed_at: datetime | None = None) -> tuple[Deployment, Attribution] | None:
    """The deployment that explains best what fails at `routes` (each with route and version), or None when there was none.

    `changed_at`: a change point of the series that is wrong.
    """
    known, scopes = _deployments(connection, product)
    found = attribute(replace(_incident(connection, product.name, fingerprint, at, routes), changed_at=changed_at), known, scopes)
    return (next(item for item in known if item.id == found.deployment), found) if found else None


def _incident(connection: Connection, product: str, fingerprint: str, at: datetime, routes: Sequence[dict[str, Any]],
              over_at: datetime | None = None) -> Incident:
    version = routes[0]["version"] if routes else None
    table = rollups.c
    rates = {item.version: item.errors / item.requests for item in connection.execute(
        select(table.version, func.sum(table.errors).label("errors"), func.sum(table.requests).label("requests"))
        .where(table.product == product, table.minute > at - BEFORE, table.minute <= at)
        .group_by(table.version)) if item.requests}
    alone = not any(rate < rates.get(version, 0) / 2 for other, rate in rates.items() if other != version)
    parts = frozenset(word for route in routes for word in _WORD.findall(route["route"].lower()))
    return Incident(fingerprint, at, over_at, version, alone, parts)
