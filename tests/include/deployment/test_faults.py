"""Whatever is killed, whenever: one truth afterwards, and customers who notice nothing (of HAProxy: test_proxy.py)."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, delete, select, update

from include import environment
from include.artifacts import Artifacts
from include.deployment.environment import Environment
from include.deployment.record import rollback_lease
from include.deployment.run import deploy, ensure_running
from include.deployment.status import status
from include.deployment.stop import stop
from include.deployment.traffic import PROCESSES
from include.ledger.engine import reading, writing
from include.ledger.runs import LostLeaseError, lease
from include.ledger.tables import deployments, leases
from include.product import Product
from include.targets.supervision import members
from include.targets.target import free_ports
from tests.crash import dump, ledger_after_kills
from tests.freezing import freeze
from tests.include.deployment.shop import Customers, ask, candidate, product, run_of, worker

ROOT = Path(__file__).resolve().parents[3]
DEPLOY = """
import signal
import sys
from include.artifacts import Artifacts
from include.deployment.run import deploy
from include.ledger.engine import connect
from include.product import Product
from tests.crash import ledger_after_kills
from tests.include.deployment.shop import run_of

signal.signal(signal.SIGTERM, lambda *_: sys.exit("asked to end"))
product, ledger, artifacts, version = sys.argv[1:]
deploy(connect(ledger), Product.model_validate_json(product), run_of(version, 5), Artifacts(artifacts))
"""


def until(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.01)


def weights(shop: Product) -> dict[str, int]:
    """The weight of one replica of each version that is wanted, but for a baseline's."""
    return {item.version: item.weight for item in Environment(shop).replicas() if not item.baseline}


def shares(shop: Product) -> dict[str, float]:
    """The share of each version's weights, as HAProxy has them."""
    return {version: entry["share"] for version, entry in status(shop)["versions"].items()}


def pid_of(text: str) -> int:
    """The pid of the environment's process whose command line holds `text`."""
    for pid in members(environment.folder("shop")):
        if text in Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " "):
            return pid
    raise AssertionError(f"no process with {text!r}")


def settled(engine: Engine, shop: Product, version: str) -> None:
    """The ledger, HAProxy and supervisord agree that `version` runs alone."""
    until(lambda: all(item["healthy"] for entry in status(shop)["versions"].values() for item in entry["replicas"]))
    found = status(shop)
    assert {name: entry["share"] for name, entry in found["versions"].items()} == {version: 100.0}
    replicas = found["versions"][version]["replicas"]
    assert (found["supervisor"], found["haproxy"], found["processes"]) == (True, True, 1 + PROCESSES + len(replicas))
    with reading(engine) as connection:
        newest = connection.execute(select(deployments).where(deployments.c.status == "succeeded")
                                    .order_by(deployments.c.finished_at.desc())).first()
        assert not connection.execute(select(deployments).where(deployments.c.status == "running")).all()
    assert newest is not None
    assert newest.version == version
    assert [path.name for path in (environment.folder("shop") / "versions").iterdir()] == [version]


MOMENTS: dict[str, Callable[[dict[str, int]], bool]] = {
    "the new replicas are being started": lambda found: found.get("1.1.0") == 0,
    "a tenth of the traffic is moved": lambda found: found.get("1.1.0") == 1 and found.get("1.0.0") == 8,
    "all traffic is moved": lambda found: found.get("1.0.0") == 0,
    "the old replicas are being stopped": lambda found: "1.0.0" not in found,
}


@pytest.mark.parametrize(("moment", "later"), [(moment, later) for moment in MOMENTS for later in ("the same run",)]
                         + [("a tenth of the traffic is moved", "another run")])
def test_a_deployment_killed_half_way_is_taken_up(ledger: Engine, artifacts: Artifacts, moment: str, later: str) -> None:
    shop = product(replicas=1)
    assert shop.deployment
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        candidate(ledger, artifacts, version)
    deploy(ledger, shop, run_of("1.0.0"), artifacts)
    command = [sys.executable, "-c", DEPLOY, shop.model_dump_json(), str(ledger.url), artifacts.root, "1.1.0"]
    with Customers(shop.deployment.port).asking() as customers:
        with subprocess.Popen(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}) as task:
            try:
                until(lambda: MOMENTS[moment](weights(shop)))
            finally:
                task.kill()
        run = run_of("1.1.0", 5) if later == "the same run" else run_of("1.2.0", 10)
        if later == "another run":
            with writing(ledger) as connection:  # half a minute later
                connection.execute(delete(leases))
        result = deploy(ledger, shop, run, artifacts)
    assert (result["status"], customers.failures) == ("succeeded", [])
    settled(ledger, shop, str(run.key.version))


