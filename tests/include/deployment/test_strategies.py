"""Every strategy under constant load: no request fails on the way there, nor on the way back."""

import os
import subprocess
import sys

import pytest
from sqlalchemy import Engine

from include.artifacts import Artifacts
from include.deployment.environment import Environment
from include.deployment.run import deploy
from include.deployment.status import status
from include.deployment.traffic import PROCESSES
from include.ledger.tables import deployments
from tests.include.deployment.shop import Customers, candidate, product, run_of
from tests.include.deployment.test_faults import DEPLOY, ROOT, settled, until
from tests.rows import get


@pytest.mark.parametrize(("strategy", "weights"), [("rolling", [50, 100]), ("blue_green", [100])])
def test_no_request_fails(ledger: Engine, artifacts: Artifacts, strategy: str, weights: list[int]) -> None:
    shop = product(strategy=strategy)
    assert shop.deployment
    for version in ("1.0.0", "1.1.0"):
        candidate(ledger, artifacts, version)
    deploy(ledger, shop, run_of("1.0.0"), artifacts)
    with Customers(shop.deployment.port).asking() as customers:
        result = deploy(ledger, shop, run_of("1.1.0", 5), artifacts)
    assert (result["status"], customers.failures, set(customers.seen)) == ("succeeded", [], {"1.0.0", "1.1.0"})
    assert [(step["weight"], step["verdict"]) for step in result["steps"]] == [(weight, "pass") for weight in weights]
    assert [found["metric"] for step in result["steps"] for found in step["findings"]] == ["error_limit"] * len(weights)
    assert (list(status(shop)["versions"]), status(shop)["processes"]) == (["1.1.0"], 3 + PROCESSES)
    assert {row["version"]: row["kind"] for row in get(ledger, deployments)} == {"1.0.0": strategy, "1.1.0": strategy}


@pytest.mark.parametrize(("strategy", "fault"), [("rolling", "unavailable"), ("rolling", "unhealthy"), ("canary", "unhealthy")])
def test_the_way_back(ledger: Engine, artifacts: Artifacts, strategy: str, fault: str) -> None:
    patient = product(strategy=strategy)
    assert patient.deployment
    shop = patient.model_copy(update={"deployment": patient.deployment.model_copy(update={
        "start_seconds": 5 if fault == "unhealthy" else 60})})
    assert shop.deployment
    candidate(ledger, artifacts, "1.0.0")
    candidate(ledger, artifacts, "1.1.0", fault)
    deploy(ledger, patient, run_of("1.0.0"), artifacts)
    with Customers(shop.deployment.port, methods=("GET",)).asking() as customers:
        result = deploy(ledger, shop, run_of("1.1.0", 5), artifacts)
    assert (result["status"], customers.failures) == ("rolled_back" if fault == "unavailable" else "failed", [])
    assert set(customers.seen) == {"1.0.0"}
    found = status(shop)
    assert {name: (entry["share"], len(entry["replicas"])) for name, entry in found["versions"].items()} == {"1.0.0": (100.0, 2)}
    assert found["processes"] == 3 + PROCESSES
    assert not Environment(shop).baseline()


def test_a_rolling_update_killed_half_way_is_taken_up(ledger: Engine, artifacts: Artifacts) -> None:
    shop = product(strategy="rolling")
    assert shop.deployment
    for version in ("1.0.0", "1.1.0"):
        candidate(ledger, artifacts, version)
    deploy(ledger, shop, run_of("1.0.0"), artifacts)
    command = [sys.executable, "-c", DEPLOY, shop.model_dump_json(), str(ledger.url), artifacts.root, "1.1.0"]
    with Customers(shop.deployment.port).asking() as customers:
        with subprocess.Popen(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}) as task:
            try:
                until(lambda: sorted(item.version for item in Environment(shop).replicas()) == ["1.0.0", "1.1.0"], 60)
            finally:
                task.kill()
        result = deploy(ledger, shop, run_of("1.1.0", 5), artifacts)
    assert (result["status"], customers.failures) == ("succeeded", [])
    settled(ledger, shop, "1.1.0")
