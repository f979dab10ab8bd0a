"""Staging before production: the same archive, checked there first; where it fails, production notices nothing."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from include import environment
from include.artifacts import Artifacts
from include.deployment.environment import Environment
from include.deployment.reconcile import drift, plan
from include.deployment.run import deploy, ensure_running
from include.deployment.staging import staging_of
from include.deployment.status import status
from include.deployment.stop import stop
from include.ledger.tables import deployment_steps
from include.product import Product
from include.targets.target import free_ports
from tests.include.deployment.shop import Customers, ask, candidate, product, run_of
from tests.include.deployment.test_faults import DEPLOY, ROOT, until
from tests.rows import get

QUICK = {"seconds": 0.1, "steps": [100], "when_unsure": "promote"}


@pytest.fixture(autouse=True)
def staging_ends(nothing_stays: None) -> Iterator[None]:
    yield
    stop("shop.staging")


def staged(smoke: list[dict[str, Any]], **more: Any) -> Product:
    front, back = free_ports(2)
    where = {"port": back, "env": {"DATABASE": "staging"}, "smoke": smoke}
    return product(front, replicas=1, canary=QUICK, env={"DATABASE": "live", "KIND": "tea"}, staging=where, **more)


def test_the_same_archive_goes_through_staging(ledger: Engine, artifacts: Artifacts, tmp_path: Path) -> None:
    """Each environment has its own variables, and the hooks run in each."""
    log = tmp_path / "log"
    hook = {"run": f'echo "up $RELEASE_VERSION $DATABASE" >> {log}', "back": "true"}
    shop = staged([{"path": "/tea", "contains": "1.0.0"}], hooks={"before": hook})
    candidate(ledger, artifacts, "1.0.0")
    assert deploy(ledger, shop, run_of("1.0.0"), artifacts)["status"] == "succeeded"
    there = staging_of(shop)
    assert there and there.deployment and shop.deployment
    for place, database in ((shop, "live"), (there, "staging")):
        assert place.deployment
        assert list(status(place)["versions"]) == ["1.0.0"]
        assert f'"DATABASE": "{database}"' in (said := ask(place.deployment.port, "/environment")[1])
        assert '"KIND": "tea"' in said
    assert log.read_text().splitlines() == ["up 1.0.0 staging", "up 1.0.0 live"]
    code = [(environment.folder(name) / "versions" / "1.0.0" / "app.py").read_bytes() for name in ("shop", "shop.staging")]
    assert code[0] == code[1]
    first = get(ledger, deployment_steps)[0]
    assert (first["step"], first["weight"], first["verdict"]) == (0, 0, "pass")
    assert re.fullmatch("staging: sha256:[0-9a-f]{64} runs and answers as it must", first["why"])


def test_drift_in_staging_is_told_and_what_was_stopped_comes_back(ledger: Engine, artifacts: Artifacts) -> None:
    shop = staged([{"path": "/tea", "contains": "1.0.0"}])
    there = staging_of(shop)
    assert there and there.deployment and shop.deployment
    candidate(ledger, artifacts, "1.0.0")
    deploy(ledger, shop, run_of("1.0.0"), artifacts)
    until(lambda: plan(ledger, shop) == [], 60)
    place = Environment(there)
    [item] = place.replicas()
    place.haproxy.command(f"set server app/{item.name} weight 0")
    assert "staging haproxy: share of 1.0.0 in percent: wanted 100.0, found 0.0" in map(str, drift(ledger, shop))
    other = shop.deployment.model_copy(update={"env": {"KIND": "tea"}, "staging": shop.deployment.staging})
    lines = [str(line) for line in plan(ledger, shop.model_copy(update={"deployment": other}))]
    assert not [line for line in lines if line.startswith("staging file:")]  # staging sets DATABASE itself
    other = shop.deployment.model_copy(update={"env": {"DATABASE": "live", "KIND": "coffee"}})
    lines = [str(line) for line in plan(ledger, shop.model_copy(update={"deployment": other}))]
    assert f"staging file: environment of {item.name}: wanted other KIND, found as it was started" in lines

    for name in ("shop", "shop.staging"):
        stop(name)
    lines = [str(line) for line in drift(ledger, shop)]
    assert {"supervisor: running: wanted True, found False", "staging supervisor: running: wanted True, found False"} <= {*lines}
    assert ensure_running(ledger, shop, artifacts) == "1.0.0"
    until(lambda: plan(ledger, shop) == [], 60)
    assert ask(there.deployment.port) == (200, "1.0.0")


def test_what_failed_in_staging_may_stay_there(ledger: Engine, artifacts: Artifacts) -> None:
    shop = staged([{"path": "/tea", "contains": "coffee"}])
    there = staging_of(shop)
    assert there
    candidate(ledger, artifacts, "1.0.0")
    assert deploy(ledger, shop, run_of("1.0.0"), artifacts)["status"] == "failed"
    until(lambda: drift(ledger, shop) == [], 60)
    stop("shop.staging")
    Environment(there).clear()
    assert drift(ledger, shop) == []
    assert ensure_running(ledger, shop, artifacts) is None
    assert not status(there)["supervisor"]


@pytest.mark.parametrize(("fault", "smoke", "why"), [
    ("errors", [{"path": "/tea"}], "staging: /tea answers 500, not 200"),
    ("", [{"path": "/tea", "contains": "coffee"}], "staging: /tea does not say 'coffee'"),
    ("exits", [], "staging: "),
])
def test_what_fails_in_staging_never_meets_a_customer(ledger: Engine, artifacts: Artifacts, fault: str,
                                                      smoke: list[dict[str, Any]], why: str) -> None:
    shop = staged([])
    assert shop.deployment and shop.deployment.staging
    candidate(ledger, artifacts, "1.0.0")
    candidate(ledger, artifacts, "1.1.0", fault)
    deploy(ledger, shop, run_of("1.0.0"), artifacts)
    strict = shop.deployment.staging.model_validate(shop.deployment.staging.model_dump() | {"smoke": smoke})
    shop = shop.model_copy(update={"deployment": shop.deployment.model_copy(update={
        "staging": strict, "start_seconds": 3 if fault == "exits" else 60})})
    with Customers(shop.deployment.port, methods=("GET",)).asking() as customers:
        result = deploy(ledger, shop, run_of("1.1.0", 5), artifacts)
    assert (result["status"], result["publish"], customers.failures, set(customers.seen)) == ("failed", [], [], {"1.0.0"})
    assert why in result["failed"]
    assert result["steps"][0]["verdict"] == "fail"
    assert [row["step"] for row in get(ledger, deployment_steps) if row["deployment_id"] == "shop|1.1.0/run-1.1.0"] == [0]


def test_a_task_killed_in_staging_is_taken_up(ledger: Engine, artifacts: Artifacts) -> None:
    shop = staged([{"path": "/tea", "contains": "1.0.0"}])
    candidate(ledger, artifacts, "1.0.0")
    command = [sys.executable, "-c", DEPLOY, shop.model_dump_json(), str(ledger.url), artifacts.root, "1.0.0"]
    with subprocess.Popen(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}) as task:
        try:
            until((environment.folder("shop.staging") / "state.json").exists, 60)
        finally:
            task.kill()
    assert deploy(ledger, shop, run_of("1.0.0", 5), artifacts)["status"] == "succeeded"
    there = staging_of(shop)
    assert there
    assert [list(status(place)["versions"]) for place in (shop, there)] == [["1.0.0"], ["1.0.0"]]
