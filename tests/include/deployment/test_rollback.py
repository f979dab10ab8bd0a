"""A person goes back to an earlier release: in seconds, without a failed request, whoever is killed."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from include.artifacts import Artifacts
from include.deployment.environment import Environment
from include.deployment.rollback import rollback
from include.deployment.run import deploy, ensure_running
from include.deployment.status import status
from include.deployment.stop import stop
from include.deployment.traffic import PROCESSES
from include.errors import InputError
from include.key import Key
from include.ledger.engine import reading
from include.ledger.runs import Run
from include.ledger.tables import deployments, releases, signals, stories
from include.product import Product
from include.targets.target import free_ports
from tests.conftest import NOW
from tests.crash import ledger_after_kills
from tests.include.deployment.shop import Customers, ask, candidate, product, run_of
from tests.include.deployment.test_run import answered_story, statuses
from tests.rows import get, types

ROOT = Path(__file__).resolve().parents[3]
QUICK = {"seconds": 0.1, "when_unsure": "promote", "steps": [100]}
RUN = Run("rollback", "form-1", Key("shop"), NOW.replace(hour=12))
BACK = """
import sys
from include.artifacts import Artifacts
from include.deployment.rollback import rollback
from include.ledger.engine import connect
from include.product import Product
from tests.include.deployment.test_rollback import RUN

