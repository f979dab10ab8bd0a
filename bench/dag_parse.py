"""Import all DAG files in a process that has Airflow loaded, beside as many empty DAG files."""

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.rows import row

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 7
EMPTY = """from airflow.sdk import dag, task
@dag(schedule=None, catchup=False)
def empty_{number}():
    @task
    def nothing(): ...
    nothing()
empty_{number}()
"""
READ = """
import sys, time, logging
import airflow.sdk
from airflow.dag_processing.dagbag import DagBag
logging.disable()
DagBag(sys.argv[2])
start = time.perf_counter()
bag = DagBag(sys.argv[1])
print(time.perf_counter() - start, len(bag.dags), len(bag.import_errors))
"""


def measure() -> dict[str, Any]:
    """Median seconds over fresh processes; one empty DAG has been read before, so that Airflow itself is loaded."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        count = len([path for path in (ROOT / "dags").glob("*.py") if "airflow" in path.read_text()])
        for place in ("warm", "empty"):
            (folder / place).mkdir()
        (folder / "warm" / "dag.py").write_text(EMPTY.format(number="warm"))
        for number in range(count):
            (folder / "empty" / f"dag_{number}.py").write_text(EMPTY.format(number=number))
        rounds = [(_seconds(ROOT / "dags", folder), _seconds(folder / "empty", folder)) for _ in range(ROUNDS)]
    ours, empty = (statistics.median(column) for column in zip(*rounds, strict=True))
    return row("dag_parse", ours, "s", f"{count} empty DAG files", empty, ROUNDS, f"{count} files", more_is_better=False)


def _seconds(dags: Path, folder: Path) -> float:
    environment = os.environ | {"AIRFLOW_HOME": str(folder), "AIRFLOW__CORE__LOAD_EXAMPLES": "False", "PYTHONPATH": str(ROOT),
                                "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{folder}/airflow.db"}
    done = subprocess.run([sys.executable, "-c", READ, str(dags), str(folder / "warm")], env=environment, cwd=ROOT,
                          capture_output=True, text=True, check=True)
    seconds, dag_count, errors = done.stdout.split()[-3:]
    assert int(dag_count) > 0
    assert int(errors) == 0, done.stdout
    return float(seconds)
