"""A task of each DAG is killed with -9 in the middle and tried again: the ledger equals an undisturbed one."""

import json
import os
import re
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from include.ledger.engine import reading
from include.ledger.tables import metadata
from tests.loop.stage import Stage, staged

pytestmark = [pytest.mark.airflow, pytest.mark.loop, pytest.mark.timeout(900)]
TITLE = re.compile(r"airflow worker -- ([0-9a-f-]{36})\s*")  # how Airflow names the process of a task instance
# Seconds into a task at which it is killed, where it lasts long enough: in the middle of what it does.
INTO = {"voc_aggregation": 1.0, "build_and_test": 0.1, "compliance_checks": 0.8, "deployment": 0.5}
# What a run's own id and time show in: all else must be equal.
OWN = {"run_id", "at", "heard_at", "created_at", "updated_at", "started_at", "finished_at", "first_at", "last_at", "result"}
OWN_KEYS = {"scopes": {"id"}, "scope_items": {"scope_id"}, "deployments": {"id"}, "deployment_steps": {"deployment_id"},
            "events": {"id", "body", "subject"}, "decisions": {"subject"}, "cursors": {"value"}, "checks": {"evidence", "digest"},
            "delivery_metrics": {"since", "evidence", "value"}, "releases": {"sbom", "provenance"},
            "themes": {"trend", "trend_low", "trend_high"}}


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


def whole_turn(stage: Stage) -> None:
    stage.turn()
    stage.turn("release", product="shop")
    stage.turn("support_clock")


class Killer:
    """Kills one first try of a task of each DAG, some way into it."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.killed: dict[str, str] = {}

    @contextmanager
    def loose(self) -> Iterator[None]:
        done = threading.Event()
        hunting = threading.Thread(target=self._hunt, args=(done,))
        hunting.start()
        try:
            yield
        finally:
            done.set()
            hunting.join()

    def _hunt(self, done: threading.Event) -> None:
        due: dict[tuple[int, str], float] = {}  # when to kill which task: several run side by side, and none may be waited for
        while not done.wait(0.005):
            for task in self._tasks():
                dag_id, task_id, try_number = self._task(task[1])
                at = due.setdefault(task, time.monotonic() + INTO.get(dag_id, 0))
                if try_number == 1 and dag_id not in self.killed and time.monotonic() >= at:
                    with suppress(ProcessLookupError):  # it has just ended: the next one, then
                        os.kill(task[0], signal.SIGKILL)
                        self.killed[dag_id] = task_id

    def _tasks(self) -> list[tuple[int, str]]:
        """The processes of this stage's tasks: (pid, task instance id)."""
        titles = [(pid, _title(pid)) for pid in self.stage.airflow.processes()]
        return [(pid, match[1]) for pid, title in titles if (match := TITLE.fullmatch(title))]

    def _task(self, instance: str) -> tuple[str, str, int]:
        """The DAG, the task and the try; read where the scheduler wrote it, since the quickest tasks last half a second."""
        with closing(sqlite3.connect(f"file:{self.stage.home}/airflow/airflow.db?mode=ro", uri=True, timeout=10)) as database:
            row = database.execute("select dag_id, task_id, try_number from task_instance where replace(id, '-', '') = ?",
                                   [instance.replace("-", "")]).fetchone()
        found: tuple[str, str, int] = row
        return found


def _title(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def test_killed_tasks_leave_the_same_ledger(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    with staged(tmp_path / "calm", now=now) as calm:
        whole_turn(calm)
        undisturbed = facts(calm)
    secrets = (calm.home / "secrets.json").read_text()
    with staged(tmp_path / "harsh", now=now, secrets=secrets) as harsh:
        killer = Killer(harsh)
        with killer.loose():
            whole_turn(harsh)
        tried_again = {task["dag_id"] for run in harsh.loop.runs() for task in harsh.loop.tasks(run) if task["try_number"] > 1}
        assert set(killer.killed) == {run["dag_id"] for run in harsh.loop.runs()}
        assert tried_again == set(killer.killed)
        assert set().union(*harsh.states().values()) == {"success"}
        assert harsh.broken() == []
        found = facts(harsh)
        assert {table: found[table] for table in found if found[table] != undisturbed[table]} == {}
    assert len(undisturbed["voices"]) >= 50
    assert len(undisturbed["deployments"]) == 1
