"""HAProxy goes and comes, and no customer is refused: killed, or with another configuration."""

import os
import signal
import socket
import time

import pytest
from sqlalchemy import Engine

from include import environment
from include.artifacts import Artifacts
from include.deployment.environment import Environment
from include.deployment.run import deploy, ensure_running
from include.deployment.status import status
from include.deployment.traffic import PROCESSES
from include.product import Product
from tests.include.deployment.shop import Customers, ask, candidate, parent, product, run_of, worker
from tests.include.deployment.test_faults import pid_of, settled, until
from tests.include.deployment.test_ring import RING


def another(place: Environment, before: int, customers: Customers) -> None:
    """Wait until another HAProxy than `before` answers customers."""
    until(lambda: worker(place) != before)
    asked = customers.asked
    until(lambda: customers.asked > asked + 20)


def all_there(shop: Product) -> None:
    """Wait until supervisord, HAProxy and both replicas run, and nothing that was before."""
    until(lambda: status(shop)["processes"] == 1 + PROCESSES + 2)


@pytest.mark.parametrize("who", ["worker", "master"])
def test_killed_it_refuses_nobody(ledger: Engine, artifacts: Artifacts, who: str) -> None:
    """What it had in its hands breaks with it; whoever asks again, as browsers do, is answered."""
    shop = product()
    assert shop.deployment
    candidate(ledger, artifacts, "1.0.0")
    deploy(ledger, shop, run_of("1.0.0"), artifacts)
    place = Environment(shop)
    with Customers(shop.deployment.port, methods=("GET",), browsers=True).asking() as customers:
        for _ in range(5):
            before = worker(place)
            os.kill(before if who == "worker" else parent(before), signal.SIGKILL)
            another(place, before, customers)
    assert customers.failures == []
    assert customers.again <= 5 * 2  # once each, at most
    all_there(shop)
    settled(ledger, shop, "1.0.0")


def test_another_configuration_breaks_nothing(ledger: Engine, artifacts: Artifacts) -> None:
    """A health check at another path, a beta ring: what HAProxy can't be told while it runs. Nobody has to ask again."""
    shop = product()
    assert shop.deployment
    candidate(ledger, artifacts, "1.0.0")
    deploy(ledger, shop, run_of("1.0.0"), artifacts)
    changes = [{"health": f"/health?n={number}"} for number in range(4)] + [{"ring": RING}]
    with Customers(shop.deployment.port).asking() as customers:
        for change in changes:
            changed = shop.model_copy(update={"deployment": type(shop.deployment).model_validate(
                shop.deployment.model_dump() | change)})
            place, before = Environment(changed), worker(Environment(changed))
            place.share("1.0.0", 100)
            another(place, before, customers)
    assert customers.failures == []


def test_what_it_is_doing_it_ends_before_it_goes(ledger: Engine, artifacts: Artifacts) -> None:
    shop = product()
    assert shop.deployment
    candidate(ledger, artifacts, "1.0.0")
    deploy(ledger, shop, run_of("1.0.0"), artifacts)
    changed = shop.model_copy(update={"deployment": shop.deployment.model_copy(update={"health": "/health?other"})})
    with socket.create_connection(("127.0.0.1", shop.deployment.port), timeout=60) as customer:
        customer.sendall(b"GET /slow HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\r\n")
        time.sleep(0.3)  # it is with a replica by now, which takes a second
        Environment(changed).share("1.0.0", 100)
        assert b"200" in b"".join(iter(lambda: customer.recv(65536), b"")).partition(b"\r\n")[0]
    all_there(changed)  # the worker that was is gone


def test_whoever_kills_what_keeps_it_waits_for_supervisord(ledger: Engine, artifacts: Artifacts) -> None:
    """The socket goes with the shell that holds it; HAProxy goes too, and both come back as one."""
    shop = product()
    assert shop.deployment
    candidate(ledger, artifacts, "1.0.0")
    deploy(ledger, shop, run_of("1.0.0"), artifacts)
    os.kill(pid_of("/bin/sh -c"), signal.SIGKILL)
    until(lambda: _answers(shop.deployment.port if shop.deployment else 0))
    all_there(shop)
    settled(ledger, shop, "1.0.0")


def test_a_configuration_that_was_broken_on_disk_is_mended(ledger: Engine, artifacts: Artifacts) -> None:
    """HAProxy can't come back from it; its port is still ours, and whoever looks after it brings it back."""
    shop = product()
    assert shop.deployment
    candidate(ledger, artifacts, "1.0.0")
    deploy(ledger, shop, run_of("1.0.0"), artifacts)
    (environment.folder("shop") / "haproxy.cfg").write_text("not a configuration")
    os.kill(parent(worker(Environment(shop))), signal.SIGKILL)
    until(lambda: Environment(shop).haproxy.description() is None)
    ensure_running(ledger, shop, artifacts)
    assert ask(shop.deployment.port) == (200, "1.0.0")
    all_there(shop)
    settled(ledger, shop, "1.0.0")


def _answers(port: int) -> bool:
    try:
        return ask(port) == (200, "1.0.0")
    except OSError:
        return False
