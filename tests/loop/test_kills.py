"""A task of each DAG is killed with -9 in the middle and tried again: the ledger equals an undisturbed one."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.loop.killing import Task, facts, tasks, whole_turn
from tests.loop.stage import Stage, staged

pytestmark = [pytest.mark.airflow, pytest.mark.loop, pytest.mark.timeout(900)]
# Seconds into a task at which it is killed, where it lasts long enough: in the middle of what it does.
INTO = {"voc_aggregation": 1.0, "build_and_test": 0.1, "compliance_checks": 0.8, "deployment": 0.5}


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
        due: dict[Task, float] = {}  # when to kill which task: several run side by side, and none may be waited for
        while not done.wait(0.005):
            for task in tasks(self.stage):
                at = due.setdefault(task, time.monotonic() + INTO.get(task.dag_id, 0))
                if task.try_number == 1 and task.dag_id not in self.killed and time.monotonic() >= at:
                    with suppress(ProcessLookupError):  # it has just ended: the next one, then
                        os.kill(task.pid, signal.SIGKILL)
                        self.killed[task.dag_id] = task.task_id


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
