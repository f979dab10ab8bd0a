"""A release that is shown before it goes live: a real process under a real supervisord, which ends by itself."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from docker import APIClient
from sqlalchemy import Engine, select

from include import environment
from include.artifacts import Artifacts
from include.build_and_test.preview import preview
from include.build_and_test.run import build
from include.deployment.stop import stop
from include.errors import InputError
from include.ledger.engine import connect
from include.ledger.tables import previews
from include.parts.deployment import Containers, Deployment
from include.product import Product
from include.targets.containers import ENVIRONMENT, REPLICA
from include.targets.mortal import KEEPER, MortalContainers, mortal_of
from include.targets.supervision import members
from include.targets.target import DeploymentError, Replica
from tests.docker import IMAGE, engine
from tests.include.build_and_test.conftest import Repo, a_run
from tests.include.sandbox.test_runners import tar

SERVER = {"command": "python -m http.server {port} --bind 127.0.0.1", "port": 1, "health": "/green.xml"}
ROOT = Path(__file__).resolve().parents[3]
MEANS = (Deployment(command="x", port=1), Containers())


def shop(repo: Repo, **more: object) -> Product:
    return Product.model_validate(repo.product().model_dump() | {"deployment": SERVER | more})


def place(version: str) -> Path:
    return environment.folder(f"shop.{version}")


def get(url: str) -> int:
    with urllib.request.urlopen(url, timeout=10) as response:
        return int(response.status)


def until(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.1)


@pytest.fixture
def candidate(repo: Repo, ledger: Engine, artifacts: Artifacts) -> Iterator[Repo]:
    """A repository whose candidate is 1.0.0; no preview of it outlives the test, which ends as `make stop` does."""
    assert build(ledger, repo.product(), a_run(), artifacts)["publish"] == ["shop|1.0.0"]
    yield repo
    stop("shop.1.0.0")
    assert members(place("1.0.0")) == []


def test_a_candidate_is_shown_and_its_url_is_known(candidate: Repo, ledger: Engine, artifacts: Artifacts) -> None:
    product = shop(candidate)
    result = preview(ledger, product, a_run(2), "kim", artifacts, "", 10)
    assert result["release"] == "shop|1.0.0" and get(f"{result['url']}/green.xml") == 200
    with ledger.connect() as connection:
        row = connection.execute(select(previews)).mappings().one()
    assert (row["key"], row["url"], row["by"], row["at"]) == ("shop|1.0.0", result["url"], "kim", a_run(2).at)
    assert 500 < (row["ends_at"] - datetime.now(UTC)).total_seconds() <= 601  # in whole seconds
    assert preview(ledger, product, a_run(2), "kim", artifacts, "", 10) == result
    again = preview(ledger, product, a_run(3), "lee", artifacts, "1.0.0", 10)  # the first makes way
    assert get(f"{again['url']}/green.xml") == 200
    with pytest.raises(urllib.error.URLError):
        get(f"{result['url']}/green.xml")


def in_containers(repo: Repo, **more: object) -> Product:
    """The same product, built in containers because its code isn't trusted."""
    built = repo.product(runner="container", image=IMAGE, limits={"memory_mb": 100, "processes": 20}).model_dump()
    deployment = SERVER | {"command": "python -m http.server {port} --bind {host}"} | more
    return Product.model_validate(built | {"deployment": deployment})


@pytest.fixture
def client() -> Iterator[APIClient]:
    with engine() as client:
        yield client


def running(client: APIClient) -> list[dict[str, Any]]:
    label = MortalContainers(*MEANS, "shop.1.0.0", 0).name
    found = client.containers(filters={"label": f"{ENVIRONMENT}={label}"})
    return [dict(client.inspect_container(item["Id"])) for item in found if item["Labels"][REPLICA] != KEEPER]


def left(client: APIClient) -> list[Any]:
    ours = {"label": f"{ENVIRONMENT}={MortalContainers(*MEANS, 'shop.1.0.0', 0).name}"}
    return [*client.containers(all=True, filters=ours), *client.images(filters=ours), *client.networks(filters=ours)]


