"""`python -m tests.loop.chaos`: whole turns of the loop while its processes are killed at random, with -9.

Where: `--place`, the embedded default, or Celery workers with PostgreSQL and Redis, which are killed too,
and with an S3 that is away for some seconds.

A calm turn first; then turns on stages of their own until there were enough kills. After each: no run failed, every invariant of
the ledger holds, nothing but the running version is served, and the ledger equals the calm one. What is killed: tasks; Airflow's
scheduler (with the tasks that run under it, as a container's end would), api-server, dag-processor and triggerer; and, while no
deployment compares versions, HAProxy and the shop's replicas. A task is tried three times, and one that is lost with its
scheduler may be counted twice, so only first tries are killed. Nobody is asked: what a person had decided by the time that a
rule looked is no fact of the turn.
"""

import argparse
import json
import logging
import os
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from include.targets.supervision import MARK
from local.airflow import RefusedError, wait_until
from tests.loop.killing import beside, facts, tasks, title, whole_turn
from tests.loop.place import PLACES
from tests.loop.stage import SETTINGS, Stage, staged

PAUSES = (0.5, 3.0)  # seconds between kills
SERVICES = ("scheduler", "dag-processor", "triggerer", "api-server", "worker")
AT_ONCE = ("scheduler", "api-server", "worker", "postgres", "redis", "s3")  # they take tasks with them: three tries each
SHOP = ("haproxy", "replica")
CELERY = {"worker": 2.0, "postgres": 1.0, "redis": 1.0, "s3": 1.0}  # where there are such
KINDS = {"task": 6.0, "scheduler": 2.0, "dag-processor": 1.0, "triggerer": 1.0, "api-server": 2.0, "haproxy": 1.0, "replica": 1.0}
# A lost process is noticed within seconds, not minutes; a task waits for an api-server that comes back.
QUICK = SETTINGS | {
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "2", "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "10", "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "60", "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "5",
    "AIRFLOW__WORKERS__EXECUTION_API_RETRIES": "12", "AIRFLOW__WORKERS__MAX_FAILED_HEARTBEATS": "20"}


class Chaos:
    """Kills processes of one stage, each after a random pause; `killed` says how many of each kind."""

    def __init__(self, stage: Stage, random: Random, most: int) -> None:
        self.stage, self.random, self.most = stage, random, most
        self.killed: Counter[str] = Counter()
        self.kinds = KINDS | (CELERY if stage.place.queues else {})
        self._calling = threading.Lock()  # the harness asks nothing of an api-server that is dead

    @contextmanager
    def loose(self) -> Iterator[None]:
        """Kills for the length of the block."""
        self.stage.airflow._request = self._alone(self.stage.airflow._request)
        with beside(self._hunt):
            yield

    def _alone(self, request: Callable[..., Any]) -> Callable[..., Any]:
        def alone(*args: Any) -> Any:
            with self._calling:
                wait_until(self._answers, 120, "the api-server did not come back")
                return request(*args)
        self._request = request
        return alone

    def _hunt(self, done: threading.Event) -> None:
        while not done.wait(self.random.uniform(*PAUSES)) and self.killed.total() < self.most:
            kind = self.random.choices(list(self.kinds), list(self.kinds.values()))[0]
            self.killed[kind] += self._kill(kind)

    def _kill(self, kind: str) -> bool:
        """Whether one of this kind was there to be killed."""
        running = tasks(self.stage)
        if kind in AT_ONCE and any(task.try_number > 1 for task in running):
            return False
        if kind in self.stage.place.kill or kind == "api-server":
            with self._calling:
                return self._kill_what_answers(kind)
        if kind in SERVICES:
            there = self._services(kind)
            return bool(there) and _shot(self.random.choice(there))
        if kind in SHOP:
            compared = any(task.dag_id in {"deployment", "rollback", "build_and_test"} for task in running)
            there = [] if compared else self._shop(kind)
            return bool(there) and _shot(self.random.choice(there))
        there = [task.pid for task in running if task.try_number == 1]
        return bool(there) and _shot(self.random.choice(there))

    def _kill_what_answers(self, kind: str) -> bool:
        if kind in self.stage.place.kill:
            self.stage.place.kill[kind]()
            return True
        return any(_shot(pid) for pid in self._services(kind))

    def _answers(self) -> bool:
        try:
            return bool(self._request("GET", "/api/v2/monitor/health")["metadatabase"]["status"] == "healthy")
        except (OSError, RefusedError):
            return False

    def _services(self, name: str) -> list[int]:
        """The process of a service: a child of the process that keeps them."""
        airflow, said = self.stage.airflow, "celery worker" if name == "worker" else f"airflow {name}"
        keeper = airflow.keeper()
        return [pid for pid in airflow.processes() if _parent(pid) == keeper and said in title(pid).replace("_", "-")]

    def _shop(self, kind: str) -> list[int]:
        """HAProxy, or the replicas, of this stage's shop."""
        said, home = "haproxy" if kind == "haproxy" else "shop.py --port", f"{MARK}={self.stage.home / 'run'}/"
        return [pid for pid in _everybody() if said in title(pid) and home in _environment(pid)]


