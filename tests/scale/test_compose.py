"""compose.yaml: valid, without any default secret, on loopback alone, with commands and settings that this Airflow knows."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import make_url, text

from include.connection import Connection
from include.ledger.engine import connect
from local import secrets

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(120)]
ROOT = Path(__file__).resolve().parents[2]
AIRFLOW = {"migrate", "api-server", "scheduler", "dag-processor", "triggerer", "worker", "worker-docker"}


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


def test_this_airflow_knows_every_command(resolved: dict[str, Any]) -> None:
    from airflow.cli.cli_parser import get_parser

    parser = get_parser()
    for name in AIRFLOW - {"migrate"}:
        parser.parse_args(resolved["services"][name]["command"])
    for test in (resolved["services"][name]["healthcheck"]["test"] for name in ("scheduler", "dag-processor", "triggerer")):
        assert test[:2] == ["CMD", "airflow"]
        parser.parse_args(test[2:])
    workers = [resolved["services"][name]["command"] for name in ("worker", "worker-docker")]
    assert [command[command.index("--queues") + 1] for command in workers] == ["default", "docker"]


def test_this_airflow_knows_every_setting(resolved: dict[str, Any]) -> None:
    from airflow.configuration import conf

    for name in AIRFLOW:
        environment = resolved["services"][name]["environment"]
        wanted = [key.split("__")[1:] for key in environment if key.startswith("AIRFLOW__")]
        unknown = [key for key in wanted if key[1].lower() not in conf.configuration_description[key[0].lower()]["options"]]
        assert unknown == []
        assert environment["AIRFLOW__CORE__EXECUTOR"] == "CeleryExecutor"
        assert environment["CLOSED_LOOP_DOCKER_QUEUE"] == "docker"
    assert resolved["services"]["worker-docker"]["network_mode"] == "host"


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
