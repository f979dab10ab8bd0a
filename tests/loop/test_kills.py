"""A task of each DAG is killed with -9 in the middle and tried again: the ledger equals an undisturbed one."""

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from include.ledger.engine import reading
from include.ledger.tables import metadata
from local.airflow import RefusedError
from tests.loop.stage import Stage, staged

pytestmark = [pytest.mark.airflow, pytest.mark.loop, pytest.mark.timeout(900)]
TITLE = "airflow worker -- "  # and the task instance's id: how Airflow names the process of a task
# What a run's own id and time show in: all else must be equal.
OWN = {"run_id", "at", "heard_at", "created_at", "updated_at", "started_at", "finished_at", "first_at", "last_at", "result"}
OWN_KEYS = {"scopes": {"id"}, "scope_items": {"scope_id"}, "deployments": {"id"}, "deployment_steps": {"deployment_id"},
            "events": {"id", "body", "subject"}, "decisions": {"subject"}, "cursors": {"value"}, "quarantine": {"id"}}


def facts(stage: Stage) -> dict[str, list[str]]:
    """Every row of the ledger but for what its run's id and time show in."""
    found: dict[str, list[str]] = {}
    with reading(stage.ledger) as connection:
        for table in metadata.sorted_tables:
            columns = [column for column in table.columns if column.name not in OWN | OWN_KEYS.get(table.name, set())]
            rows = connection.execute(select(*columns)).mappings() if columns else []
            found[table.name] = sorted(json.dumps(dict(row), default=str, ensure_ascii=False) for row in rows)
    return found


def whole_turn(stage: Stage) -> None:
    stage.turn()
    stage.turn("release", product="shop")


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
        while not done.wait(0.02):
            for pid, instance in self._tasks():
                task = self._task(instance)
                if task and task["try_number"] == 1 and task["dag_id"] not in self.killed:
                    time.sleep(0.1 * (len(self.killed) % 4))  # now early, now late
                    self._kill(pid, instance, task)

    def _kill(self, pid: int, instance: str, task: dict[str, Any]) -> None:
        if (pid, instance) in self._tasks():
            os.kill(pid, signal.SIGKILL)
            self.killed[task["dag_id"]] = task["task_id"]

    def _tasks(self) -> list[tuple[int, str]]:
        """The processes of this stage's tasks: (pid, task instance id)."""
        titles = [(pid, _title(pid)) for pid in self.stage.airflow.processes()]
        return [(pid, title.removeprefix(TITLE).strip()) for pid, title in titles if title.startswith(TITLE)]

    def _task(self, instance: str) -> dict[str, Any] | None:
        try:
            running = self.stage.airflow.api("GET", "/dags/~/dagRuns/~/taskInstances?state=running")["task_instances"]
        except RefusedError:
            return None
        return next((task for task in running if task["id"] == instance), None)


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
    with staged(tmp_path / "harsh", now=now) as harsh:
        killer = Killer(harsh)
        with killer.loose():
            whole_turn(harsh)
        tried_again = {task["dag_id"] for run in harsh.loop.runs() for task in harsh.loop.tasks(run) if task["try_number"] > 1}
        assert set(killer.killed) == {run["dag_id"] for run in harsh.loop.runs()}
        assert tried_again == set(killer.killed)
        assert set().union(*harsh.states().values()) == {"success"}
        assert facts(harsh) == undisturbed
    assert len(undisturbed["voices"]) >= 50
    assert len(undisturbed["deployments"]) == 1
