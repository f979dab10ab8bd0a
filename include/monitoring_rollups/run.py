"""What the monitoring DAG calls: access log to rollups, error budget, and a signal where it burns."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import Connection, Engine, func, select

from include import environment
from include.connection import Connections, no_connections
from include.ledger.engine import upsert
from include.ledger.runs import Result, Run, finish, lease, result_of
from include.ledger.signals import Found, fingerprint, settle
from include.ledger.tables import cursors, releases, signals, slo_status
from include.ledger.tables import rollups as rollups_table
from include.markup import plain
from include.monitoring_rollups import store
from include.monitoring_rollups.access_log import Cursor, Reader
from include.monitoring_rollups.delivery import ledger as delivery
from include.monitoring_rollups.formats import Parse, haproxy, parser
from include.monitoring_rollups.histogram import above
from include.monitoring_rollups.openslo import Measured, load, measured
from include.monitoring_rollups.rollup import Group, Rollup, aggregate, rollups
from include.monitoring_rollups.slo import ALERTS, MIN_REQUESTS, PAGES, Burn, budget, is_over, sliced, windows, worst_burn
from include.monitoring_rollups.sources.every import cursor_name, read_all
from include.monitoring_rollups.sources.reading import Reading
from include.monitoring_rollups.watch import changed_at, share, traffic, watch
from include.product import Product, beside, slo_file


@dataclass(frozen=True)
class Intake:
    """What was read of the logs and the sources in this run, how much came of each (`heard`, by its name: the product's own
    proxy, a log's path, a source's name), and how far each was read, by its cursor's name."""

    groups: dict[Group, Rollup]
    lines: int
    heard: dict[str, int]
    malformed: int
    cursors: dict[str, dict[str, Any]]
    sources: dict[str, Reading]


def roll_up(engine: Engine, product: Product, run: Run, connections: Connections = no_connections) -> Result:
    """Roll up what was added to the product's access logs and its other sources, keep its SLO, and take its delivery metrics.

    Rollups and cursor are written in one transaction, so nothing is counted twice or lost. The result's `publish` is the
    product where its error budget has begun to burn: a signal that is open already wakes nobody. A source that can't be read
    stops no other: `problems` says why, and a later run goes on where it was. Raises InputError when the SLO file can't be read
    or says what can't be measured.
    """
    known = result_of(engine, run)
    if known is not None:
        return known
    path = slo_file(product)
    objective = measured(load(path), path) if path else None
    with lease(engine, f"monitoring:{product.name}", f"{run.run_id} {run.key}"):
        intake = _read(engine, product, run, connections)
        return finish(engine, run, lambda connection: _write(connection, product, run, intake, objective))


def _read(engine: Engine, product: Product, run: Run, connections: Connections) -> Intake:
    readers = _readers(engine, product)
    parts, heard = [], dict.fromkeys(["proxy", *(log.path for log in product.monitoring.logs)], 0)
    for name, reader in zip(heard, readers.values(), strict=True):
        for frame in reader.frames():
            heard[name] += len(frame)
            parts.append(aggregate(frame))
    sources = read_all(engine, product, run, connections)
    parts += [frame for reading in sources.values() for frame in reading.frames]
    lines = sum(heard.values()) + sum(int(frame["requests"].sum()) for item in sources.values() for frame in item.frames)
    heard |= {name: sum(map(len, [*item.frames, *item.series])) for name, item in sources.items()}
    malformed = sum(item.malformed for item in readers.values()) + sum(item.malformed for item in sources.values())
    read = {cursor_name(product, name): item.cursor for name, item in sources.items() if item.cursor is not None}
    read |= {name: item.cursor.plain() for name, item in readers.items()}
    return Intake(rollups(parts), lines, heard, malformed, read, sources)


