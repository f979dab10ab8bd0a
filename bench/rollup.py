"""10 M requests in a Parquet file to rollups of 1,000 groups, beside DuckDB's exact answer and pandas; what a day more costs."""

import os
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from bench.rows import row
from include.key import Key
from include.ledger.engine import connect, upgrade
from include.ledger.runs import Run
from include.monitoring_rollups.histogram import quantiles
from include.monitoring_rollups.rollup import Group, rollups
from include.monitoring_rollups.run import roll_up
from include.monitoring_rollups.sources.tables import frames
from include.parts.monitoring import Monitoring, TableColumns, TableSource
from include.product import Product

ROWS = 10_000_000
MINUTES, VERSIONS, ROUTES = 10, 2, 50
START = datetime(2026, 3, 2, tzinfo=UTC)
SOURCE = TableSource(kind="table", name="bench", path="bench.parquet", columns=TableColumns(
    at="at", version="version", route="route", status="status", took="ms"))
QUANTILES = (0.5, 0.95, 0.99)
TIMES = 3


def write(path: Path, rows: int, start: datetime = START, minutes: int = MINUTES, routes: int = ROUTES, seed: int = 5) -> None:
    """Requests of `minutes` x VERSIONS x `routes` groups with log-normal durations, each route with its own, and 1 % errors."""
    random = np.random.default_rng(seed)
    names = [f"/route{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(routes)]
    route = random.integers(0, routes, rows)
    pq.write_table(pa.table({
        "at": int(start.timestamp() * 1000) + random.integers(0, minutes * 60_000, rows),
        "version": pa.DictionaryArray.from_arrays(random.integers(0, VERSIONS, rows, dtype="int32"), ["1.0.0", "1.1.0"]),
        "route": pa.DictionaryArray.from_arrays(route.astype("int32"), names),
        "status": np.where(random.random(rows) < 0.01, 500, 200).astype("int32"),
        "ms": np.exp(random.normal(3 + route / 25, 1.2)).astype("int64") + 1}), path)


def ours(path: Path) -> dict[Group, tuple[int, int, list[float | None]]]:
    """By our rollups: requests, errors, and quantiles within 1 %."""
    found = rollups(frames(path, SOURCE))
    return {group: (item.requests, item.errors, quantiles(item.durations, QUANTILES)) for group, item in found.items()}


def by_duckdb(path: Path) -> list[tuple[Any, ...]]:
    """Exactly, on as many threads as there are cores."""
    with duckdb.connect() as connection:
        return connection.execute(
            "select \"at\" // 60000 as minute, version, route, count(*), count(*) filter (status >= 500), "
            "quantile_disc(ms, [0.5, 0.95, 0.99]) from read_parquet(?) group by all", [str(path)]).fetchall()


def by_pandas(path: Path) -> pd.DataFrame:
    """Exactly, in memory."""
    frame = pd.read_parquet(path)
    frame["failed"] = frame["status"] >= 500
    groups = frame.assign(minute=frame["at"] // 60_000).groupby(["minute", "version", "route"], observed=True)
    counts = groups.agg(requests=("ms", "size"), errors=("failed", "sum"))
    return counts.join(groups["ms"].quantile(np.array(QUANTILES)).unstack())


def timed(work: Callable[[], Any]) -> float:
    """Seconds of the quickest of TIMES."""
    found = []
    for _ in range(TIMES):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return min(found)


def days(before: int, requests: int = 20_000) -> float:
    """Processor seconds that a run takes for the day that was added to a ledger of `before` days."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CLOSED_LOOP_HOME"] = folder
        url = f"sqlite:///{folder}/ledger.db"
        upgrade(url)
        engine, seconds = connect(url), 0.0
        shop = Product(name="shop", title="Shop", owner="us", monitoring=Monitoring(sources=[
            SOURCE.model_copy(update={"path": f"{folder}/*.parquet"})]))
        for day in range(before + 1):
            start = START + timedelta(days=day)
            write(Path(folder, f"{day:03}.parquet"), requests, start, minutes=24 * 60, routes=5)
            began = time.process_time()
            roll_up(engine, shop, Run("monitoring_rollups", f"day {day}", Key("shop"), start + timedelta(days=1)))
            seconds = time.process_time() - began
        engine.dispose()
        return seconds


def measure() -> list[dict[str, Any]]:
    """Seconds for 10 M rows beside DuckDB's and pandas's, with the worst error; and for a day after 30 beside one after one."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "requests.parquet")
        write(path, ROWS)
        exact = {(minute, version, route): (count, errors, quantiles) for minute, version, route, count, errors, quantiles
                 in by_duckdb(path)}
        found = {(int(at.timestamp()) // 60, version, route): item for (at, version, route), item in ours(path).items()}
        assert {group: item[:2] for group, item in found.items()} == {group: item[:2] for group, item in exact.items()}
        error = max(abs((mine or 0) / true - 1) for group, item in found.items()
                    for mine, true in zip(item[2], exact[group][2], strict=True))
        note = f"{len(found):,} groups; counts and errors equal, quantiles at most {error:.2%} off"
        value, peer, pandas = (timed(partial(work, path)) for work in (ours, by_duckdb, by_pandas))
    early, late = days(1), days(30)
    return [row("rollup", value, "s", "DuckDB, exact", peer, ROWS, note, more_is_better=False),
            row("rollup_pandas", value, "s", "pandas, exact", pandas, ROWS, note, more_is_better=False),
            row("rollup_day", late, "s", "the same day after one day", early, 20_000,
                "processor seconds of a run for the day that was added to 30 days", more_is_better=False)]
