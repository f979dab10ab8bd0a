"""HAProxy goes and comes, and no customer is refused: killed, or with another configuration."""

import os
import signal
import socket
import time
from typing import Any

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


@pytest.fixture
def shop(ledger: Engine, artifacts: Artifacts) -> Product:
    """A product whose release 1.0.0 runs."""
    found = product()
    candidate(ledger, artifacts, "1.0.0")
    deploy(ledger, found, run_of("1.0.0"), artifacts)
    return found


def port(shop: Product) -> int:
    assert shop.deployment
    return shop.deployment.port


def changed(shop: Product, change: dict[str, Any]) -> Product:
    """The product with another deployment section."""
    return Product.model_validate(shop.model_dump() | {"deployment": shop.model_dump()["deployment"] | change})


def another(place: Environment, before: int, customers: Customers) -> None:
    """Wait until another HAProxy than `before` answers customers."""
    until(lambda: worker(place) != before)
    asked = customers.asked
    until(lambda: customers.asked > asked + 20)


def all_there(shop: Product) -> None:
    """Wait until supervisord, HAProxy and both replicas run, and nothing that was before."""
    until(lambda: status(shop)["processes"] == 1 + PROCESSES + 2)


@pytest.mark.parametrize("who", ["worker", "master"])
def test_killed_it_refuses_nobody(ledger: Engine, shop: Product, who: str) -> None:
    """What it had in its hands breaks with it; whoever asks again, as browsers do, is answered."""
    place = Environment(shop)
    with Customers(port(shop), methods=("GET",), browsers=True).asking() as customers:
        for _ in range(5):
            before = worker(place)
            os.kill(before if who == "worker" else parent(before), signal.SIGKILL)
            another(place, before, customers)
    assert customers.failures == []
    assert customers.again <= 5 * 2  # once each, at most
    all_there(shop)
    settled(ledger, shop, "1.0.0")


def test_another_configuration_breaks_nothing(shop: Product) -> None:
    """A health check at another path, a beta ring: what HAProxy can't be told while it runs. Nobody has to ask again."""
    changes = [{"health": f"/health?n={number}"} for number in range(4)] + [{"ring": RING}]
    with Customers(port(shop)).asking() as customers:
        for change in changes:
            place = Environment(changed(shop, change))
            before = worker(place)
            place.share("1.0.0", 100)
            another(place, before, customers)
    assert customers.failures == []


def test_what_it_is_doing_it_ends_before_it_goes(shop: Product) -> None:
    other = changed(shop, {"health": "/health?other"})
    with socket.create_connection(("127.0.0.1", port(shop)), timeout=60) as customer:
        customer.sendall(b"GET /slow HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\r\n")
        time.sleep(0.3)  # it is with a replica by now, which takes a second
        Environment(other).share("1.0.0", 100)
        assert b"200" in b"".join(iter(lambda: customer.recv(65536), b"")).partition(b"\r\n")[0]
    all_there(other)  # the worker that was is gone


def test_whoever_kills_what_keeps_it_waits_for_supervisord(ledger: Engine, shop: Product) -> None:
    """The socket goes with the shell that holds it; HAProxy goes too, and both come back as one."""
    os.kill(pid_of("/bin/sh -c"), signal.SIGKILL)
    until(lambda: _answers(port(shop)))
    all_there(shop)
    settled(ledger, shop, "1.0.0")


def test_a_configuration_that_was_broken_on_disk_is_mended(ledger: Engine, artifacts: Artifacts, shop: Product) -> None:
    """HAProxy can't come back from it; its port is still ours, and whoever looks after it brings it back."""
    (environment.folder("shop") / "haproxy.cfg").write_text("not a configuration")
    os.kill(parent(worker(Environment(shop))), signal.SIGKILL)
    until(lambda: Environment(shop).haproxy.description() is None)
    ensure_running(ledger, shop, artifacts)
    assert ask(port(shop)) == (200, "1.0.0")
    all_there(shop)
    settled(ledger, shop, "1.0.0")


def _answers(number: int) -> bool:
    try:
        return ask(number) == (200, "1.0.0")
    except OSError:
        return False
