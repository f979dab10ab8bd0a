"""A turn of the loop on two Celery workers, PostgreSQL, Redis and S3: it leaves what the embedded default leaves, and is seen."""

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from include.artifacts import Artifacts
from tests.loop.killing import facts
from tests.loop.stage import SETTINGS, Stage, staged
from tests.scale.otlp import receiving

pytestmark = [pytest.mark.airflow, pytest.mark.loop, pytest.mark.timeout(900)]
ROOT = Path(__file__).resolve().parents[2]
ON_DOCKER = {("build_and_test", "build"), ("build_and_test", "test"), ("build_and_test", "join"), ("user_testing", "ask"),
             ("deployment", "deploy"), ("deployment", "settle"), ("monitoring_rollups", "roll_up"),
             ("monitoring_rollups", "check_drift"), ("rollback", "go_back"), ("preview", "show")}
PROMQL = {"sum", "rate", "by", "max", "histogram_quantile", "histogram_avg", "le"}


@dataclass
class Turned:
    """What one turn on Celery left."""

    now: datetime
    secrets: str
    databases: list[Path]
    states: set[str]
    unhealthy: list[str]
    metrics: dict[str, set[str]]
    lineage: Path
    tasks: list[dict[str, Any]]
    facts: dict[str, list[str]]
    stored: list[str]
    broken: list[Any]
    failures: list[str]


@pytest.fixture(scope="module")
def turned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Turned]:
    folder, now = tmp_path_factory.mktemp("celery"), datetime.now(UTC)
    lineage = folder / "lineage.jsonl"
    with receiving() as (url, metrics), staged(folder, now=now, place="celery", settings=SETTINGS | {
            "AIRFLOW__METRICS__OTEL_ON": "True", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": url,
            "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "http/protobuf", "OTEL_METRIC_EXPORT_INTERVAL": "3000",
            "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps({"type": "file", "log_file_path": str(lineage), "append": True}),
            }) as stage:
        stage.turn(timeout=600)
        tasks = [task for run in stage.loop.runs() for task in stage.loop.tasks(run) if task["hostname"]]
        found = Turned(now, (stage.home / "secrets.json").read_text(), list(stage.home.rglob("*.db")),
                       set().union(*stage.states().values()), unhealthy(stage), metrics, lineage, tasks, facts(stage),
                       Artifacts(stage.place.artifacts).names(), stage.broken(), stage.loop.failures())
    yield found


def unhealthy(stage: Stage) -> list[str]:
    """What the checks of compose.yaml find wrong with the services of a stage, each tried as often as compose tries it."""
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    checks = [services[name]["healthcheck"]["test"][1:] for name in ("scheduler", "dag-processor", "triggerer")]
    checks += [["sh", "-c", services[name]["healthcheck"]["test"][1].replace("$$", "$")] for name in ("worker", "worker-docker")]
    found = []
    for words in checks:
        tries = (subprocess.run(words, env=stage.airflow.env(), capture_output=True, text=True) for _ in range(5))
        if all((last := done).returncode for done in tries):
            found.append(f"{words}: {last.stdout} {last.stderr}")
    return found


def test_it_turns(turned: Turned) -> None:
    assert not turned.failures, "\n".join(turned.failures)
    assert turned.broken == []
    assert turned.databases == []  # nothing fell back to SQLite
    assert turned.states == {"success"}


def test_each_task_ran_on_the_worker_of_its_queue(turned: Turned) -> None:
    where = {(task["dag_id"], task["task_id"]): task["queue"] for task in turned.tasks}
    assert {name for name, queue in where.items() if queue == "docker"} == ON_DOCKER & set(where)
    assert {name for name, queue in where.items() if queue == "default"} == set(where) - ON_DOCKER
    assert ("deployment", "deploy") in where


def test_every_service_is_healthy_by_the_checks_of_compose(turned: Turned) -> None:
    assert turned.unhealthy == []


def test_the_dashboard_asks_for_metrics_that_there_are(turned: Turned) -> None:
    panels = json.loads((ROOT / "deploy" / "grafana-dashboard.json").read_text())["panels"]
    unknown = {}
    for query in (target["expr"] for panel in panels for target in panel["targets"]):
        words = set(re.findall(r"[a-z_]{2,}", re.sub(r"\[\w+\]", "", query))) - PROMQL
        names = {word for word in words if word.startswith("airflow_")}
        labels = set().union(*(turned.metrics.get(name, set()) for name in names))
        unknown[query] = (names - set(turned.metrics)) | (words - names - labels)
    assert {query: words for query, words in unknown.items() if words} == {}, sorted(turned.metrics.items())
    assert len(unknown) >= 8


def test_lineage_is_told_where_a_setting_says_so(turned: Turned) -> None:
    events = [json.loads(line) for line in turned.lineage.read_text().splitlines()]
    ended = {event["job"]["name"] for event in events if event["eventType"] == "COMPLETE"}
    assert {"nightly_cycle.start", "voc_aggregation.aggregate", "deployment.deploy"} <= ended
    assert {event["job"]["namespace"] for event in events} == {"default"}


def test_the_ledger_is_the_one_that_the_embedded_default_leaves(turned: Turned, tmp_path: Path) -> None:
    with staged(tmp_path / "embedded", now=turned.now, secrets=turned.secrets, place="embedded") as stage:
        stage.turn(timeout=600)
        expected = facts(stage)
    assert {table: rows for table, rows in turned.facts.items() if rows != expected[table]} == {}
    assert turned.stored
    assert len(expected["voices"]) >= 50
    assert len(expected["deployments"]) == 1
