"""compose.yaml: valid, without any default secret, on loopback alone, with commands and settings that this Airflow knows."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import make_url, text

from include.connection import Connection
from include.ledger.engine import connect
from local import secrets
from local.airflow import LocalAirflow

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(120)]
ROOT = Path(__file__).resolve().parents[2]
AIRFLOW = {"migrate", "api-server", "scheduler", "dag-processor", "triggerer", "worker", "worker-docker"}
KNOWN = """
import json, sys
from airflow.cli.cli_parser import get_parser
from airflow.configuration import conf
commands, settings = json.load(sys.stdin)
for command in commands:
    get_parser().parse_args(command)
described = {f"AIRFLOW__{section}__{option}".upper() for section, there in conf.configuration_description.items()
             for option in there["options"]}
print("unknown:", sorted(set(settings) - described))
"""


def compose(env_file: Path, *words: str) -> subprocess.CompletedProcess[str]:
    bare = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(["docker-compose", "--env-file", str(env_file), "-f", str(ROOT / "compose.yaml"), *words],
                          capture_output=True, text=True, env=bare, cwd=ROOT)


@pytest.fixture(scope="module")
def resolved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What compose makes of the file with new secrets."""
    path = tmp_path_factory.mktemp("compose") / ".env"
    secrets.main([str(path)])
    assert path.stat().st_mode & 0o777 == 0o600
    done = compose(path, "config")
    assert not done.returncode, done.stderr
    found: dict[str, Any] = yaml.safe_load(done.stdout)
    return found


def test_no_secret_has_a_default(tmp_path: Path) -> None:
    (tmp_path / "none").touch()
    done = compose(tmp_path / "none", "config")
    assert done.returncode
    assert "required" in done.stderr.lower() or "missing" in done.stderr.lower()
    uses = re.findall(r"\$\{(\w+)([^}]*)\}", (ROOT / "compose.yaml").read_text())
    asked = {name for name, rest in uses if rest.startswith(":?")}
    assert asked == set(secrets.made())
    assert not {name for name, rest in uses if rest.startswith(":-") and rest != ":-"} & asked


def test_what_was_made_is_not_made_again(tmp_path: Path) -> None:
    secrets.main([str(tmp_path / ".env")])
    before = (tmp_path / ".env").read_text()
    with pytest.raises(SystemExit):
        secrets.main([str(tmp_path / ".env")])
    assert (tmp_path / ".env").read_text() == before


def test_nothing_is_published_outside_loopback(resolved: dict[str, Any]) -> None:
    published = [str(port) for service in resolved["services"].values() for port in service.get("ports", [])]
    assert len(published) >= 4
    assert [port for port in published if not port.startswith("127.0.0.1:")] == []


def test_every_service_that_stays_is_watched_and_comes_back(resolved: dict[str, Any]) -> None:
    services = resolved["services"]
    assert set(services) == AIRFLOW | {"postgres", "redis", "prometheus"}
    for name in set(services) - {"migrate"}:
        assert services[name]["restart"] == "unless-stopped", name
        assert services[name]["healthcheck"]["test"], name
    assert set(resolved["volumes"]) == {"home", "postgres", "redis", "prometheus"}


def test_postgresql_is_ready_when_its_databases_are_made(resolved: dict[str, Any]) -> None:
    """The official image's first start makes them on a server that listens on a socket alone, and ends it."""
    check = resolved["services"]["postgres"]["healthcheck"]["test"]
    assert check[check.index("-h") + 1] == "127.0.0.1"


def test_a_task_waits_for_a_busy_api_server_as_it_does_embedded(resolved: dict[str, Any], tmp_path: Path) -> None:
    name = "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT"
    assert {resolved["services"][one]["environment"][name] for one in AIRFLOW} == {LocalAirflow(tmp_path).env()[name]}


def test_this_airflow_knows_every_command_and_setting(resolved: dict[str, Any], tmp_path: Path) -> None:
    services = {name: resolved["services"][name] for name in AIRFLOW}
    checks = [service["healthcheck"]["test"][1:] for service in services.values() if "healthcheck" in service]
    commands = [services[name]["command"] for name in AIRFLOW - {"migrate"}]
    commands += [check[1:] for check in checks if check[0] == "airflow"]
    settings = {name for service in services.values() for name in service["environment"] if name.startswith("AIRFLOW__")}
    assert len(commands) == 9
    assert {service["environment"]["AIRFLOW__CORE__EXECUTOR"] for service in services.values()} == {"CeleryExecutor"}
    bare = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    done = subprocess.run([sys.executable, "-c", KNOWN], input=json.dumps([commands, sorted(settings)]),
                          capture_output=True, text=True, env=bare | {"AIRFLOW_HOME": str(tmp_path)})
    assert (done.stdout, done.returncode) == ("unknown: []\n", 0), done.stderr


def test_fab_has_the_settings_of_the_helm_values(resolved: dict[str, Any]) -> None:
    """With these, tests/plugins tries who may do what."""
    fab = yaml.safe_load((ROOT / "deploy" / "values.yaml").read_text())["config"]["fab"]
    for name in AIRFLOW:
        given = resolved["services"][name]["environment"]
        assert {key: given[f"AIRFLOW__FAB__{key.upper()}"] for key in fab} == fab


def test_tasks_that_need_an_engine_have_a_worker_with_one(resolved: dict[str, Any]) -> None:
    services = resolved["services"]
    workers = {name: services[name]["command"][3] for name in ("worker", "worker-docker")}
    assert workers == {"worker": "default", "worker-docker": "docker"}
    assert services["scheduler"]["environment"]["CLOSED_LOOP_DOCKER_QUEUE"] == "docker"
    assert services["worker-docker"]["network_mode"] == "host"
    engine = [name for name in services if any("docker.sock" in str(volume) for volume in services[name].get("volumes", []))]
    assert engine == ["worker-docker"]


def test_all_parts_agree_on_the_databases(resolved: dict[str, Any], postgres: str, tmp_path: Path) -> None:
    """Airflow's and the ledger's URLs name what PostgreSQL makes at its first start; the ledger's is made for real."""
    services = resolved["services"]
    environment, server = services["scheduler"]["environment"], services["postgres"]["environment"]
    airflow = make_url(environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"])
    assert (airflow.username, airflow.database, airflow.password) == (
        server["POSTGRES_USER"], server["POSTGRES_DB"], server["POSTGRES_PASSWORD"])
    given = json.loads(environment["AIRFLOW_CONN_LEDGER"])
    ledger = Connection(**given).sql()
    assert ledger == make_url(services["migrate"]["environment"]["LEDGER_URL"])
    assert (ledger.port, airflow.port) == (int(server["PGPORT"]),) * 2
    there = make_url(postgres)
    script = ["sh", str(ROOT / "deploy" / "ledger.sh")]
    subprocess.run(script, check=True, capture_output=True, env=os.environ | {
        "PGHOST": str(there.query["host"]), "PGUSER": "postgres", "PGDATABASE": "postgres",
        "LEDGER_PASSWORD": server["LEDGER_PASSWORD"]})
    engine = connect(there.set(username=ledger.username, password=ledger.password, database=ledger.database)
                     .render_as_string(hide_password=False))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE made (id int)"))
    engine.dispose()


def test_prometheus_takes_its_configuration() -> None:
    done = subprocess.run(["promtool", "check", "config", ROOT / "deploy" / "prometheus.yml"], capture_output=True, text=True)
    assert not done.returncode, done.stderr
