"""The beta ring over a real HAProxy: who is in it meets the candidate, nobody else does, and no request fails."""

import csv
import http.client
import io
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Engine

from include.artifacts import Artifacts
from include.assignment import bucket
from include.deployment.beta import tend_ring
from include.deployment.environment import Environment
from include.deployment.reconcile import drift
from include.deployment.ring import SALT
from include.deployment.run import deploy, ensure_running
from include.deployment.stop import stop
from include.ledger.runs import lease
from include.ledger.tables import phase_runs
from include.product import Product
from tests import rows
from tests.conftest import NOW
from tests.include.deployment.shop import Customers, archive, candidate, product, run_of

PERCENT = 20
RING: dict[str, Any] = {"who": {"header": "x-user"}, "percent": PERCENT, "users": ["ada", *(f"tester-{n}" for n in range(60))],
                        "signs": [{"header": "x-beta", "value": "on"}, {"cookie": "beta", "value": "1"}], "hours": 2}
PEOPLE = [f"p{number}" for number in range(150)]
INSIDE = next(person for person in PEOPLE if bucket(SALT, person) < PERCENT * 100)
OUTSIDE = next(person for person in PEOPLE if bucket(SALT, person) >= PERCENT * 100)


@pytest.fixture
def shop(ledger: Engine, artifacts: Artifacts) -> Product:
    """1.0.0 runs; 1.1.0 is a compliant candidate that nobody has accepted."""
    found = product(ring=RING, replicas=1, start_seconds=60, canary={"seconds": 90, "analysis": None})
    candidate(ledger, artifacts, "1.0.0")
    assert deploy(ledger, found, run_of("1.0.0"), artifacts)["status"] == "succeeded"
    candidate(ledger, artifacts, "1.1.0", gates=("compliance_checks",))
    return found


