"""A stage for the whole loop: a real Airflow with its own home and ports, and the sample tea shop, or other products, on it."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, Table, select

from include.artifacts import Artifacts
from include.ledger.check import Broken, broken
from include.ledger.engine import connect, reading, upgrade
from local.airflow import LocalAirflow
from local.customers import write_history
from local.loop import Loop
from local.sample.history import create
from tests.loop.place import PLACES, Place, chosen

PRODUCT = """\
name: shop
title: Tea shop
owner: team-shop
voices:
  sources:
    - name: reviews
      path: demo/shop-reviews.csv
      format: csv
      columns: {{id: id, text: text, written_at: written_at, author: author, rating: rating}}
planning: {{capacity: 8, approval: {{by: {approval}}}}}
repository: {{url: "${{CLOSED_LOOP_HOME}}/demo/shop.git", test: python run_tests.py}}
user_testing: {{by: {approval}}}
compliance:
  licences: [Apache-2.0]
  data_inventory:
    - {{field: customer.email, purpose: order confirmation, region: KR, retention_days: 365}}
deployment:
  command: python shop.py --port {{port}}
  port: {port}
  canary: {{steps: [10, 50, 100], seconds: 15, min_requests: 20, max_error_rate: 0.05}}
reports: {{customers: {{after_release: true, languages: [en, ko]}}}}
"""
PATIENCE = 900  # seconds for a turn; on a machine that does nothing else, a tenth of it does
SETTINGS = {"AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "1", "CLOSED_LOOP_NIGHT": "0 0 29 2 *"}  # a night is a test's to start


def free_ports(count: int) -> int:
    """The first of `count` ports in a row that nobody listens on."""
    for base in range(20_000 + os.getpid() % 8_000, 32_000, count):
        if all(_free(base + offset) for offset in range(count)):
            return base
    raise OSError("no free ports")


def _free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


class EmptyStage:
    """Everything in one folder: product files, ledger, artifacts, an Airflow that runs the DAGs."""

    def __init__(self, folder: Path, place: Place, settings: Mapping[str, str] = SETTINGS, secrets: str | None = None) -> None:
        self.home, self.products, self.place = folder / "home", folder / "products", place
        self.port = free_ports(2)
        self.home.mkdir(parents=True, exist_ok=True)
        self.products.mkdir()
        if secrets:
            (self.home / "secrets.json").write_text(secrets)
        upgrade(place.ledger)
        env = {**settings, **place.settings, "CLOSED_LOOP_PRODUCTS": str(self.products)}
        self.airflow = LocalAirflow(self.home, self.port, env, place.queues)
        self.loop = Loop(self.airflow)

    @property
    def ledger(self) -> Engine:
        return connect(self.place.ledger)

    def broken(self) -> list[Broken]:
        """The invariants of the ledger that do not hold."""
        return broken(self.ledger, Artifacts(self.place.artifacts))

    def rows(self, table: Table, **where: Any) -> list[dict[str, Any]]:
        """The rows of a table whose columns have these values."""
        query = select(table).where(*(table.c[name] == value for name, value in where.items())).order_by(*table.primary_key)
        with reading(self.ledger) as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def turn(self, dag_id: str = "nightly_cycle", timeout: float = PATIENCE, **conf: Any) -> list[tuple[str, str]]:
        """Start a DAG by hand, let the loop rest, answer yes to what it asks; returns the events of this turn."""
        before = len(self.loop.events())
        self.loop.trigger(dag_id, **conf)
        self.loop.rest(timeout, answer=lambda question: self.loop.answer(question, note="as agreed"))
        return self.loop.events()[before:]

    def states(self) -> dict[str, set[str]]:
        """For each DAG, the states that its runs ended in."""
        found: dict[str, set[str]] = {}
        for run in self.loop.runs():
            found.setdefault(run["dag_id"], set()).add(run["state"])
        return found

    @contextmanager
    def up(self) -> Iterator[None]:
        """Its Airflow runs in the block."""
        try:
            self.airflow.start(PATIENCE)
            self.loop.unpause()
            yield
        finally:
            self.airflow.stop()
            self.ledger.dispose()


class Stage(EmptyStage):
    """With the sample tea shop: its repository, its customers' reviews."""

    def __init__(self, folder: Path, place: Place, approval: str, now: datetime | None = None, secrets: str | None = None,
                 settings: Mapping[str, str] = SETTINGS) -> None:
        super().__init__(folder, place, settings, secrets)
        self.shop = f"http://127.0.0.1:{self.port + 1}"
        (self.products / "shop.yaml").write_text(PRODUCT.format(approval=approval, port=self.port + 1))
        self.repository = create(self.home / "demo")
        self.reviews = self.home / "demo" / "shop-reviews.csv"
        write_history(self.reviews, now or datetime.now(UTC))


@contextmanager
def with_products(folder: Path, settings: Mapping[str, str] = SETTINGS, **files: str) -> Iterator[EmptyStage]:
    """A stage with product files (by the products' names), its Airflow up, where the environment says."""
    with chosen(folder / "home") as place:
        stage = EmptyStage(folder, place, settings)
        for name, content in files.items():
            (stage.products / f"{name}.yaml").write_text(content)
        with stage.up():
            yield stage


@contextmanager
def staged(folder: Path, approval: str = "automatic", now: datetime | None = None, secrets: str | None = None,
           settings: Mapping[str, str] = SETTINGS, place: str | None = None) -> Iterator[Stage]:
    """A stage with its Airflow up; all of its processes end with the block. `secrets`: another stage's secrets.json; `place`: one
    of PLACES, else the one that the environment names."""
    with (PLACES[place] if place else chosen)(folder / "home") as where:
        stage = Stage(folder, where, approval, now, secrets, settings)
        try:
            with stage.up():
                yield stage
        finally:
            _stop_shop(stage.home)


def _stop_shop(home: Path) -> None:
    """End the shop's processes, as `make stop` does."""
    subprocess.run([sys.executable, "-m", "include.deployment.stop", "--all"], check=True,
                   env=os.environ | {"CLOSED_LOOP_HOME": str(home)}, cwd=Path(__file__).resolve().parents[2])
