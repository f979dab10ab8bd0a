"""What is killed with -9, a task of each DAG or anything at random, runs again: the ledger equals an undisturbed one."""

import os
import signal
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from tests.loop.chaos import calm, harsh
from tests.loop.killing import Task, beside, facts, tasks, whole_turn
from tests.loop.stage import PATIENCE, Stage, staged

pytestmark = [pytest.mark.airflow, pytest.mark.loop, pytest.mark.timeout(6 * PATIENCE)]
# Seconds into a task at which it is killed, where it lasts long enough: in the middle of what it does.
INTO = {"voc_aggregation": 1.0, "build_and_test": 0.1, "compliance_checks": 0.8, "deployment": 0.5}


class Killer:
    """Kills one first try of a task of each DAG, some way into it."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.killed: dict[str, str] = {}

    def hunt(self, done: threading.Event) -> None:
        due: dict[Task, float] = {}  # when to kill which task: several run side by side, and none may be waited for
        while not done.wait(0.005):
            for task in tasks(self.stage):
                at = due.setdefault(task, time.monotonic() + INTO.get(task.dag_id, 0))
                if task.try_number == 1 and task.dag_id not in self.killed and time.monotonic() >= at:
                    with suppress(ProcessLookupError):  # it has just ended: the next one, then
                        os.kill(task.pid, signal.SIGKILL)
                        self.killed[task.dag_id] = task.task_id


@pytest.fixture(scope="module")
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, now: datetime) -> tuple[dict[str, list[str]], str]:
    """What a calm turn leaves in the ledger, and its secrets."""
    found, secrets = calm(tmp_path_factory.mktemp("calm"), now, "automatic")
    assert len(found["voices"]) >= 50
    assert len(found["deployments"]) == 1
    return found, secrets


def test_killed_tasks_leave_the_same_ledger(tmp_path: Path, now: datetime, undisturbed: tuple[dict[str, list[str]], str]) -> None:
    calm_facts, secrets = undisturbed
    with staged(tmp_path, now=now, secrets=secrets) as stage:
        killer = Killer(stage)
        with beside(killer.hunt):
            whole_turn(stage)
        tried_again = {task["dag_id"] for run in stage.loop.runs() for task in stage.loop.tasks(run) if task["try_number"] > 1}
        assert {run["dag_id"] for run in stage.loop.runs()} - set(killer.killed) <= {"alert_clock"}  # it may have begun just now
        assert tried_again <= set(killer.killed)
        assert len(tried_again) >= len(killer.killed) - 2  # one that was killed as it ended was done already
        assert set().union(*stage.states().values()) == {"success"}
        assert stage.broken() == []
        found = facts(stage)
        assert {table: found[table] for table in found if found[table] != calm_facts[table]} == {}


def test_random_kills_leave_the_same_ledger(tmp_path: Path, now: datetime, undisturbed: tuple[dict[str, list[str]], str]) -> None:
    """`make chaos`, short."""
    found = harsh(tmp_path, now, *undisturbed, Random(now.timestamp()), kills=6)
    assert sum(found["killed"].values()) > 0
    assert (found["failed"], found["broken"], found["different"]) == ([], [], {})
