"""Many products in one night on the real scheduler: wall time, CPU and ledger a product, and a night in which nothing is new.

CLOSED_LOOP_BENCH_PRODUCTS says how many (`10,100`); CLOSED_LOOP_TEST_PLACE=celery has it on Celery and PostgreSQL instead of the
embedded default.
"""

import os
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from sqlalchemy import text

from bench.rows import row
from include.ledger.engine import connect, reading, upgrade
from local.airflow import LocalAirflow
from local.loop import Loop
from tests.loop.place import Place, chosen
from tests.loop.stage import free_ports

PRODUCTS = os.environ.get("CLOSED_LOOP_BENCH_PRODUCTS", "10,100")
VOICES = 40  # of each product
SERVICES = ("worker", "scheduler", "api_server", "dag-processor", "triggerer")
TICKS = os.sysconf("SC_CLK_TCK")
FILE = """\
name: {name}
title: {name}
owner: bench
voices:
  sources: [{{name: reviews, path: "{path}", format: csv, columns: {{id: id, text: text, written_at: at}}}}]
planning: {{capacity: 8, approval: {{by: automatic}}}}
"""
SAID = ("The coupon is not applied at checkout", "Delivery was late by two days", "쿠폰이 적용되지 않아요",
        "I love the new green tea")


@dataclass(frozen=True)
class Night:
    """What one night took: seconds, CPU seconds by service, tasks that ran, and the median wait of a task for a slot (s)."""

    wall: float
    spent: dict[str, float]
    tasks: Counter[str]
    waited: float

    @property
    def cpu(self) -> float:
        """CPU seconds of all processes."""
        return sum(self.spent.values())


def measure() -> list[dict[str, Any]]:
    """Rows for each number of products; their peer is the same figure for the smallest number: 1 is linear."""
    rows: list[dict[str, Any]] = []
    first: dict[str, float] = {}
    for count in map(int, PRODUCTS.split(",")):
        busy, idle, size = _nights(count)
        note = (f"{_told(busy, count)}; where nothing is new {_told(idle, count)}: "
                + ", ".join(f"{name} {number / count:.1f}" for name, number in sorted(idle.tasks.items())))
        for name, whole, unit in (("wall", busy.wall, "s a product"), ("cpu", busy.cpu, "CPU s a product"),
                                  ("idle_cpu", idle.cpu, "CPU s a product"), ("ledger", size / 1e6, "MB a product")):
            value = whole / count
            peer = first.setdefault(name, value)
            rows.append(row(f"scale_{count}_{name}", value, unit, f"{PRODUCTS.split(',')[0]} products", peer, count, note,
                            more_is_better=False))
            print(f"{count} products: {value:.2f} {unit} ({name})", flush=True)  # a night of many takes hours
    return rows


def _told(night: Night, count: int) -> str:
    shares = ", ".join(f"{name} {share / night.cpu:.0%}" for name, share in sorted(night.spent.items()) if share > 0)
    return (f"{night.tasks.total() / count:.1f} tasks a product, {night.cpu / night.tasks.total():.2f} CPU s a task ({shares}), "
            f"a task waited {night.waited:.1f} s for a slot (median)")


def _nights(count: int) -> tuple[Night, Night, float]:
    """A night of `count` products that are all new, one in which nothing is, and what the ledger took meanwhile (bytes)."""
    with tempfile.TemporaryDirectory(prefix="closed-loop-bench-") as temporary, chosen(Path(temporary) / "home") as place:
        folder = Path(temporary)
        upgrade(place.ledger)
        _write(folder, count)
        before = _bytes(place)
        with _airflow(folder, place) as loop:
            busy = _night(loop)
            return busy, _night(loop), _bytes(place) - before


def _write(folder: Path, count: int) -> None:
    (folder / "products").mkdir()
    for number in range(count):
        path = folder / f"p{number}.csv"
        path.write_text("id,text,at\n" + "".join(
            f"{each},{SAID[each % 4]} {each},2026-03-{1 + each % 28:02}T10:00:00Z\n" for each in range(VOICES)), encoding="utf-8")
        (folder / "products" / f"p{number}.yaml").write_text(FILE.format(name=f"p{number}", path=path))


@contextmanager
def _airflow(folder: Path, place: Place) -> Iterator[Loop]:
    airflow = LocalAirflow(folder / "home", free_ports(1), {
        "CLOSED_LOOP_PRODUCTS": str(folder / "products")} | dict(place.settings), place.queues)
    try:
        airflow.start(timeout=900)
        loop = Loop(airflow)
        loop.unpause()
        yield loop
    finally:
        airflow.stop()


def _night(loop: Loop) -> Night:
    before, cpu, begun = len(loop.runs()), _cpu(loop.airflow), time.monotonic()
    loop.trigger("nightly_cycle")
    runs = loop.rest(4 * 3600, pause=2)[before:]
    wall, spent = time.monotonic() - begun, _cpu(loop.airflow)
    assert {run["state"] for run in runs} == {"success"}, {(run["dag_id"], run["state"]) for run in runs}
    tasks = [task for run in runs for task in loop.tasks(run) if task["start_date"] and task["queued_when"]]
    waits = [(_at(task["start_date"]) - _at(task["queued_when"])).total_seconds() for task in tasks]
    return Night(wall, {name: each - cpu.get(name, 0) for name, each in spent.items()},
                 Counter(task["dag_id"] for task in tasks if not task["dag_id"].endswith("_clock")), median(waits))


def _at(value: str) -> datetime:
    return datetime.fromisoformat(value)


def _cpu(airflow: LocalAirflow) -> dict[str, float]:
    """CPU seconds that its living processes have spent, with those that they saw end, by service."""
    found: dict[str, float] = defaultdict(float)
    for pid in airflow.processes():
        with suppress(OSError):  # it has just ended
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().replace("\0", " ")
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            found[next((name for name in SERVICES if name in words), "other")] += sum(map(int, fields[11:15])) / TICKS
    return dict(found)


def _bytes(place: Place) -> float:
    engine = connect(place.ledger)
    size = {"sqlite": "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
            "postgresql": "SELECT pg_database_size(current_database())"}[engine.dialect.name]
    with reading(engine) as connection:
        return float(connection.scalar(text(size)) or 0)