product, ledger, artifacts = sys.argv[1:]
rollback(connect(ledger), Product.model_validate_json(product), RUN, "ana", "1.0.0", "coupons fail", Artifacts(artifacts))
"""


def deployed(engine: Engine, artifacts: Artifacts, shop: Product, *versions: str) -> None:
    for minute, version in enumerate(versions):
        candidate(engine, artifacts, version)
        assert deploy(engine, shop, run_of(version, minute), artifacts)["status"] == "succeeded"


def test_back_in_seconds_without_a_failed_request(ledger: Engine, artifacts: Artifacts) -> None:
    shop = product(canary=QUICK)
    assert shop.deployment
    port = shop.deployment.port
    deployed(ledger, artifacts, shop, "1.0.0")
    for number, release in enumerate(["shop|1.0.0", "shop|1.1.0", "shop|1.2.0"]):
        answered_story(ledger, number, release)
    deployed(ledger, artifacts, shop, "1.1.0", "1.2.0")
    assert [row["status"] for row in get(ledger, stories)] == ["scoped", "released", "released"]
    with Customers(port).asking() as customers:
        result = rollback(ledger, shop, RUN, "ana", "1.0.0", "coupons\nfail", artifacts)  # some 3 s where nothing else runs
    assert customers.failures == []
    assert (result["status"], result["signals"], result["publish"]) == ("succeeded", ["shop"], [])
    assert result["stories"] == ["story-1", "story-2"]
    assert (ask(port)[1], list(status(shop)["versions"]), status(shop)["processes"]) == ("1.0.0", ["1.0.0"], 3 + PROCESSES)
    assert statuses(ledger) == {"1.0.0": "deployed", "1.1.0": "superseded", "1.2.0": "rolled_back"}
    assert [row["status"] for row in get(ledger, stories)] == ["scoped", "scoped", "scoped"]
    [signal] = get(ledger, signals)
    assert (signal["kind"], signal["status"], signal["release"]) == ("deployment", "open", "shop|1.2.0")
    assert signal["title"] == "Release 1.2.0 of Tea shop was rolled back to 1.0.0 by ana: coupons fail"
    [row] = [row for row in get(ledger, deployments) if row["kind"] == "rollback"]
    assert (row["id"], row["version"], row["previous"], row["status"], row["by"], row["reason"]) == (
        "shop|1.0.0/form-1", "1.0.0", "1.2.0", "succeeded", "ana", "coupons fail")
    assert types(ledger)[-1] == "service.upgraded"
    assert {"incident.detected", "service.rolledback"} <= set(types(ledger))
    assert rollback(ledger, shop, RUN, "ana", "1.0.0", "coupons\nfail", artifacts) == result

    stop("shop")
    assert ensure_running(ledger, shop, artifacts) == "1.0.0"
    deployed(ledger, artifacts, shop, "1.3.0")  # it bears their commits too
    assert [row["status"] for row in get(ledger, stories)] == ["scoped", "released", "released"]
    assert [row["status"] for row in get(ledger, signals)] == ["resolved"]


@pytest.mark.parametrize(("version", "why", "message"), [
    ("1.1.0", "w", "shop runs 1.1.0 and can't go back to 1.1.0: earlier releases that were deployed are 1.0.0"),
    ("1.0.5", "w", "can't go back to 1.0.5"),  # never deployed
    ("1.2.0", "w", "can't go back to 1.2.0"),  # later
    ("one", "w", "is no key"),
    ("1.0.0", " ", "a rollback needs a reason"),
])
def test_what_is_no_earlier_release(ledger: Engine, artifacts: Artifacts, version: str, why: str, message: str) -> None:
    for other, state in (("1.0.0", "superseded"), ("1.1.0", "deployed"), ("1.0.5", "candidate"), ("1.2.0", "candidate")):
        candidate(ledger, artifacts, other)
        with ledger.begin() as connection:
            connection.execute(releases.update().where(releases.c.version == other).values(status=state))
            if state != "candidate":
                connection.execute(deployments.insert().values(
                    id=other, product="shop", version=other, environment="production", status="succeeded", started_at=NOW))
    with pytest.raises(InputError, match=message):
        rollback(ledger, product(), RUN, "ana", version, why, artifacts)


def test_nothing_runs(ledger: Engine, artifacts: Artifacts) -> None:
    with pytest.raises(InputError, match="nothing runs that could be rolled back"):
        rollback(ledger, product(), RUN, "ana", "1.0.0", "why", artifacts)


def test_an_earlier_release_that_does_not_start_any_more(ledger: Engine, artifacts: Artifacts) -> None:
    shop = product(canary=QUICK, replicas=1)
    assert shop.deployment
    deployed(ledger, artifacts, shop, "1.0.0", "1.1.0")
    with reading(ledger) as connection:
        name = connection.scalars(select(releases.c.artifact).where(releases.c.version == "1.0.0")).one()
    artifacts.write(name, b"rotten")
    with Customers(shop.deployment.port).asking() as customers:
        result = rollback(ledger, shop, RUN, "ana", "1.0.0", "coupons fail", artifacts)
    assert (result["status"], result["signals"], set(customers.seen), customers.failures) == ("failed", ["shop"], {"1.1.0"}, [])
    assert "could not be rolled back to 1.0.0, as ana wanted: the archive's digest is" in result["failed"]
    assert statuses(ledger) == {"1.0.0": "superseded", "1.1.0": "deployed"}


def test_a_canary_under_way_turns_back_first(ledger: Engine, artifacts: Artifacts) -> None:
    shop = product(canary=QUICK, replicas=1)
    assert shop.deployment
    deployed(ledger, artifacts, shop, "1.0.0", "1.1.0")
    candidate(ledger, artifacts, "1.2.0")
    slow = product(shop.deployment.port, canary={"seconds": 600, "min_requests": 1_000_000}, replicas=1)
    with ThreadPoolExecutor() as pool, Customers(shop.deployment.port).asking() as customers:
        canary = pool.submit(deploy, ledger, slow, run_of("1.2.0", 9), artifacts)
        deadline = time.monotonic() + 120
        place = Environment(slow)
        while not place.baseline() or {item.version: item.weight for item in place.replicas()}["1.2.0"] != 1:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert rollback(ledger, shop, RUN, "ana", "1.0.0", "coupons fail", artifacts)["status"] == "succeeded"
        result = canary.result()
    assert (result["status"], customers.failures) == ("rolled_back", [])
    assert "a person asked for a rollback while it had 10 % of traffic" in result["failed"]
    assert statuses(ledger) == {"1.0.0": "deployed", "1.1.0": "rolled_back", "1.2.0": "rolled_back"}
    assert (list(status(shop)["versions"]), status(shop)["processes"]) == (["1.0.0"], 2 + PROCESSES)


@pytest.mark.parametrize("moment", ["the old replicas are being started", "all traffic is back"])
def test_a_rollback_killed_half_way_is_taken_up(ledger: Engine, artifacts: Artifacts, moment: str) -> None:
    shop = product(canary=QUICK, replicas=1)
    assert shop.deployment
    deployed(ledger, artifacts, shop, "1.0.0", "1.1.0")
    command = [sys.executable, "-c", BACK, shop.model_dump_json(), str(ledger.url), artifacts.root]
    with Customers(shop.deployment.port).asking() as customers:
        with subprocess.Popen(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}) as task:
            deadline = time.monotonic() + 120
            wanted = 0 if moment.startswith("the old") else 256
            while {item.version: item.weight for item in Environment(shop).replicas()}.get("1.0.0") != wanted:
                assert time.monotonic() < deadline
                time.sleep(0.005)
            task.kill()
        result = rollback(ledger, shop, RUN, "ana", "1.0.0", "coupons fail", artifacts)
    assert (result["status"], customers.failures, list(status(shop)["versions"])) == ("succeeded", [], ["1.0.0"])
    assert statuses(ledger) == {"1.0.0": "deployed", "1.1.0": "rolled_back"}
    assert not [row for row in get(ledger, deployments) if row["status"] == "running"]


QUIET = product(free_ports(1)[0], canary=QUICK, replicas=1)


def prepare(engine: Engine, folder: Path) -> None:
    os.environ["CLOSED_LOOP_HOME"] = str(folder / "home")
    deployed(engine, Artifacts(str(folder / "artifacts")), QUIET, "1.0.0", "1.1.0")
    stop("shop")


def scenario(engine: Engine, folder: Path) -> object:
    os.environ["CLOSED_LOOP_HOME"] = str(folder / "home")
    return rollback(engine, QUIET, RUN, "ana", "1.0.0", "coupons fail", Artifacts(str(folder / "artifacts")))


def cleanup(engine: Engine, folder: Path) -> None:
    os.environ["CLOSED_LOOP_HOME"] = str(folder / "home")
    stop("shop")


def test_killed_at_any_statement_the_ledger_is_that_of_an_undisturbed_run(migrated: Path, tmp_path: Path) -> None:
    assert ledger_after_kills(migrated, tmp_path, f"{__name__}:scenario", at_most=2) == 2