def test_a_deployment_that_slept_changes_nothing_when_it_wakes(ledger: Engine, artifacts: Artifacts) -> None:
    shop = product(replicas=1)
    assert shop.deployment
    for version in ("1.0.0", "1.1.0"):
        candidate(ledger, artifacts, version)
    deploy(ledger, shop, run_of("1.0.0"), artifacts)
    patient = product(shop.deployment.port, replicas=1, canary={"min_requests": 1_000_000, "seconds": 600})
    command = [sys.executable, "-c", DEPLOY, patient.model_dump_json(), str(ledger.url), artifacts.root, "1.1.0"]
    with Customers(shop.deployment.port).asking() as customers:
        with subprocess.Popen(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE) as task:
            try:
                until(lambda: shares(shop).get("1.1.0", 0) > 0)
                freeze(task, ledger)
                assert deploy(ledger, shop, run_of("1.1.0", 5), artifacts)["status"] == "succeeded"  # it is tried again
                before, replicas = dump(ledger), Environment(shop).replicas()
                task.send_signal(signal.SIGCONT)
                _, said = task.communicate(timeout=180)
            finally:
                task.kill()
        assert (task.returncode, b"LostLeaseError" in said) == (1, True)
        assert (dump(ledger), Environment(shop).replicas()) == (before, replicas)
    assert customers.failures == []
    settled(ledger, shop, "1.1.0")


def test_who_lost_its_lease_moves_no_traffic(ledger: Engine, artifacts: Artifacts) -> None:
    shop = product(replicas=1)
    candidate(ledger, artifacts, "1.0.0")
    deploy(ledger, shop, run_of("1.0.0"), artifacts)
    there, config = Environment(shop), environment.folder("shop") / "haproxy.cfg"
    replicas, before = there.replicas(), config.read_bytes()
    with lease(ledger, "deployment:shop", "slept"):
        with writing(ledger) as connection:
            connection.execute(update(leases).values(holder="another"))
        for step in (lambda: there.haproxy.converge([]), lambda: there.traffic.apply([]), lambda: there.share("1.0.0", 100),
                     there.clear, lambda: there.retire({replicas[0].name})):
            with pytest.raises(LostLeaseError):
                step()
    assert (there.replicas(), config.read_bytes(), shares(shop)) == (replicas, before, {"1.0.0": 100.0})


def test_a_deployment_that_is_asked_to_end_leaves_no_canary_behind(ledger: Engine, artifacts: Artifacts) -> None:
    shop = product(replicas=1)
    for version in ("1.0.0", "1.1.0"):
        candidate(ledger, artifacts, version)
    deploy(ledger, shop, run_of("1.0.0"), artifacts)
    command = [sys.executable, "-c", DEPLOY, shop.model_dump_json(), str(ledger.url), artifacts.root, "1.1.0"]
    with subprocess.Popen(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, stderr=subprocess.DEVNULL) as task:
        until(lambda: weights(shop).get("1.1.0") == 1)
        task.terminate()
        assert task.wait(120) == 1
    assert {name: entry["share"] for name, entry in status(shop)["versions"].items()} == {"1.0.0": 100.0, "1.1.0": 0.0}


def test_haproxy_killed_comes_back_with_its_weights(ledger: Engine, artifacts: Artifacts) -> None:
    shop = product()
    assert shop.deployment
    for version in ("1.0.0", "1.1.0"):
        candidate(ledger, artifacts, version)
        deploy(ledger, shop.model_copy(update={"deployment": shop.deployment.model_copy(update={
            "canary": shop.deployment.canary.model_copy(update={"seconds": 0.2, "when_unsure": "promote"})})}),
            run_of(version, int(version[2])), artifacts)
    assert ask(shop.deployment.port) == (200, "1.1.0")
    log = environment.access_log("shop")
    until(log.read_bytes)
    before = log.read_bytes()
    os.kill(worker(Environment(shop)), signal.SIGKILL)
    until(lambda: status(shop)["haproxy"])
    assert ask(shop.deployment.port) == (200, "1.1.0")
    until(lambda: len(log.read_bytes()) > len(before))
    assert log.read_bytes().startswith(before)
    assert len(log.read_bytes().splitlines()) == len(before.splitlines()) + 1
    until(lambda: all(item["state"] == "running" for item in status(shop)["versions"]["1.1.0"]["replicas"]))
    settled(ledger, shop, "1.1.0")