def _everybody() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _parent(pid: int) -> int:
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return 0


def _environment(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace")
    return ""


def _shot(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def calm(folder: Path, now: datetime, approval: str = "automatic", place: str | None = None) -> tuple[dict[str, list[str]], str]:
    """What an undisturbed turn leaves in the ledger, and its secrets."""
    with staged(folder, approval, now, place=place) as stage:
        whole_turn(stage)
        return facts(stage), (stage.home / "secrets.json").read_text()


def harsh(folder: Path, now: datetime, undisturbed: dict[str, list[str]], secrets: str, random: Random,
          kills: int, approval: str = "automatic", place: str | None = None) -> dict[str, Any]:
    """One turn with up to `kills` kills: what was killed, how long it took (s), and whatever is not as it should be."""
    with staged(folder, approval, now, secrets, QUICK, place) as stage:
        chaos, begun = Chaos(stage, random, kills), time.monotonic()
        with chaos.loose():
            whole_turn(stage, timeout=900)
        took = time.monotonic() - begun
        found = facts(stage)
        different = {table: [row for row in found[table] if row not in undisturbed[table]][:3]
                     for table in found if found[table] != undisturbed[table]}
        return {"killed": dict(chaos.killed), "seconds": round(took), "failed": stage.loop.failures(),
                "broken": [f"{item.invariant}: {item.rows[:3]}" for item in stage.broken()], "different": different}


def main() -> int:
    """Turn after turn until `--kills`; a JSON line each, and 1 where anything was not as it should be."""
    parser = argparse.ArgumentParser("python -m tests.loop.chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--place", choices=list(PLACES))
    given = parser.parse_args()
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # S3's server tells of each request
    random, total, wrong = Random(given.seed), Counter[str](), 0
    now = datetime.now(UTC)
    sys.stdout.write(f'{{"seed": {given.seed}}}\n')
    with tempfile.TemporaryDirectory(prefix="chaos") as folder:
        undisturbed, secrets = calm(Path(folder) / "calm", now, place=given.place)
        turn = 0
        while total.total() < given.kills and not wrong:
            turn += 1
            result = harsh(Path(folder) / f"turn{turn}", now, undisturbed, secrets, random, given.kills - total.total(),
                           place=given.place)
            total.update(result["killed"])
            wrong = sum(bool(result[name]) for name in ("failed", "broken", "different"))
            sys.stdout.write(json.dumps({"turn": turn} | result) + "\n")
            sys.stdout.flush()
    kinds = ", ".join(f"{kind} {number}" for kind, number in total.most_common() if number)
    sys.stdout.write(json.dumps({
        "claim": "Whatever is killed, a turn ends as a calm one: no run fails, every invariant holds, the ledger is the same",
        "command": "make chaos" + (f" PLACE={given.place}" if given.place else ""),
        "found": f"{total.total()} kills with -9 ({kinds}) on {turn} stages; {wrong} of them wrong"}) + "\n")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
