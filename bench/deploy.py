"""What customers notice of deployments: failed requests of each strategy and a rollback, and how long a fault lasts."""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from bench.rows import row
from include import environment
from include.artifacts import Artifacts
from include.deployment.rollback import rollback
from include.deployment.run import deploy
from include.deployment.stop import stop
from include.key import Key
from include.ledger.engine import connect, upgrade
from include.ledger.runs import Run
from tests.conftest import NOW
from tests.include.deployment.shop import Customers, candidate, product, run_of

WINDOW = 6.0  # seconds that a step is watched at most


def measure() -> list[dict[str, Any]]:
    """The share of requests that were answered, and seconds from the first to the last error of a version that errs."""
    asked, failed = _strategies()
    lasted, errors = _fault()
    return [row("deploy", (asked - failed) / asked, "share of requests answered", "every request", 1.0, asked,
                f"{failed} failed over rolling, blue_green, canary and rollback, GET and POST, new and kept connections",
                more_is_better=True),
            row("deploy_fault", lasted, "s from the first error to the last", "a step's window", WINDOW, errors,
                "a canary of which every answer is an error, until all traffic was back", more_is_better=False)]


def _strategies() -> tuple[int, int]:
    """Requests and failures over an upgrade by each strategy and a rollback."""
    with _world() as (engine, artifacts):
        shop = product(canary={"seconds": WINDOW})
        assert shop.deployment
        candidate(engine, artifacts, "1.0.0")
        deploy(engine, shop, run_of("1.0.0"), artifacts)
        with Customers(shop.deployment.port).asking() as customers:
            for minute, strategy in enumerate(("rolling", "blue_green", "canary"), 1):
                candidate(engine, artifacts, version := f"1.{minute}.0")
                changed = product(shop.deployment.port, strategy=strategy, canary={"seconds": WINDOW})
                assert deploy(engine, changed, run_of(version, minute), artifacts)["status"] == "succeeded"
            form = Run("rollback", "form", Key("shop"), NOW + timedelta(hours=1))
            assert rollback(engine, shop, form, "bench", "1.1.0", "measured", artifacts)["status"] == "succeeded"
        return customers.asked, len(customers.failures)


def _fault() -> tuple[float, int]:
    """Seconds between the first and the last error of a canary that errs, and how many there were."""
    with _world() as (engine, artifacts):
        shop = product(canary={"seconds": WINDOW})
        assert shop.deployment
        candidate(engine, artifacts, "1.0.0")
        candidate(engine, artifacts, "1.1.0", "errors")
        deploy(engine, shop, run_of("1.0.0"), artifacts)
        with Customers(shop.deployment.port).asking():
            assert deploy(engine, shop, run_of("1.1.0", 5), artifacts)["status"] == "rolled_back"
        lines = environment.access_log("shop").read_text().splitlines()
        at = [item["at"] for line in lines if line.startswith("{") and (item := json.loads(line))["status"] >= 500]
        return (max(at) - min(at)) / 1000, len(at)


@contextmanager
def _world() -> Iterator[tuple[Engine, Artifacts]]:
    """An empty ledger and home of its own; what runs in it ends with the block."""
    before = os.environ.get("CLOSED_LOOP_HOME")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CLOSED_LOOP_HOME"] = str(Path(folder, "home"))
        upgrade(url := f"sqlite:///{folder}/ledger.db")
        engine = connect(url)
        try:
            yield engine, Artifacts(str(Path(folder, "artifacts")))
        finally:
            stop("shop")
            engine.dispose()
            if before is None:
                del os.environ["CLOSED_LOOP_HOME"]
            else:
                os.environ["CLOSED_LOOP_HOME"] = before
