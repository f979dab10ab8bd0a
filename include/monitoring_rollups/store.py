"""Rollups in the ledger: by minute, hour and day (UTC), added to what is there, and kept as long as the product says."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, Table, delete, select

from include.ledger.engine import upsert
from include.ledger.tables import coarse_rollups, rollups
from include.monitoring_rollups.histogram import quantile
from include.monitoring_rollups.rollup import Group, Rollup
from include.product import Product

Groups = Mapping[Group, Rollup]
Span = Literal["hour", "day"]
SPANS: tuple[Span, ...] = ("hour", "day")


def add(connection: Connection, product: str, groups: Groups) -> None:
    """Add the rollups of some minutes to those that are there, in each bucket that they fall into, however late they come."""
    _add(connection, rollups, {"product": product}, groups)
    for span in SPANS:
        _add(connection, coarse_rollups, {"product": product, "span": span}, coarser(groups, span))


def coarser(groups: Groups, span: Span) -> dict[Group, Rollup]:
    """The rollups of whole hours or days. Pure."""
    found: dict[Group, Rollup] = {}
    for (minute, version, route), rollup in groups.items():
        group = (start_of(minute, span), version, route)
        found[group] = found[group] + rollup if group in found else rollup
    return found


def start_of(minute: datetime, span: Span) -> datetime:
    """When the hour or the day (UTC) of `minute` began."""
    return minute.replace(minute=0) if span == "hour" else minute.replace(hour=0, minute=0)


def forget(connection: Connection, product: Product, at: datetime) -> int:
    """Delete the minutes that are older than the product keeps them; hours and days stay. Returns how many rows went."""
    days = product.monitoring.keep_minutes_days
    if days is None:
        return 0
    return int(connection.execute(delete(rollups).where(
        rollups.c.product == product.name, rollups.c.minute < at - timedelta(days=days))).rowcount)


def _add(connection: Connection, table: Table, of: dict[str, str], groups: Groups) -> None:
    """Add `groups` to the rows of `table` whose columns are `of`."""
    if not groups:
        return
    starts, sums = [minute for minute, _, _ in groups], dict(groups)
    there = connection.execute(select(table).filter_by(**of).where(table.c.minute.between(min(starts), max(starts))))
    for row in there:
        group = (row.minute, row.version, row.route)
        if group in sums:
            durations = {int(bucket): count for bucket, count in row.durations.items()}
            sums[group] += Rollup(row.requests, row.errors, durations)
    upsert(connection, table, [of | _row(group, rollup) for group, rollup in sorted(sums.items())])


def _row(group: Group, rollup: Rollup) -> dict[str, Any]:
    minute, version, route = group
    durations = {str(bucket): count for bucket, count in sorted(rollup.durations.items())}
    quantiles = {name: quantile(rollup.durations, q) for name, q in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))}
    return {"minute": minute, "version": version, "route": route, "requests": rollup.requests, "errors": rollup.errors,
            "durations": durations} | quantiles
