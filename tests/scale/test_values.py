"""deploy/values.yaml says only what Airflow's chart and this Airflow know; the image starts what the chart tells it to start.

There is no Helm here: the keys are those of the chart's published values.schema.json, and nothing is rendered.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(120)]
ROOT = Path(__file__).resolve().parents[2]
# What is used of the chart; `*`: what Kubernetes or airflow.cfg define.
CHART = {
    "executor", "airflowVersion", "airflowHome", "allowPodLaunching", "postgresql.enabled", "redis.enabled",
    "data.metadataSecretName", "fernetKeySecretName", "apiSecretKeySecretName", "jwtSecretName", "secret", "env", "volumes",
    "volumeMounts", "logs.persistence.enabled", "logs.persistence.size", "config.*", "securityContexts.pod.*",
    "securityContexts.containers.*", "workers.resources.*", "triggerer.persistence.enabled", "statsd.enabled",
    "createUserJob.defaultUser.enabled"}
KNOWN = """
import json, sys
from airflow.configuration import conf
from airflow.executors.executor_loader import ExecutorLoader
executor, options = json.load(sys.stdin)
ExecutorLoader.import_executor_cls(ExecutorLoader.lookup_executor_name_by_str(executor))
described = conf.configuration_description
print("unknown:", [pair for pair in options if pair[1] not in described.get(pair[0], {"options": {}})["options"]])
"""


@pytest.fixture
def values() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "values.yaml").read_text())
    return found


def leaves(tree: Any, path: str = "") -> set[str]:
    if not isinstance(tree, dict):
        return {path}
    return {leaf for name, item in tree.items() for leaf in leaves(item, f"{path}.{name}".lstrip("."))}


def test_the_chart_knows_every_key(values: dict[str, Any]) -> None:
    open_ended = tuple(key[:-1] for key in CHART if key.endswith("*"))
    assert {leaf for leaf in leaves(values) if leaf not in CHART and not leaf.startswith(open_ended)} == set()
    assert all(set(item) == {"envName", "secretName", "secretKey"} for item in values["secret"])


def test_this_airflow_knows_every_setting_and_the_executor(values: dict[str, Any], tmp_path: Path) -> None:
    options = [[section, option] for section, there in values["config"].items() for option in there]
    bare = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    done = subprocess.run([sys.executable, "-c", KNOWN], input=json.dumps([values["executor"], options]), capture_output=True,
                          text=True, env=bare | {"AIRFLOW_HOME": str(tmp_path), "AIRFLOW__CORE__EXECUTOR": values["executor"]})
    assert (done.stdout, done.returncode) == ("unknown: []\n", 0), done.stderr
    assert f"apache-airflow=={values['airflowVersion']}\n" in (ROOT / "requirements.txt").read_text()


def test_every_secret_comes_from_a_kubernetes_secret(values: dict[str, Any]) -> None:
    given = {item["envName"] for item in values["secret"]} | {item["name"] for item in values["env"]}
    assert given >= {"AIRFLOW_CONN_LEDGER", "AIRFLOW_CONN_AUTHOR_KEY", "AIRFLOW_CONN_CONTACT_KEY", "AIRFLOW_CONN_SIGNING_KEY",
                     "AIRFLOW_VAR_ARTIFACTS", "CLOSED_LOOP_HOME", "CLOSED_LOOP_PRODUCTS"}
    assert not [item for item in values["env"] if any(word in item["name"] for word in ("KEY", "SECRET", "PASSWORD", "CONN"))]


@pytest.mark.parametrize(("words", "starts"), [
    (["bash", "-c", "exec airflow api-server"], "airflow api-server"),  # the chart's own words
    (["python", "-m", "airflow.sdk.execution_time.execute_workload", "--json-string", "{}"],
     "python -m airflow.sdk.execution_time.execute_workload --json-string {}"),  # a pod of the KubernetesExecutor
    (["celery", "worker", "--queues", "docker"], "airflow celery worker --queues docker"),  # compose.yaml's
    (["airflow", "version"], "airflow version"), ([], "airflow"),
])
def test_the_image_starts_what_it_is_told(tmp_path: Path, words: list[str], starts: str) -> None:
    for name in ("airflow", "python"):
        (tmp_path / name).write_text(f'#!/bin/sh\necho {name} "$@"\n')
        (tmp_path / name).chmod(0o755)
    done = subprocess.run(["sh", str(ROOT / "deploy" / "entrypoint.sh"), *words], capture_output=True, text=True, check=True,
                          env={"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert done.stdout.strip() == starts