def test_haproxy_killed_in_the_middle_of_a_canary(ledger: Engine, artifacts: Artifacts) -> None:
    shop = product(replicas=1, canary={"min_requests": 60})
    assert shop.deployment
    candidate(ledger, artifacts, "1.0.0")
    candidate(ledger, artifacts, "1.1.0")
    deploy(ledger, shop, run_of("1.0.0"), artifacts)
    command = [sys.executable, "-c", DEPLOY, shop.model_dump_json(), str(ledger.url), artifacts.root, "1.1.0"]
    with Customers(shop.deployment.port).asking(), \
            subprocess.Popen(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}) as task:
        until(lambda: weights(shop).get("1.1.0") == 1)
        os.kill(worker(Environment(shop)), signal.SIGKILL)
        assert task.wait(300) == 0
    settled(ledger, shop, "1.1.0")


def test_a_replica_killed_no_customer_notices(ledger: Engine, artifacts: Artifacts) -> None:
    shop = product()
    assert shop.deployment
    candidate(ledger, artifacts, "1.0.0")
    deploy(ledger, shop, run_of("1.0.0"), artifacts)
    with Customers(shop.deployment.port, methods=("GET",)).asking() as customers:
        os.kill(killed := pid_of("app.py"), signal.SIGKILL)
        until(lambda: killed not in members(environment.folder("shop")) and status(shop)["processes"] == 3 + PROCESSES)
        until(lambda: all(item["healthy"] for item in status(shop)["versions"]["1.0.0"]["replicas"]))
    assert customers.failures == []


def killed_supervisor(shop: Product) -> None:
    os.kill(pid_of("supervisor.supervisord"), signal.SIGKILL)
    until(lambda: not status(shop)["supervisor"])


def killed_everything(shop: Product) -> None:
    for pid in members(environment.folder("shop")):
        os.kill(pid, signal.SIGKILL)
    until(lambda: not members(environment.folder("shop")))


def stopped(shop: Product) -> None:
    stop("shop")
    assert members(environment.folder("shop")) == []
    assert not environment.sockets("shop").joinpath("supervisor.sock").exists()


@pytest.mark.parametrize("fault", [killed_supervisor, killed_everything, stopped])
def test_the_running_version_comes_back(ledger: Engine, artifacts: Artifacts, fault: Callable[[Product], Any]) -> None:
    shop = product()
    assert shop.deployment
    assert ensure_running(ledger, shop, artifacts) is None
    candidate(ledger, artifacts, "1.0.0")
    deploy(ledger, shop, run_of("1.0.0"), artifacts)
    fault(shop)
    assert ensure_running(ledger, shop, artifacts) == "1.0.0"
    assert ask(shop.deployment.port) == (200, "1.0.0")
    settled(ledger, shop, "1.0.0")


