"""What tests that kill share: the processes of a stage, and what its ledger says whenever that was."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import NullPool, create_engine, select, text
from sqlalchemy.exc import OperationalError

from include.ledger.engine import reading
from include.ledger.tables import metadata
from tests.loop.stage import PATIENCE, Stage

TITLE = re.compile(r"airflow worker -- ([0-9a-f-]{36})\s*")  # how Airflow names the process of a task instance
# What a run's own id and time show in: all else must be equal.
OWN = {"run_id", "at", "heard_at", "created_at", "updated_at", "started_at", "finished_at", "first_at", "last_at", "result"}
OWN_KEYS = {"scopes": {"id"}, "scope_items": {"scope_id"}, "deployments": {"id"}, "deployment_steps": {"deployment_id"},
            "events": {"id", "body", "subject"}, "decisions": {"subject"}, "cursors": {"value"}, "checks": {"evidence", "digest"},
            "delivery_metrics": {"since", "evidence", "value"}, "releases": {"sbom", "provenance"},
            "themes": {"trend", "trend_low", "trend_high"}, "reports": {"id", "since", "numbers", "digest", "files"}}


def facts(stage: Stage) -> dict[str, list[str]]:
    """Every row of the ledger but for what its run's id and time show in."""
    found: dict[str, list[str]] = {}
    with reading(stage.ledger) as connection:
        for table in metadata.sorted_tables:
            columns = [column for column in table.columns if column.name not in OWN | OWN_KEYS.get(table.name, set())]
            rows = connection.execute(select(*columns)).mappings() if columns else []
            found[table.name] = sorted(json.dumps(_timeless(dict(row)), default=str, ensure_ascii=False) for row in rows)
    return found


def _timeless(value: Any) -> Any:
    """`value` without when the run heard what it rests on."""
    if isinstance(value, dict):
        return {name: _timeless(item) for name, item in value.items() if name != "heard"}
    return value


def whole_turn(stage: Stage, timeout: float = PATIENCE) -> None:
    """A night, a release, a look at the support desk's clocks, and a night in which the shop runs and nothing is new."""
    stage.turn(timeout=timeout)
    stage.turn("release", timeout=timeout, product="shop")
    stage.turn("support_clock", timeout=timeout)
    stage.turn(timeout=timeout)


@contextmanager
def beside(hunt: Callable[[threading.Event], None]) -> Iterator[None]:
    """`hunt` runs beside the block, until its event is set at the block's end; what it raised is raised then."""
    done = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        hunting = pool.submit(hunt, done)
        try:
            yield
        finally:
            done.set()
        hunting.result()


@dataclass(frozen=True)
class Task:
    """A task instance that runs in a process of its own."""

    pid: int
    dag_id: str
    task_id: str
    try_number: int


def tasks(stage: Stage) -> list[Task]:
    """The tasks that run on a stage now."""
    titles = [(pid, TITLE.fullmatch(title(pid))) for pid in stage.airflow.processes()]
    found = [(pid, match[1]) for pid, match in titles if match]
    return [task for pid, instance in found if (task := _task(stage, pid, instance))]


def title(pid: int) -> str:
    """A process's command line; empty where it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def _task(stage: Stage, pid: int, instance: str) -> Task | None:
    """Read where the scheduler wrote it, since the quickest tasks last half a second; None while its database is away."""
    engine = create_engine(stage.airflow.env()["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"], poolclass=NullPool)
    query = text("select dag_id, task_id, try_number from task_instance where replace(cast(id as varchar), '-', '') = :id")
    with suppress(OperationalError), engine.connect() as database:
        row = database.execute(query, {"id": instance.replace("-", "")}).one_or_none()
        return Task(pid, *row) if row else None
    return None
