"""A real API server of Airflow with the plugins, on a ledger as a turn of the loop leaves it. No scheduler: nothing runs."""

import json
import os
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, update

from include.artifacts import Artifacts
from include.ledger.engine import connect, upgrade, writing
from include.ledger.tables import checks, incidents, releases
from local.airflow import ROOT, LocalAirflow, wait_until
from tests.loop.stage import free_ports
from tests.turned import HOSTILE, turned

PASSWORDS = {"ada": "a", "oli": "o", "uma": "u", "vic": "v", "nobody": "n"}
USERS = "ada:admin,oli:op,uma:user,vic:viewer,nobody:"
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


@contextmanager
def serving(home: Path, products: Path) -> Iterator[Served]:
    """The API server on `home`, whose ledger.db is there already. It ends with the block, and so do its children."""
    local = LocalAirflow(home, free_ports(1), {
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": USERS, "CLOSED_LOOP_PRODUCTS": str(products),
        "AIRFLOW_CONN_LEDGER": json.dumps({"conn_type": "sqlite", "host": "ledger.db"}),
        "AIRFLOW_CONN_INTAKE_SHOP": json.dumps({"conn_type": "generic", "password": "of the widget"})})
    folder = home / "airflow"
    folder.mkdir(parents=True)
    (folder / "passwords.json").write_text(json.dumps(PASSWORDS) + "\n")
    with local.log.open("ab") as log:
        process = subprocess.Popen(["/bin/sh", "-c", "airflow db migrate && exec airflow api-server"], env=local.env(), cwd=ROOT,
                                   stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
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
    folder = tmp_path_factory.mktemp("served")
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
    with serving(folder / "home", products) as found:
        made, said = found.ask("POST", "/api/v2/variables", {"key": "artifacts", "value": "artifacts"}, found.token("ada"))
        assert made == 201, said
        yield found