def test_an_answer_under_way_is_finished(ledger: Engine, artifacts: Artifacts) -> None:
    """A request that takes a second began on the old version, and ends there although all traffic has moved."""
    shop = product(replicas=1, canary={"steps": [100], "seconds": 0.1, "when_unsure": "promote"})
    assert shop.deployment
    port, answers = shop.deployment.port, list[tuple[int, str]]()
    candidate(ledger, artifacts, "1.0.0")
    candidate(ledger, artifacts, "1.1.0")
    deploy(ledger, shop, run_of("1.0.0"), artifacts)
    asking = threading.Event()

    def slowly() -> None:
        while not asking.is_set():
            answers.append(ask(port, "/slow"))

    threads = [threading.Thread(target=slowly) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        deploy(ledger, shop, run_of("1.1.0", 5), artifacts)
    finally:
        asking.set()
        for thread in threads:
            thread.join()
    assert {code for code, _ in answers} == {200}


def test_sockets_of_a_long_home(ledger: Engine, artifacts: Artifacts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / ("long " * 20).strip() / "100 % home"
    monkeypatch.setenv("CLOSED_LOOP_HOME", str(home))
    shop = product(replicas=1)
    assert shop.deployment
    candidate(ledger, artifacts, "1.0.0")
    try:
        assert deploy(ledger, shop, run_of("1.0.0"), artifacts)["status"] == "succeeded"
        assert ask(shop.deployment.port) == (200, "1.0.0")
        until(environment.access_log("shop").read_text)  # a line is written after its answer
        assert environment.sockets("shop").stat().st_mode & 0o777 == 0o700
    finally:
        stop("shop")
    assert not environment.sockets("shop").exists()
    assert members(environment.folder("shop")) == []


@pytest.fixture
def small_disk(home: Path, nothing_stays: None) -> Iterator[Path]:
    """What the product's environment writes lies on a disk of 3 MB. Mounting it takes root, whom CI runs as."""
    if os.geteuid() and not os.environ.get("CI"):
        pytest.skip("only root may mount a small disk")
    place = home / "run"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(place)], check=True)
    yield place
    stop("shop")
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def filled(place: Path) -> Path:
    """A file that leaves no byte free."""
    file = place / "filling"
    with contextlib.suppress(OSError), file.open("wb", buffering=0) as out:
        while True:
            out.write(bytes(4096))
    return file


def test_a_full_disk(ledger: Engine, artifacts: Artifacts, small_disk: Path) -> None:
    """A version that doesn't fit is not deployed; where the disk gets full in a canary, all traffic returns."""
    shop = product(replicas=1, canary={"steps": [50, 100], "min_requests": 100_000, "seconds": 300, "analysis": None})
    assert shop.deployment
    for version, padding in (("1.0.0", 0), ("1.1.0", 4_000_000), ("1.2.0", 0)):
        candidate(ledger, artifacts, version, padding=padding)
    deploy(ledger, shop, run_of("1.0.0"), artifacts)
    with Customers(shop.deployment.port).asking() as customers:
        result = deploy(ledger, shop, run_of("1.1.0", 5), artifacts)
        assert (result["status"], set(customers.seen)) == ("failed", {"1.0.0"})
        assert "can't be unpacked: [Errno 28] No space left on device" in result["failed"]
        settled(ledger, shop, "1.0.0")

        with ThreadPoolExecutor(1) as pool:
            task = pool.submit(deploy, ledger, shop, run_of("1.2.0", 9), artifacts)
            until(lambda: shares(shop) == {"1.0.0": 50.0, "1.2.0": 50.0}, 60)
            file = filled(small_disk)
            with lease(ledger, rollback_lease("shop"), "a person"), pytest.raises(OSError, match="No space left on device"):
                task.result(120)
        assert shares(shop) == {"1.0.0": 100.0, "1.2.0": 0.0}
        file.unlink()
        quick = shop.model_copy(update={"deployment": shop.deployment.model_copy(update={
            "canary": shop.deployment.canary.model_copy(update={"min_requests": 10})})})
        assert deploy(ledger, quick, run_of("1.2.0", 9), artifacts)["status"] == "succeeded"
    assert customers.failures == []
    settled(ledger, shop, "1.2.0")


QUIET = product(free_ports(1)[0], canary={"seconds": 0.1, "when_unsure": "promote", "steps": [50, 100]}, replicas=1)


def prepare(engine: Engine, folder: Path) -> None:
    os.environ["CLOSED_LOOP_HOME"] = str(folder / "home")
    for version in ("1.0.0", "1.1.0"):
        candidate(engine, Artifacts(str(folder / "artifacts")), version)
    deploy(engine, QUIET, run_of("1.0.0"), Artifacts(str(folder / "artifacts")))
    stop("shop")


def scenario(engine: Engine, folder: Path) -> object:
    os.environ["CLOSED_LOOP_HOME"] = str(folder / "home")
    return deploy(engine, QUIET, run_of("1.1.0", 5), Artifacts(str(folder / "artifacts")))


def cleanup(engine: Engine, folder: Path) -> None:
    os.environ["CLOSED_LOOP_HOME"] = str(folder / "home")
    stop("shop")


def test_killed_at_any_statement_the_ledger_is_that_of_an_undisturbed_run(migrated: Path, tmp_path: Path) -> None:
    assert ledger_after_kills(migrated, tmp_path, f"{__name__}:scenario", at_most=4) == 4
