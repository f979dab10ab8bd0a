"""Turning the loop on an embedded Airflow: start a phase, answer its questions, watch its runs until it rests."""

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from local.airflow import ROOT, LocalAirflow, RefusedError, wait_until

DAGS = ROOT / "dags"
ACTIVE = ("queued", "running")
PARKED = timedelta(seconds=1.5)
LOOKS = 3  # looks in a row that find nothing, until the loop is said to rest
Observer = Callable[[dict[str, Any]], None]


@dataclass
class Loop:
    """The loop's DAGs on a running Airflow."""

    airflow: LocalAirflow
    dags: int = field(default_factory=lambda: sum("@dag(" in path.read_text() for path in DAGS.glob("*.py")))
    seen: dict[str, str] = field(default_factory=dict)  # run: the state that was observed last

    def unpause(self) -> None:
        """Wait until every DAG has been read, and let them run."""
        wait_until(lambda: self.airflow.api("GET", "/dags?limit=1")["total_entries"] >= self.dags, 600, "DAGs are missing")
        self.airflow.api("PATCH", "/dags?dag_id_pattern=%25", {"is_paused": False})

    def trigger(self, dag_id: str, key: str | None = None, **conf: Any) -> str:
        """Start a run by hand, as the web UI's form does; returns its run id."""
        body = {"logical_date": None, "conf": conf, "partition_key": key}
        run_id: str = self.airflow.api("POST", f"/dags/{dag_id}/dagRuns", body)["dag_run_id"]
        return run_id

    def runs(self, states: Iterable[str] = ()) -> list[dict[str, Any]]:
        """All runs of all DAGs, oldest first; those in `states` alone, where they are given."""
        found: list[dict[str, Any]] = []
        which = "".join(f"&state={state}" for state in states)
        while True:
            page = self.airflow.api("GET", f"/dags/~/dagRuns?order_by=id&limit=100&offset={len(found)}{which}")
            found += page["dag_runs"]
            if not page["dag_runs"] or len(found) >= page["total_entries"]:
                return found

    def tasks(self, run: dict[str, Any]) -> list[dict[str, Any]]:
        """The task instances of a run."""
        path = f"/dags/{run['dag_id']}/dagRuns/{quote(run['dag_run_id'], safe='')}/taskInstances"
        found: list[dict[str, Any]] = self.airflow.api("GET", path)["task_instances"]
        return found

    def log(self, task: dict[str, Any]) -> str:
        """The log of a task instance's last try, as JSON text."""
        path = (f"/dags/{task['dag_id']}/dagRuns/{quote(task['dag_run_id'], safe='')}/taskInstances/{task['task_id']}"
                f"/logs/{task['try_number']}?map_index={task['map_index']}&full_content=true")
        return json.dumps(self.airflow.api("GET", path), ensure_ascii=False)

    def failures(self) -> list[str]:
        """What failed so far, as `DAG task: the end of its log`; a task that failed because of another one is left out."""
        return [f"{task['dag_id']} {task['task_id']}: {self.log(task)[-3000:]}"
                for run in self.runs() if run["state"] == "failed"
                for task in self.tasks(run) if task["state"] == "failed"]

    def events(self) -> list[tuple[str, str]]:
        """Every asset event, oldest first, as (asset, key). To be asked at rest: Airflow 3.3.2 answers with an error while a run
        that an event started has not begun."""
        found: list[dict[str, Any]] = []
        while True:
            page = self.airflow.api("GET", f"/assets/events?order_by=timestamp&limit=100&offset={len(found)}")
            found += page["asset_events"]
            if not page["asset_events"] or len(found) >= page["total_entries"]:
                return [(event["name"], event["partition_key"]) for event in found]

    def questions(self) -> list[dict[str, Any]]:
        """What waits for a person, once its task waits too.

        Airflow 3.3.2 shows a question a moment before that. On SQLite, which locks no rows, an answer in this moment is recorded
        and the task waits for ever.
        """
        found = self.airflow.api("GET", "/dags/~/dagRuns/~/hitlDetails?response_received=false")["hitl_details"]
        return [question for question in found if question["task_instance"]["state"] == "awaiting_input"]

    def answer(self, question: dict[str, Any], option: str = "Accept", note: str = "", **fields: str) -> None:
        """Answer a question as the signed-in user; `fields` of its form that aren't given stay as they are shown."""
        task = question["task_instance"]
        path = (f"/dags/{task['dag_id']}/dagRuns/{quote(task['dag_run_id'], safe='')}/taskInstances/{task['task_id']}"
                f"/{task['map_index']}/hitlDetails")
        self.airflow.api("PATCH", path, {"chosen_options": [option], "params_input": {"note": note, **fields}})

    def rest(self, timeout: float, observe: Observer | None = None, answer: Observer | None = None,
             leave: bool = False, pause: float = 0.3) -> list[dict[str, Any]]:
        """Wait until nothing runs and nothing is due; returns all runs. `leave`: runs that wait for a person may go on waiting.

        `observe` sees every run in every state that it comes to, `answer` every question that waits for a person; between looks
        there are `pause` seconds. Raises TimeoutError when the loop has not come to rest within `timeout` seconds.
        """
        deadline, still = time.monotonic() + timeout, 0
        while still < LOOKS:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the loop did not come to rest within {timeout:.0f} s")
            time.sleep(pause)
            due = self.airflow.due()  # before the runs: what is due now is a run by then
            runs = self.runs(() if observe or still == LOOKS - 1 else ACTIVE)  # they may be many thousands, so rarely all of them
            self._observe(runs, observe)
            left = {question["task_instance"]["dag_run_id"] for question in self.questions()} if leave else set()
            busy = due or any(run["state"] in ACTIVE and run["dag_run_id"] not in left for run in runs)
            still = 0 if busy else still + 1
            if busy and answer:
                self._answer_all(answer)
        return runs

    def _observe(self, runs: list[dict[str, Any]], observe: Observer | None) -> None:
        for run in runs:
            name = f"{run['dag_id']} {run['dag_run_id']}"
            if self.seen.get(name) != run["state"]:
                self.seen[name] = run["state"]
                if observe:
                    observe(run)

    def _answer_all(self, answer: Observer) -> None:
        for question in self.questions():
            if not self._is_parked(question):
                continue
            try:
                answer(question)
            except RefusedError as error:
                if error.status != 409:  # 409: it was answered between our look and our answer
                    raise

    def _is_parked(self, question: dict[str, Any]) -> bool:
        """Whether the scheduler had time to see that the question's task is parked: Airflow 3.3.2 takes a task that is resumed
        before for one that was killed, and asks again."""
        asked = datetime.fromisoformat(question["created_at"])
        return question["task_instance"]["state"] == "awaiting_input" and datetime.now(UTC) - asked >= PARKED