@pytest.mark.allow_hosts(["127.0.0.1", "172.16.0.0/12", "192.168.0.0/16"])  # where the engine's networks are
def test_untrusted_code_is_shown_in_a_container_that_reaches_nothing(
        client: APIClient, candidate: Repo, ledger: Engine, artifacts: Artifacts, tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch) -> None:
    product = in_containers(candidate)
    try:
        result = preview(ledger, product, a_run(2), "kim", artifacts, "", 10)
        assert get(f"{result['url']}/green.xml") == 200 and "//127." not in result["url"]
        [found] = running(client)
        host = found["HostConfig"]
        assert (host["CapDrop"], host["ReadonlyRootfs"], host["PidsLimit"]) == (["ALL"], True, 21)
        assert host["Memory"] == host["MemorySwap"] == 164_000_000 and host["SecurityOpt"] == ["no-new-privileges"]
        [network] = found["NetworkSettings"]["Networks"]
        assert client.inspect_network(network)["Internal"] and found["Config"]["User"] == "65534:65534"
        deployed = in_containers(candidate, containers={"image": IMAGE})
        again = preview(ledger, deployed, a_run(3), "lee", artifacts, "1.0.0", 10)  # the first makes way
        assert get(f"{again['url']}/green.xml") == 200 and again["url"].startswith("http://127.0.0.1:")
        [found] = running(client)
        assert list(found["NetworkSettings"]["Networks"]) == ["bridge"]
        products = tmp_path / "products"
        products.mkdir()
        (products / "shop.yaml").write_text(deployed.model_dump_json(exclude_unset=True))
        monkeypatch.setenv("CLOSED_LOOP_PRODUCTS", str(products))
        stop("shop.1.0.0")  # as `make stop` does
        assert left(client) == []
    finally:
        mortal_of(product, "1.0.0").end()
    assert left(client) == []


HOSTILE = "trap '' TERM INT HUP ALRM; kill -STOP -1; kill -KILL -1; while :; do sleep 1; done"


@pytest.mark.allow_hosts(["127.0.0.1", "172.16.0.0/12", "192.168.0.0/16"])
def test_a_container_ends_in_time_whatever_its_code_does(client: APIClient, candidate: Repo, ledger: Engine,
                                                         artifacts: Artifacts) -> None:
    """Nobody of ours lives on to end it, and it ends nobody that would."""
    product = in_containers(candidate, command=f'sh -c "{HOSTILE}"')
    target = mortal_of(product, "1.0.0", ends := round(time.time()) + 8)
    try:
        target.unpack("1.0.0", tar({"x": "y"}))
        try:
            target.start([Replica("1.0.0", 8000)])
            assert running(client) or time.time() >= ends
        except DeploymentError:  # on a machine that is loaded so much that the time is over by now
            assert time.time() >= ends
        until(lambda: not running(client))
        assert time.time() >= ends
        target.end()
        broken = in_containers(candidate, command="sh -c 'echo no such thing; exit 1'")
        with pytest.raises(InputError, match=r"does not come up: v1\.0\.0_.* said: no such thing"):
            preview(ledger, broken, a_run(2), "kim", artifacts, "", 10)
    finally:
        target.end()
    assert left(client) == []


KILLED = """\
import os, pathlib, sys
from include.build_and_test import preview as it
from tests.include.build_and_test.test_preview import again, place
def die(*_):
    if sys.argv[1] == "supervisor":
        os.kill(int((place("1.0.0") / "supervisord.pid").read_text()), 9)
    os.kill(os.getpid(), 9)
it.wait_healthy = die
again(*sys.argv[2:])
"""


def again(url: str, root: str, path: str) -> None:
    """What the killed task does."""
    repository = {"url": path, "test": "true"}
    product = Product.model_validate({"name": "shop", "title": "Shop", "owner": "team", "repository": repository,
                                      "deployment": SERVER})
    preview(connect(url), product, a_run(2), "kim", Artifacts(root), "", 0.1)


@pytest.mark.parametrize("what", ["task", "supervisor"])
def test_it_ends_by_itself_where_whoever_started_it_was_killed(candidate: Repo, ledger: Engine, artifacts: Artifacts,
                                                               what: str) -> None:
    """Killed when the preview runs and nothing is written yet; in the second case its supervisor too."""
    command = [sys.executable, "-c", KILLED, what, str(ledger.url), artifacts.root, str(candidate.path)]
    killed = subprocess.run(command, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=False)
    assert killed.returncode == -signal.SIGKILL and members(place("1.0.0"))
    with ledger.connect() as connection:
        assert connection.execute(select(previews)).all() == []
    until(lambda: not members(place("1.0.0")))
    candidate.commit("feat: b")
    build(ledger, candidate.product(), a_run(3), artifacts)
    with pytest.raises(InputError, match="does not come up: command not found: nowhere"):
        preview(ledger, shop(candidate, command="nowhere"), a_run(4), "kim", artifacts, "", 1)
    assert not place("1.0.0").exists() and not members(place("1.1.0"))


def test_what_can_not_be_shown_is_named(candidate: Repo, ledger: Engine, artifacts: Artifacts) -> None:
    for product, version, why in (
            (candidate.product(), "", "has no deployment"), (shop(candidate), "9.9.9", "has no release 9")):
        with pytest.raises(InputError, match=why):
            preview(ledger, product, a_run(2), "kim", artifacts, version, 1)
    [archive] = (Path(artifacts.root) / "sha256").rglob("*.tar")
    archive.write_bytes(b"another")
    with pytest.raises(InputError, match="not the one that was built"):
        preview(ledger, shop(candidate), a_run(2), "kim", artifacts, "", 1)
