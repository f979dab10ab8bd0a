"""A real API server of Airflow with the plugins, on a ledger as a turn of the loop leaves it. No scheduler: nothing runs."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import Engine, update

from include.artifacts import Artifacts
from include.ledger.engine import connect, upgrade, writing
from include.ledger.tables import checks, incidents, releases
from local.airflow import ROOT, USER, LocalAirflow, wait_until
from tests.loop.stage import free_ports
from tests.postgres import database
from tests.turned import HOSTILE, turned

PASSWORDS = {"ada": "a", "oli": "o", "uma": "u", "vic": "v", "nobody": "n"}
ROLES = {"ada": "admin", "oli": "op", "uma": "user", "vic": "viewer", "nobody": ""}
# Airflow's own command, as a person gives it: the password is asked for, twice.
MAKE_USERS = """
import sys
from airflow.cli.cli_parser import get_parser
for user, role in zip(sys.argv[1::2], sys.argv[2::2]):
    asked = get_parser().parse_args(["users", "create", "--username", user, "--role", role, "--firstname", user,
                                     "--lastname", user, "--email", f"{user}@example.test"])
    asked.func(asked)
"""
PRODUCTS = {"shop": "Tea shop", "parcels": "Parcels"}


@dataclass(frozen=True)
class Served:
    """Airflow's API server: where it is, and what it answers to whom."""

    url: str
    home: Path

    def token(self, user: str) -> str:
        """A token as Airflow's login gives it."""
        status, answer = self.ask("POST", "/auth/token", {"username": user, "password": PASSWORDS[user]})
        assert status == 201, answer
        return str(answer["access_token"])

    def ask(self, method: str, path: str, body: Any = None, token: str | None = None) -> tuple[int, Any]:
        """The status of an answer, and its JSON or text."""
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, _content(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _content(error)


def _content(answer: Any) -> Any:
    read = answer.read()
    return json.loads(read or b"null") if "json" in (answer.headers["Content-Type"] or "") else read.decode()


def run(local: LocalAirflow, *command: str, told: str = "") -> None:
    """A command with this Airflow's settings, to its end; in a session of its own, so without a terminal."""
    done = subprocess.run(command, env=local.env(), cwd=ROOT, input=told, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, start_new_session=True)
    assert not done.returncode, done.stdout[-3000:]


def simple_users(local: LocalAirflow) -> None:
    """The users of Airflow's simple auth manager have their passwords in a file."""
    (local.home / "airflow" / "passwords.json").write_text(json.dumps(PASSWORDS) + "\n")


def fab_users(local: LocalAirflow) -> None:
    """The users of the FAB auth manager, one for each of its roles, and the one that this Airflow takes for its own."""
    roles, passwords = ROLES | {USER: "admin"}, PASSWORDS | {USER: local.keys["password"]}
    words = [word for user, role in roles.items() for word in (user, role.capitalize() or "Public")]
    run(local, sys.executable, "-c", MAKE_USERS, *words, told="".join(f"{passwords[user]}\n" * 2 for user in roles))


def fab_settings() -> dict[str, str]:
    """Those of deploy/values.yaml, as environment variables; its paths are the image's."""
    config = yaml.safe_load((ROOT / "deploy" / "values.yaml").read_text())["config"]
    options = {("core", "auth_manager"): config["core"]["auth_manager"]} | {("fab", name): value
                                                                           for name, value in config["fab"].items()}
    return {f"AIRFLOW__{section}__{name}".upper(): value.replace("/opt/closed-loop", str(ROOT))
            for (section, name), value in options.items()}


@contextmanager
def serving(home: Path, products: Path, prepare: Callable[[LocalAirflow], None], settings: dict[str, str]) -> Iterator[Served]:
    """The API server on `home`, whose ledger.db is there already. It ends with the block, and so do its children."""
    local = LocalAirflow(home, free_ports(1), settings | {
        "CLOSED_LOOP_PRODUCTS": str(products), "AIRFLOW_CONN_LEDGER": json.dumps({"conn_type": "sqlite", "host": "ledger.db"}),
        "AIRFLOW_CONN_INTAKE_SHOP": json.dumps({"conn_type": "generic", "password": "of the widget"})})
    (home / "airflow").mkdir(parents=True)
    run(local, "airflow", "db", "migrate")
    prepare(local)
    with local.log.open("ab") as log:
        process = subprocess.Popen(["airflow", "api-server"], env=local.env(), cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log,
                                   stderr=subprocess.STDOUT, start_new_session=True)
    served = Served(local.url, home)

    def up() -> bool:
        assert process.poll() is None, local.log.read_text()[-3000:]
        try:
            return served.ask("GET", "/api/v2/monitor/health")[0] == 200
        except OSError:
            return False

    try:
        wait_until(up, 240, "the API server did not come up")
        yield served
    finally:  # it only answers: there is nothing that it had to finish
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _keep(engine: Engine, artifacts: Artifacts) -> None:
    """What the release and the incident rest on."""
    evidence = {"rule": {"id": "licences"}, "detail": HOSTILE[:200], "facts": {"advisories": {"found": [
        {"id": "GHSA-1", "package": "pkg:pypi/tea-kettle", "version": "1.0", "severity": "high", "summary": "b", "new": True}]}}}
    sbom = {"bomFormat": "CycloneDX", "components": [{"name": "tea-kettle", "version": "1.0", "licenses": []}]}
    names = [artifacts.keep(body, suffix)[0] for body, suffix in (
        (json.dumps(evidence).encode(), ".json"), (json.dumps(sbom).encode(), ".json"), (b"# Checkout fails <b>", ".md"))]
    with writing(engine) as connection:
        connection.execute(update(checks).values(evidence=names[0]))
        connection.execute(update(releases).values(sbom=names[1]))
        connection.execute(update(incidents).values(postmortem=names[2]))


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The API server with two products, one of which has turned."""
    users = ",".join(f"{user}:{role}" for user, role in ROLES.items())
    with _stage(tmp_path_factory.mktemp("served"), simple_users, {"AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": users}) as found:
        yield found


@pytest.fixture(scope="module")
def served_by_fab(tmp_path_factory: pytest.TempPathFactory, postgres: str) -> Iterator[Served]:
    """The same with Airflow's FAB auth manager, and Airflow's database on PostgreSQL: as in production."""
    url = {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database(postgres, f"fab_{uuid.uuid4().hex[:8]}")}
    with _stage(tmp_path_factory.mktemp("fab"), fab_users, fab_settings() | url) as found:
        yield found


@contextmanager
def _stage(folder: Path, prepare: Callable[[LocalAirflow], None], settings: dict[str, str]) -> Iterator[Served]:
    products = folder / "products"
    products.mkdir()
    for name, title in PRODUCTS.items():
        (products / f"{name}.yaml").write_text(f"name: {name}\ntitle: {title}\nowner: team-{name}\n")
    (folder / "home").mkdir()
    url = f"sqlite:///{folder / 'home' / 'ledger.db'}"
    upgrade(url)
    engine = connect(url)
    turned(engine)
    _keep(engine, Artifacts(str(folder / "home" / "artifacts")))
    engine.dispose()
    with serving(folder / "home", products, prepare, settings) as found:
        made, said = found.ask("POST", "/api/v2/variables", {"key": "artifacts", "value": "artifacts"}, found.token("ada"))
        assert made == 201, said
        yield found
