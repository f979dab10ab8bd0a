"""The product's own series (requests, share of errors), watched for what is unusual: one signal a series while it lasts."""

import hashlib
from datetime import timedelta

import pandas as pd
from sqlalchemy import Connection, func, select

from include.ledger.engine import upsert
from include.ledger.runs import Run
from include.ledger.tables import rollups, signals
from include.ledger.trail import event, record
from include.monitoring_rollups.anomalies import QUIET, alarms
from include.product import Product

BEHIND, STEP = timedelta(days=15), timedelta(minutes=10)
WORDS = {"requests": "requests in ten minutes", "errors": "share of requests that failed"}


def watch(connection: Connection, product: Product, run: Run) -> dict[str, str]:
    """Open, keep or resolve the signal of each series that the product watches; what became of each, by series.

    An alarm of the last day that wasn't told yet opens one; a day without an alarm resolves it.
    """
    if not product.monitoring.anomalies:
        return {}
    found = series(connection, product.name, run)
    return {name: state for name in product.monitoring.anomalies
            if (state := _kept(connection, product, run, name, found[name]))}


def series(connection: Connection, product: str, run: Run) -> dict[str, "pd.Series[float]"]:
    """Requests, and the share of errors where there were any requests, in steps of ten minutes that are over."""
    table = rollups.c
    rows = connection.execute(
        select(table.minute, func.sum(table.requests).label("requests"), func.sum(table.errors).label("errors"))
        .where(table.product == product, table.minute > run.at - BEHIND, table.minute <= run.at)
        .group_by(table.minute).order_by(table.minute)).all()
    frame = pd.DataFrame([(int(row.requests), int(row.errors)) for row in rows], columns=["requests", "errors"], dtype=float,
                         index=pd.DatetimeIndex([row.minute for row in rows], tz="UTC"))
    steps = frame.resample(STEP).sum()
    steps = steps[steps.index <= pd.Timestamp(run.at - STEP)]
    busy = steps[steps["requests"] > 0]
    return {"requests": steps["requests"], "errors": busy["errors"] / busy["requests"]}


def _kept(connection: Connection, product: Product, run: Run, name: str, values: "pd.Series[float]") -> str | None:
    fingerprint = hashlib.sha256(f"{product.name} anomaly {name}".encode()).hexdigest()[:16]
    known = connection.execute(select(signals).where(signals.c.fingerprint == fingerprint)).first()
    is_open = known is not None and known.status == "open"
    times = alarms(values) if len(values) else []
    if times and times[-1] + STEP > pd.Timestamp(max(known.last_at, run.at - QUIET) if known else run.at - QUIET):
        at = times[-1]
        title = (f"{product.title}: {WORDS[name]} unusual at {at:%Y-%m-%d %H:%M} UTC: {values[at]:.4g}, where "
                 f"{values.median():.4g} is usual")
        row = {"fingerprint": fingerprint, "product": product.name, "kind": "anomaly", "severity": "low",
               "title": known.title if known and is_open else title, "status": "open", "release": None,
               "detail": {"series": name, "at": at.isoformat(), "value": float(values[at]), "median": float(values.median())},
               "first_at": known.first_at if known and is_open else run.at, "last_at": run.at,
               "acknowledged_by": known.acknowledged_by if known and is_open else None,
               "acknowledged_at": known.acknowledged_at if known and is_open else None}
        upsert(connection, signals, [row])
        if not is_open:
            _tell(connection, product, run, "incident.detected", fingerprint, title)
        return "open" if is_open else "opened"
    if known is None or not is_open or run.at - known.last_at < QUIET:
        return "open" if is_open else None
    upsert(connection, signals, [dict(known._mapping) | {"status": "resolved", "last_at": run.at}])
    _tell(connection, product, run, "incident.resolved", fingerprint, f"Over: {known.title}")
    return "resolved"


def _tell(connection: Connection, product: Product, run: Run, kind: str, fingerprint: str, description: str) -> None:
    name = product.deployment.environment if product.deployment else "production"
    record(connection, run, [event(run, kind, fingerprint, {
        "description": description, "environment": {"id": name}, "service": {"id": product.name}})])