def _readers(engine: Engine, product: Product) -> dict[str, Reader]:
    """A reader of each log, by the name of its cursor: the proxy's own, and those that the product names."""
    logs: list[tuple[str, Path, Parse]] = [(f"access_log:{product.name}", environment.access_log(product.name), haproxy)]
    for log in product.monitoring.logs:
        path = beside(product, log.path)
        digest = hashlib.sha256(str(path).encode()).hexdigest()[:16]
        logs.append((f"access_log:{product.name}:{digest}", path, parser(log)))
    with engine.connect() as connection:
        known = {row.name: row.value for row in connection.execute(
            select(cursors).where(cursors.c.name.in_([name for name, _, _ in logs])))}
    return {name: Reader(path, Cursor(**known[name]) if name in known else Cursor(), parse) for name, path, parse in logs}


def _write(connection: Connection, product: Product, run: Run, intake: Intake, objective: Measured | None) -> Result:
    store.add(connection, product.name, intake.groups)
    store.forget(connection, product, run.at)
    upsert(connection, cursors, [{"name": name, "value": value} for name, value in intake.cursors.items()])
    store.add_series(connection, product.name, [part for reading in intake.sources.values() for part in reading.series])
    result: Result = {"publish": [], "requests": intake.lines, "malformed": intake.malformed, "rollups": len(intake.groups),
                      "heard": intake.heard}
    if problems := {name: reading.problem for name, reading in intake.sources.items() if reading.problem}:
        result["problems"] = problems
    result |= _keep_slo(connection, product, run, objective) if objective else {}
    result["anomalies"] = watch(connection, product, run)
    if "opened" in result["anomalies"].values():
        result["publish"] = [product.name]
    return result | {"delivery": {metric.name: metric.value for metric in delivery.keep(connection, product, run)}}


def _keep_slo(connection: Connection, product: Product, run: Run, objective: Measured) -> Result:
    last = connection.scalar(select(func.max(slo_status.c.at)).where(
        slo_status.c.product == product.name, slo_status.c.slo == objective.name))
    counts = _counts(connection, product.name, objective, run.at)
    since = min(last or run.at, run.at) if last or counts.empty else counts.index[0].to_pydatetime()
    now = budget(counts, objective.target, objective.window, run.at)
    hour = windows(counts, objective.target, run.at, run.at)
    rate = float(hour["long"].iloc[-1]) if hour["requests"].iloc[-1] else None
    upsert(connection, slo_status, [{
        "product": product.name, "slo": objective.name, "run_id": run.run_id, "target": objective.target, "sli": now.sli,
        "budget_left": now.left, "burn_rate": rate, "requests": now.requests, "at": run.at}])
    signalled = _signal(connection, product, run, objective, counts, since)
    return {"sli": now.sli, "budget_left": now.left, "burn_rate": rate, "signal": signalled,
            "publish": [product.name] if signalled == "opened" else []}


def _counts(connection: Connection, product: str, objective: Measured, until: datetime) -> pd.DataFrame:
    """What is counted and what of it is bad by minute (or slice), over the objective's window and what an alert looks back."""
    table = rollups_table.c
    where = [table.product == product, table.minute <= until,
             table.minute > until - objective.window - timedelta(minutes=ALERTS[-1].long)]
    if objective.route:
        where.append(table.route == objective.route)
    if objective.slower is None:
        rows = [(row.minute, int(row.requests), int(row.errors)) for row in connection.execute(
            select(table.minute, func.sum(table.requests).label("requests"), func.sum(table.errors).label("errors"))
            .where(*where).group_by(table.minute).order_by(table.minute))]
    else:
        rows = [(row.minute, int(row.requests), above({int(key): n for key, n in row.durations.items()}, objective.slower))
                for row in connection.execute(select(table.minute, table.requests, table.durations).where(*where))]
    frame = pd.DataFrame(rows, columns=["minute", "requests", "errors"]).astype({"requests": "int64", "errors": "int64"})
    counts = frame.groupby("minute").sum()
    counts.index = pd.DatetimeIndex(counts.index, tz="UTC")
    return sliced(counts, objective.slice_minutes, objective.slice_target) if objective.slice_minutes else counts