def get(port: int, path: str = "/tea", **headers: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def port_of(shop: Product) -> int:
    assert shop.deployment
    return shop.deployment.port


@contextmanager
def ring_users(port: int) -> Iterator[list[tuple[int, str]]]:
    """Two who are in the ring keep asking; what they are answered."""
    answers, done = list[tuple[int, str]](), threading.Event()

    def ask(headers: dict[str, str]) -> None:
        while not done.wait(0.01):
            answers.append(get(port, **headers))

    threads = [threading.Thread(target=ask, args=(headers,)) for headers in ({"x_user": "ada"}, {"cookie": "beta=1"})]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        done.set()
        for thread in threads:
            thread.join()


def meets(port: int, headers: dict[str, str], version: str) -> bool:
    return get(port, **headers) == (200, version)


def fell(environment: Environment) -> int:
    """How often HAProxy thought the ring's servers dead: a machine under load answers health checks late, and then the running
    version takes the ring's requests, as it should."""
    found = csv.DictReader(io.StringIO(environment.haproxy.command("show stat").removeprefix("# ")))
    return sum(int(row["chkdown"] or 0) for row in found if row["pxname"] == "ring" and row["svname"] != "BACKEND")


def wait_until(holds: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_who_is_in_the_ring_meets_the_candidate_and_nobody_else_does(shop: Product, ledger: Engine, artifacts: Artifacts) -> None:
    port, environment = port_of(shop), Environment(shop)
    with Customers(port).asking() as stable, ring_users(port) as ring:
        wait_until(lambda: stable.asked > 20 and len(ring) > 5)
        assert {text for _, text in ring} == {"1.0.0"}
        opened = len(ring)
        assert environment.open_ring("1.1.0", partial(archive)) is True
        assert environment.open_ring("1.1.0", partial(archive)) is False
        wait_until(lambda: ring[-1:] == [(200, "1.1.0")])
        settled, met = len(ring), dict[str, bool]()
        for person in PEOPLE:
            met[person] = get(port, x_user=person) == (200, "1.1.0")
        assert not {person for person in PEOPLE if met[person] and bucket(SALT, person) >= PERCENT * 100}
        assert fell(environment) or met == {person: bucket(SALT, person) < PERCENT * 100 for person in PEOPLE}
        for inside in ({"x_user": "ada"}, {"x_user": "tester-59"}, {"x_beta": "on"}, {"cookie": "a=b; beta=1"},
                       {"x_user": OUTSIDE, "x_beta": "on"}):
            wait_until(partial(meets, port, inside, "1.1.0"))
        for outside in ({}, {"x_user": ""}, {"x_user": "adam"}, {"x_beta": "off"}, {"cookie": "beta=10"}, {"x_other": "ada"}):
            assert get(port, **outside) == (200, "1.0.0")
        wait_until(lambda: drift(ledger, shop) == [])
        assert [*environment.status()["ring"]] == ["1.1.0"]
        closing = len(ring)
        assert fell(environment) or {text for _, text in ring[settled:closing]} == {"1.1.0"}
        environment.close_ring()
        assert get(port, x_user="ada") == (200, "1.0.0")
    assert stable.failures == [] and set(stable.seen) == {"1.0.0"}
    assert {status for status, _ in ring} == {200} and opened < settled < closing < len(ring)
    assert environment.ring() == [] and set(environment.target.seen()) == {item.name for item in environment.replicas()}


def test_a_ring_that_dies_costs_nobody_else_and_its_own_fall_back(shop: Product) -> None:
    port, environment = port_of(shop), Environment(shop)
    with Customers(port).asking() as stable:
        environment.open_ring("1.1.0", partial(archive, "dies"))
        wait_until(lambda: stable.asked > 20)
        assert get(port, x_user="ada")[0] in (502, 503) or fell(environment)  # it dies when it is asked, until HAProxy sees that
        environment.haproxy.command(f"set server ring/{environment.ring()[0].name} state maint")
        assert get(port, x_user="ada") == (200, "1.0.0")
    assert stable.failures == [] and set(stable.seen) == {"1.0.0"}


def test_a_ring_opens_once_compliant_and_ends_with_its_time(shop: Product, ledger: Engine, artifacts: Artifacts) -> None:
    run, port = replace(run_of("1.1.0"), phase="user_testing"), port_of(shop)
    tend = partial(tend_ring, ledger, shop, run, artifacts)
    assert tend(NOW)["why"] == "it is open" and tend(NOW + timedelta(hours=1))["over"] is False
    wait_until(partial(meets, port, {"x_user": INSIDE}, "1.1.0"))
    with lease(ledger, "deployment:shop", "somebody else"), pytest.MonkeyPatch.context() as patch:
        patch.setattr("include.deployment.beta.WAIT", 0.1)
        assert tend(NOW)["why"] == "a deployment is under way"
    over = tend(NOW + timedelta(hours=2))
    assert (over["over"], over["why"], over["errors"]) == (True, "its time is over", 0) and over["requests"] >= 1
    assert tend(NOW) == over and get(port, x_user=INSIDE) == (200, "1.0.0")


def test_a_ring_is_looked_after_as_long_as_it_is_to_be_open(shop: Product, ledger: Engine, artifacts: Artifacts) -> None:
    def told() -> list[str]:
        return [str(item) for item in drift(ledger, shop)]

    run, port = replace(run_of("1.1.0"), phase="user_testing"), port_of(shop)
    tend = partial(tend_ring, ledger, shop, run, artifacts)
    tend(NOW)
    wait_until(lambda: told() == [])
    [item] = Environment(shop).ring()
    stop("shop")
    assert f"target: {item.name}: wanted running, found absent" in told()
    assert ensure_running(ledger, shop, artifacts) == "1.0.0"
    wait_until(partial(meets, port, {"x_user": INSIDE}, "1.1.0"))
    wait_until(lambda: told() == [])
    assert shop.deployment
    without = shop.model_copy(update={"deployment": shop.deployment.model_copy(update={"ring": None})})
    assert "file: beta ring: wanted None, found 1.1.0" in map(str, drift(ledger, without))
    there = Environment(shop).replicas()
    assert tend(NOW + timedelta(hours=2))["over"]
    wait_until(lambda: told() == [])
    Environment(shop)._write_state([*there])  # as if it had not been closed
    assert "ledger: beta ring: wanted over for 1.1.0, found open" in told()
    assert ensure_running(ledger, shop, artifacts) == "1.0.0"
    wait_until(lambda: told() == [])
    assert Environment(shop).ring() == []


def test_a_deployment_ends_the_ring(shop: Product, ledger: Engine, artifacts: Artifacts) -> None:
    run = replace(run_of("1.1.0"), phase="user_testing")
    assert tend_ring(ledger, shop, run, artifacts, NOW)["over"] is False
    candidate(ledger, artifacts, "1.1.0")
    with Customers(port_of(shop)).asking() as stable, ring_users(port_of(shop)) as ring:
        assert deploy(ledger, shop, run_of("1.1.0", 1), artifacts)["status"] == "succeeded"
    assert stable.failures == [] and {status for status, _ in ring} == {200}
    assert get(port_of(shop), x_user=OUTSIDE) == (200, "1.1.0")
    assert tend_ring(ledger, shop, run, artifacts, NOW)["why"] == "1.1.0 is live"
    assert Environment(shop).ring() == []


def test_what_is_not_compliant_or_does_not_start_meets_nobody(shop: Product, ledger: Engine, artifacts: Artifacts) -> None:
    def why(version: str) -> str:
        return str(tend_ring(ledger, shop, replace(run_of(version), phase="user_testing"), artifacts, NOW)["why"])

    candidate(ledger, artifacts, "1.2.0", gates=())
    assert why("1.2.0") == "its compliance is checked"
    rows.put(ledger, phase_runs, {"phase": "compliance_checks", "run_id": "r", "key": "shop|1.2.0", "at": NOW,
                                  "result": {"publish": []}})
    assert why("1.2.0") == "it is not compliant"
    candidate(ledger, artifacts, "1.3.0", "exits", gates=("compliance_checks",))
    assert "no configuration, no service" in why("1.3.0")
    assert get(port_of(shop), x_user="ada") == (200, "1.0.0") and Environment(shop).ring() == []


def test_a_ring_without_anybody_is_refused() -> None:
    for wrong in ({}, {"percent": 5}, {"users": ["ada"]}, {"users": ["a b"], "who": {"cookie": "u"}}, {"signs": [{"value": "1"}]},
                  {"percent": 5, "who": {"header": "a", "cookie": "b"}}):
        with pytest.raises(ValueError):
            product(ring=wrong)
