"""The contract of every target: start, health, canary, a replica that dies, a task that is killed, the way back."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from include import environment
from include.artifacts import Artifacts
from include.deployment.environment import Environment
from include.deployment.reconcile import drift, plan
from include.deployment.rollback import rollback
from include.deployment.run import deploy
from include.deployment.status import status
from include.errors import InputError
from include.key import Key
from include.ledger.runs import Run
from include.product import Product, home
from include.targets.containers import ENVIRONMENT, Containers
from include.targets.target import DeploymentError, Replica, Target, UnreachableError, free_ports
from tests.conftest import NOW
from tests.docker import IMAGE, engine
from tests.include.deployment.shop import Customers, archive, ask, candidate, product, run_of
from tests.include.deployment.test_faults import DEPLOY, ROOT, until

Made = Callable[..., Product]
CANARY = {"steps": [50, 100], "seconds": 30, "min_requests": 10, "max_error_rate": 0.2,
          "analysis": {"metrics": {"latency": None}}}  # which a loaded machine breaks


@contextmanager
def processes() -> Iterator[dict[str, Any]]:
    yield {}


@contextmanager
def containers() -> Iterator[dict[str, Any]]:
    with engine() as client:
        yield {"containers": {"image": IMAGE, "memory_mb": 128}, "command": "python app.py {port} {host}"}
        target = Environment(product(containers={"image": IMAGE})).target
        assert isinstance(target, Containers)
        label = {"label": f"{ENVIRONMENT}={target.name}"}
        for found in client.containers(all=True, filters=label):
            client.remove_container(found["Id"], force=True, v=True)
        for image in client.images(filters=label):
            client.remove_image(image["Id"], force=True)


@contextmanager
def adapter() -> Iterator[dict[str, Any]]:
    command = [sys.executable, str(Path(__file__).with_name("small_platform.py")), str(home() / "platform")]
    yield {"adapter": {"command": command}, "command": f"{sys.executable} app.py {{port}}"}
    for replica in (home() / "platform").glob("*.json"):
        with suppress(ProcessLookupError):
            os.killpg(json.loads(replica.read_text())["group"], signal.SIGKILL)


@pytest.fixture(params=[processes, containers, adapter], ids=lambda kind: kind.__name__)
def made(request: pytest.FixtureRequest) -> Iterator[Made]:
    """Makes products that run on the target."""
    with request.param() as settings:
        yield lambda **more: product(**settings, **more)


def agreed(engine: Engine, shop: Product, version: str) -> None:
    """`version` runs alone with all traffic, and nothing differs anywhere."""
    until(lambda: drift(engine, shop) == [], 30)
    assert plan(engine, shop) == []
    assert {name: entry["share"] for name, entry in status(shop)["versions"].items()} == {version: 100.0}
    assert ask(status(shop)["port"]) == (200, version)


def test_a_release_a_replica_that_dies_a_canary_and_the_way_back(ledger: Engine, artifacts: Artifacts, made: Made) -> None:
    shop = made(canary=CANARY)
    assert shop.deployment
    candidate(ledger, artifacts, "1.0.0")
    candidate(ledger, artifacts, "1.1.0")
    assert deploy(ledger, shop, run_of("1.0.0"), artifacts)["status"] == "succeeded"
    agreed(ledger, shop, "1.0.0")
    with Customers(shop.deployment.port, methods=("GET",)).asking() as customers:
        with suppress(OSError, HTTPException):
            ask(int(Environment(shop).replicas()[0].address.rpartition(":")[2]), "/die")
        agreed(ledger, shop, "1.0.0")
        assert deploy(ledger, shop, run_of("1.1.0", 5), artifacts)["status"] == "succeeded"
        agreed(ledger, shop, "1.1.0")
        back = Run("rollback", "form", Key("shop"), NOW)
        assert rollback(ledger, shop, back, "ana", "1.0.0", "dearer", artifacts)["status"] == "succeeded"
        agreed(ledger, shop, "1.0.0")
    assert (customers.failures, set(customers.seen)) == ([], {"1.0.0", "1.1.0"})


def test_what_a_killed_task_began_is_taken_up(ledger: Engine, artifacts: Artifacts, made: Made) -> None:
    shop = made(canary=CANARY, replicas=1)
    assert shop.deployment
    candidate(ledger, artifacts, "1.0.0")
    candidate(ledger, artifacts, "1.1.0")
    deploy(ledger, shop, run_of("1.0.0"), artifacts)
    command = [sys.executable, "-c", DEPLOY, shop.model_dump_json(), str(ledger.url), artifacts.root, "1.1.0"]
    with Customers(shop.deployment.port).asking() as customers:
        with subprocess.Popen(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}) as task:
            try:
                until(lambda: any(item.version == "1.1.0" for item in Environment(shop).replicas()), 60)
            finally:
                task.kill()
        assert deploy(ledger, shop, run_of("1.1.0", 5), artifacts)["status"] == "succeeded"
    assert customers.failures == []
    agreed(ledger, shop, "1.1.0")


def test_calls_that_come_twice(made: Made) -> None:
    target: Target = Environment(made()).target
    replica = Replica("1.0.0", free_ports(1)[0])
    for _ in range(2):
        target.unpack("1.0.0", archive())
        target.start([replica])
    assert [*target.seen()] == [replica.name]
    for _ in range(2):
        target.keep("1.0.0")
        target.stop([replica.name, "v9.9.9_1"])
    assert target.seen() == {}
    with pytest.raises(DeploymentError, match="the archive is broken"):
        target.unpack("1.1.0", b"no archive")
    Environment(made()).clear()
    assert environment.folder("shop").exists()


@pytest.mark.parametrize(("said", "error", "why"), [
    ("echo no", InputError, "asked to list, answers what can't be used: no JSON: 'no'"),
    ("echo '[]'", InputError, "no JSON object"),
    ("echo '{}'", InputError, "replicas is no list"),
    ("""echo '{"replicas": [{"name": "v1", "state": "fine"}]}'""", InputError, "a replica has a name and a state"),
    ("""echo '{"replicas": [{"name": "v1", "state": "running", "address": "x:1"}]}'""", InputError, "an address is ip:port"),
    ("head -c 3000000 /dev/zero", InputError, "more than 1,000,000 bytes"),
    ("""echo '{"error": "no such cluster"}'""", DeploymentError, "says: no such cluster"),
    ("echo no cluster >&2; exit 3", UnreachableError, "ended with 3: no cluster"),
    ("sleep 60", UnreachableError, "took more than 1 s"),
])
def test_an_adapter_that_answers_wrongly(said: str, error: type[Exception], why: str) -> None:
    target = Environment(product(adapter={"command": ["sh", "-c", said], "seconds": 1 if "sleep" in said else 60})).target
    with pytest.raises(error, match=re.escape(why)):
        target.seen()


def test_an_adapter_knows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_LEDGER", "secret")
    told = "env | grep -q AIRFLOW && echo no || echo '{\"replicas\": []}'"
    target = Environment(product(adapter={"command": ["sh", "-c", told]})).target
    assert target.seen() == {}
    gone = Environment(product(adapter={"command": ["no-such-program"]})).target
    with pytest.raises(InputError, match="can't be run: No such file or directory"):
        gone.seen()
