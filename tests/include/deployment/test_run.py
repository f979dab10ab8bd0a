"""Releases go live, or the running version stays, with real processes."""

import time

from sqlalchemy import Engine

from include.artifacts import Artifacts
from include.deployment.run import deploy
from include.deployment.status import status
from tests.include.deployment.shop import Customers, ask, candidate, product, run_of


def test_first_release_then_upgrade_without_a_failed_request(ledger: Engine, artifacts: Artifacts) -> None:
    shop = product()
    port = shop.deployment.port
    candidate(ledger, artifacts, "1.0.0")
    first = deploy(ledger, shop, run_of("1.0.0"), artifacts)
    assert (first["publish"], first["status"], first["previous"]) == (["shop|1.0.0"], "succeeded", None)
    assert ask(port) == (200, "1.0.0")
    candidate(ledger, artifacts, "1.1.0")
    with Customers(port).asking() as customers:
        second = deploy(ledger, shop, run_of("1.1.0", 5), artifacts)
        time.sleep(0.3)
    assert (second["publish"], second["previous"]) == (["shop|1.1.0"], "1.0.0")
    assert [step["weight"] for step in second["steps"]] == [10, 50, 100]
    assert customers.failures == []
    assert set(customers.seen) == {"1.0.0", "1.1.0"}
    assert ask(port) == (200, "1.1.0")
    assert list(status(shop)["versions"]) == ["1.1.0"]
    assert status(shop)["processes"] == 4  # supervisord, HAProxy, two replicas
