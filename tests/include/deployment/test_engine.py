"""A Docker engine that dies and comes back, under replicas that are containers."""

import gc
from contextlib import suppress
from http.client import HTTPException

import pytest
from sqlalchemy import Engine

from include.artifacts import Artifacts
from include.deployment.environment import Environment
from include.deployment.reconcile import drift
from include.deployment.run import deploy, ensure_running
from include.targets.target import UnreachableError
from tests.docker import IMAGE, own_engine
from tests.include.deployment.shop import Customers, ask, candidate, product, run_of
from tests.include.deployment.test_faults import until


# docker's client leaves a socket open where no engine answers
@pytest.mark.filterwarnings("ignore:.*socket.socket:pytest.PytestUnraisableExceptionWarning")
def test_a_docker_engine_that_dies(ledger: Engine, artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the engine lets containers live (live-restore), no customer notices; those that ended come back with it."""
    with own_engine("--live-restore", "--userland-proxy=false") as own:
        monkeypatch.setenv("DOCKER_HOST", own.url)
        settings = {"image": IMAGE, "memory_mb": 128, "network": "closed-loop-test"}
        shop = product(start_seconds=60, replicas=1, containers=settings, command="python app.py {port} {host}")
        assert shop.deployment
        candidate(ledger, artifacts, "1.0.0")
        assert deploy(ledger, shop, run_of("1.0.0"), artifacts).get("failed") is None
        own.kill()
        with Customers(shop.deployment.port).asking() as customers:
            until(lambda: customers.asked > 50, 60)
        assert customers.failures == []
        assert "target: running: wanted True, found False" in [str(item) for item in drift(ledger, shop)]
        with pytest.raises(UnreachableError, match="the Docker engine does not answer"):
            ensure_running(ledger, shop, artifacts)
        with suppress(OSError, HTTPException):
            ask(Environment(shop).replicas()[0].port, "/die")
        own.start("--live-restore", "--userland-proxy=false")
        until(lambda: drift(ledger, shop) == [], 60)
        assert ask(shop.deployment.port) == (200, "1.0.0")
        Environment(shop).clear()
    gc.collect()  # it is noticed here, where it is expected, and not in whatever test runs then
