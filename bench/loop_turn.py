"""One turn of the loop, from the nightly start to a running release, beside an empty loop of the same shape."""

import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.rows import row
from local.airflow import LocalAirflow
from local.loop import Loop
from tests.loop.stage import Stage, free_ports, staged

# The same phases, assets and tasks as the loop, and nothing in them.
EMPTY = """
from airflow.sdk import Asset, PartitionedAssetTimetable, PartitionedAtRuntime, dag, task

def phase(name, schedule, publishes=None, key=None, tasks=1):
    @dag(dag_id=name, schedule=schedule, catchup=False)
    def build():
        @task(outlets=[publishes] if publishes else [])
        def last(*, outlet_events=None):
            if publishes:
                outlet_events[publishes].add_partitions(key)
        end = last()
        for number in range(tasks - 1):
            @task(task_id=f"before_{number}")
            def before(): ...
            before() >> end
    build()

asset = {name: Asset(name) for name in (
    "started", "themes", "stories", "dependencies", "scope", "candidate", "compliant", "accepted", "deployed")}
on = lambda condition: PartitionedAssetTimetable(assets=condition)
phase("nightly_cycle", PartitionedAtRuntime(), asset["started"], "shop")
phase("voc_aggregation", on(asset["started"]), asset["themes"], "shop")
phase("story_writing", on(asset["themes"]), asset["stories"], "shop")
phase("dependency_management", on(asset["stories"]), asset["dependencies"], "shop")
phase("scope_planning", on(asset["dependencies"]), asset["scope"], "shop", tasks=3)
phase("build_and_test", on(asset["scope"]), asset["candidate"], "shop|1.0.0")
phase("compliance_checks", on(asset["candidate"] | asset["started"]), asset["compliant"], "shop|1.0.0")
phase("user_testing", on(asset["candidate"] | asset["started"]), asset["accepted"], "shop|1.0.0", tasks=3)
phase("deployment", on(asset["candidate"] & asset["compliant"] & asset["accepted"]), asset["deployed"], "shop|1.0.0", tasks=2)
phase("monitoring_rollups", on(asset["deployed"] | asset["started"]))
phase("outcome_review", on(asset["themes"] | asset["started"]))
phase("customer_support", on(asset["started"]))
"""


def measure() -> dict[str, Any]:
    """Seconds from the trigger to the last run's end, for the sample shop."""
    with tempfile.TemporaryDirectory(prefix="closed-loop-bench-") as temporary:
        empty = _empty(Path(temporary) / "empty")
        with staged(Path(temporary) / "full") as stage:
            full = _turn(stage.loop)
            voices = _heard(stage)
    return row("loop_turn", full, "s", "an empty loop of the same shape", empty, 1,
               f"{voices} voices to a deployed release", more_is_better=False)


def _empty(folder: Path) -> float:
    (folder / "dags").mkdir(parents=True)
    (folder / "dags" / "loop.py").write_text(EMPTY)
    airflow = LocalAirflow(folder / "home", free_ports(1), {"AIRFLOW__CORE__DAGS_FOLDER": str(folder / "dags")})
    try:
        airflow.start()
        loop = Loop(airflow, dags=12)
        loop.unpause()
        return _turn(loop)
    finally:
        airflow.stop()


def _turn(loop: Loop) -> float:
    loop.trigger("nightly_cycle")
    runs = loop.rest(240)
    assert {run["state"] for run in runs} == {"success"}, [(run["dag_id"], run["state"]) for run in runs]
    begin, end = min(run["queued_at"] for run in runs), max(run["end_date"] for run in runs)
    return (datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds()


def _heard(stage: Stage) -> int:
    from include.ledger.tables import voices

    return len(stage.rows(voices))
