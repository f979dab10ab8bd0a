"""A build on a real Docker engine, and without one."""

from collections.abc import Iterator

import pytest
from docker import APIClient
from sqlalchemy import Engine

from include.artifacts import Artifacts
from include.build_and_test.run import Means, build
from include.errors import InputError
from include.sandbox.container import LABEL
from tests.docker import IMAGE, engine
from tests.include.build_and_test.conftest import Repo, a_run


@pytest.fixture
def client() -> Iterator[APIClient]:
    with engine() as client:
        yield client


def test_a_build_runs_in_containers(client: APIClient, repo: Repo, ledger: Engine, artifacts: Artifacts) -> None:
    product = repo.product(runner="container", image=IMAGE, setup="echo ready > ~/ready",
                           test="cat ~/ready && cp green.xml junit.xml")
    result = build(ledger, product, a_run(), artifacts, means=Means(docker=lambda _: client))
    assert (result["publish"], result["tests"]["passed"]) == (["shop|1.0.0"], 2)
    assert b"ready\n" in artifacts.read(result["log"])
    repo.commit("feat: hostile")
    hostile = repo.product(runner="container", image=IMAGE, test="cp green.xml junit.xml; head -c 100G /dev/zero > big",
                           limits={"disk_mb": 20})
    result = build(ledger, hostile, a_run(2), artifacts, means=Means(docker=lambda _: client))
    assert result["publish"] == [] and "the test command failed: more than 20 MB of files" in result["failed"]
    assert not [found for found in client.containers(all=True) if found["Labels"].get(LABEL, "").startswith("shop-")]


def test_a_release_without_an_engine_says_so(repo: Repo, ledger: Engine, artifacts: Artifacts) -> None:
    with pytest.raises(InputError, match="there is no Docker engine"):
        build(ledger, repo.product(runner="container"), a_run(), artifacts)
