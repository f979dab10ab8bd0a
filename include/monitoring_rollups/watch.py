"""The product's series (requests, share of errors, those of its sources), watched for what is unusual: one signal a series while
it lasts. It points to the deployment at which the level of the series changed."""

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sqlalchemy import Connection, exists, func, select

from include.ledger.runs import Run
from include.ledger.signals import Found, fingerprint, resolve, settle
from include.ledger.tables import rollups, series_minutes, signals
from include.monitoring_rollups.anomalies import QUIET, alarms, change_points, unlikely
from include.monitoring_rollups.delivery import ledger as delivery
from include.product import Product

KIND = "anomaly"
CAME = timedelta(days=1)  # a change point explains what is unusual for so long
BEHIND, STEP = timedelta(days=15), timedelta(minutes=10)
DELAY = 3 * STEP
WORDS = {"requests": "requests in ten minutes", "errors": "share of requests that failed"}


def watch(connection: Connection, product: Product, run: Run) -> dict[str, str]:
    """Open, keep or resolve the signal of each series that the product watches; what became of each, by series.

    An alarm of the last day that wasn't told yet opens one; a day without an alarm resolves it. Errors that burn an error budget
    have a signal already.
    """
    if not product.monitoring.anomalies:
        return {}
    steps = traffic(connection, product.name, run)
    busy = steps[steps["requests"] > 0]
    found = _others(connection, product, run) | {"requests": steps["requests"], "errors": share(steps)}
    among = {"errors": unlikely(busy["errors"], busy["requests"])}
    if connection.scalar(select(exists().where(
            signals.c.product == product.name, signals.c.kind == "slo", signals.c.status == "open"))):
        del found["errors"]
    return {name: state for name in product.monitoring.anomalies
            if name in found and (state := _kept(connection, product, run, name, found[name], among.get(name)))}


def _others(connection: Connection, product: Product, run: Run) -> dict[str, "pd.Series[float]"]:
    """The series of the product's sources that are watched, in steps that are over; a step without values is left out."""
    table = series_minutes.c
    rows = connection.execute(select(table.series, table.minute, table.total, table.n).where(
        table.product == product.name, table.series.in_(product.monitoring.anomalies), table.minute > run.at - BEHIND,
        table.minute <= run.at).order_by(table.minute)).all()
    frame = pd.DataFrame([tuple(row) for row in rows], columns=["series", "minute", "total", "n"])
    frame["minute"] = pd.DatetimeIndex(frame["minute"], tz="UTC").floor(STEP)
    steps = frame[frame["minute"] <= pd.Timestamp(run.at - STEP)].groupby(["series", "minute"])[["total", "n"]].sum()
    means = steps["total"] / steps["n"]
    return {name: means.xs(name) for name in means.index.unique("series")}


def traffic(connection: Connection, product: str, run: Run) -> pd.DataFrame:
    """Requests and errors in steps of ten minutes that are over."""
    table = rollups.c
    rows = connection.execute(
        select(table.minute, func.sum(table.requests).label("requests"), func.sum(table.errors).label("errors"))
        .where(table.product == product, table.minute > run.at - BEHIND, table.minute <= run.at)
        .group_by(table.minute).order_by(table.minute)).all()
    frame = pd.DataFrame([(int(row.requests), int(row.errors)) for row in rows], columns=["requests", "errors"], dtype=float,
                         index=pd.DatetimeIndex([row.minute for row in rows], tz="UTC"))
    steps = frame.resample(STEP).sum()
    return steps[steps.index <= pd.Timestamp(run.at - STEP)]


def share(steps: pd.DataFrame) -> "pd.Series[float]":
    """The share of errors where there were any requests."""
    busy = steps[steps["requests"] > 0]
    return busy["errors"] / busy["requests"]


def _kept(connection: Connection, product: Product, run: Run, name: str, values: "pd.Series[float]",
          among: NDArray[np.bool_] | None) -> str | None:
    mark = fingerprint(product.name, KIND, name)
    known = connection.execute(select(signals).where(signals.c.fingerprint == mark)).first()
    is_open = known is not None and known.status == "open"
    times = alarms(values, among=among) if len(values) else []
    if times and times[-1] + STEP > pd.Timestamp(max(known.last_at, run.at - QUIET) if known else run.at - QUIET):
        found = _unusual(connection, product, mark, name, values, times[-1])
        settle(connection, product, run, KIND, {name: found}, over=(), renew=True)
        return "open" if is_open else "opened"
    if known is None or not is_open or run.at - known.last_at < QUIET:
        return "open" if is_open else None
    resolve(connection, product, run, [known._mapping])
    return "resolved"


def _unusual(connection: Connection, product: Product, mark: str, name: str, values: "pd.Series[float]",
             at: pd.Timestamp) -> Found:
    title = (f"{product.title}: {WORDS.get(name, name)} unusual at {at:%Y-%m-%d %H:%M} UTC: {values[at]:.4g}, where "
             f"{values.median():.4g} is usual")
    release, detail = _explained(connection, product, mark, at, values)
    seen = {"series": name, "at": at.isoformat(), "value": float(values[at]), "median": float(values.median())}
    return Found("low", title, seen | detail, release)


def _explained(connection: Connection, product: Product, fingerprint: str, at: pd.Timestamp,
               values: "pd.Series[float]") -> tuple[str | None, dict[str, Any]]:
    """The release that the evidence is enough for, and what is known of where it comes from."""
    changed = changed_at(values, at)
    found = delivery.explained(connection, product, fingerprint, at.to_pydatetime(), [], changed)
    since = {"changed_at": changed.isoformat()} if changed else {}
    if found is None:
        return None, since
    deployment, why = found
    return (f"{product.name}|{deployment.version}" if why.counts else None,
            since | {"deployment": why.deployment, "confidence": why.confidence, "why": list(why.why)})


def changed_at(values: "pd.Series[float]", at: datetime) -> datetime | None:
    """When the level of a series changed to what it is at `at`: its last change point within a day before, or a few steps after
    where that is as near as it can be told; None where there is none."""
    found = [point for point in change_points(values) if at - CAME <= point <= at + DELAY]
    return found[-1].to_pydatetime() if found else None