def _signal(connection: Connection, product: Product, run: Run, objective: Measured, counts: pd.DataFrame,
            since: datetime) -> str | None:
    """Open, keep or resolve the one signal of this SLO; returns opened, open, resolved or None."""
    cause = f"{objective.name} burn"
    mark = fingerprint(product.name, "slo", cause)
    is_open = connection.scalar(select(signals.c.status).where(signals.c.fingerprint == mark)) == "open"
    alerts = ALERTS if product.monitoring.alert_on == "ticket" else PAGES
    enough = 1 if objective.slice_minutes else MIN_REQUESTS
    from_then = run.at if is_open else since  # one that is open is over as soon as nothing burns now
    burn = worst_burn(counts, objective.target, from_then, run.at, alerts, enough)
    over = is_open and not burn and is_over(counts, objective.target, run.at, alerts, enough)
    found = {cause: _burning(connection, product, run, objective, mark, burn)} if burn else {}
    settle(connection, product, run, "slo", found, over=[cause] if over else (), renew=True)
    return "resolved" if over else "open" if is_open else "opened" if burn else None


def _burning(connection: Connection, product: Product, run: Run, objective: Measured, mark: str, burn: Burn) -> Found:
    routes = _failing(connection, product.name, objective, burn)
    where = f", most at {plain(routes[0]['route'], 80)}" if routes else ""
    title = (f"{product.title}: {_what(burn, objective)}{where}; "
             f"the error budget of {objective.name} burns {burn.rate:.1f} times too fast")
    running = connection.scalar(select(releases.c.key).where(
        releases.c.product == product.name, releases.c.status == "deployed"))
    changed = changed_at(share(traffic(connection, product.name, run)), burn.at)
    cause = delivery.explained(connection, product, mark, burn.at, routes, changed)
    points_to = {"deployment": cause[1].deployment, "confidence": cause[1].confidence, "why": list(cause[1].why)} if cause else {}
    release = f"{product.name}|{cause[0].version}" if cause and cause[1].counts else running
    detail = {"slo": objective.name, "target": objective.target, "burn_rate": burn.rate, "requests": burn.requests,
              "errors": burn.errors, "alert": asdict(burn.alert), "worst_at": burn.at.isoformat(), "routes": routes} | points_to
    if changed:
        detail["changed_at"] = changed.isoformat()
    return Found("high" if burn.alert.severity == "page" else "medium", title, detail, release)


def _what(burn: Burn, objective: Measured) -> str:
    """What went wrong, and within which time, in words."""
    share = f"{burn.errors / burn.requests:.1%}".replace("%", " %")
    hours = burn.alert.long // 60
    within = "an hour" if hours == 1 else f"{hours} hours"
    bad = "failed" if objective.slower is None else f"took longer than {objective.slower:g} ms"
    if objective.slice_minutes:
        return f"{share} of {burn.requests} slices of {objective.slice_minutes} min were bad (requests {bad}) within {within}"
    return f"{share} of {burn.requests} requests {bad} within {within}"


def _failing(connection: Connection, product: str, objective: Measured, burn: Burn) -> Sequence[dict[str, Any]]:
    """The three routes with the most errors in the long window of `burn`."""
    table, errors = rollups_table.c, func.sum(rollups_table.c.errors)
    query = select(table.route, table.version, errors.label("errors"), func.sum(table.requests).label("requests")).where(
        table.product == product, table.minute > burn.at - timedelta(minutes=burn.alert.long), table.minute <= burn.at)
    if objective.route:
        query = query.where(table.route == objective.route)
    query = query.group_by(table.route, table.version).having(errors > 0).order_by(errors.desc(), table.route, table.version)
    return [{"route": row.route, "version": row.version, "errors": int(row.errors), "requests": int(row.requests)}
            for row in connection.execute(query.limit(3))]
