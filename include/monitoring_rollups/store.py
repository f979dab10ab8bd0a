"""Rollups in the ledger: by minute, hour and day (UTC), added to what is there, and kept as long as the product says."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pandas as pd
from sqlalchemy import Connection, Table, delete, select

from include.ledger.engine import upsert
from include.ledger.tables import coarse_rollups, rollups, series_minutes
from include.monitoring_rollups.histogram import quantiles
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


def add_series(connection: Connection, product: str, parts: Sequence[pd.DataFrame]) -> None:
    """Add the values of other series (columns series, minute since 1970, total, n) to those that are there."""
    found: dict[tuple[str, datetime], tuple[float, int]] = {}
    for series, minute, total, n in (row for part in parts for row in part.itertuples(index=False)):
        key = (series, datetime.fromtimestamp(minute * 60, UTC))
        before = found.get(key, (0.0, 0))
        found[key] = (before[0] + total, before[1] + n)
    if not found:
        return
    table, minutes = series_minutes.c, [minute for _, minute in found]
    for row in connection.execute(select(series_minutes).where(
            table.product == product, table.series.in_(sorted({name for name, _ in found})),
            table.minute.between(min(minutes), max(minutes)))):
        if (row.series, row.minute) in found:
            before = found[row.series, row.minute]
            found[row.series, row.minute] = (before[0] + row.total, before[1] + row.n)
    upsert(connection, series_minutes, [
        {"product": product, "series": name, "minute": minute, "total": float(total), "n": int(n)}
        for (name, minute), (total, n) in sorted(found.items())])


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
    return sum(int(connection.execute(delete(table).where(
        table.c.product == product.name, table.c.minute < at - timedelta(days=days))).rowcount)
        for table in (rollups, series_minutes))


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
    p50, p95, p99 = quantiles(rollup.durations, (0.5, 0.95, 0.99))
    return {"minute": minute, "version": version, "route": route, "requests": rollup.requests, "errors": rollup.errors,
            "durations": durations, "p50": p50, "p95": p95, "p99": p99}
