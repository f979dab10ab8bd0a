"""DAG files as Airflow reads them, with settings and a metadata database of their own."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

ROOT = Path(__file__).resolve().parents[2]
# Before anything imports Airflow.
_HOME = tempfile.mkdtemp(prefix="closed-loop-dags-")
os.environ |= {
    "AIRFLOW_HOME": _HOME, "AIRFLOW__CORE__UNIT_TEST_MODE": "True", "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"), "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{_HOME}/airflow.db",
}


@pytest.fixture(scope="session")
def bag() -> "Iterator[DagBag]":
    """Every DAG of the project."""
    from airflow.dag_processing.dagbag import DagBag

    yield DagBag(str(ROOT / "dags"))
