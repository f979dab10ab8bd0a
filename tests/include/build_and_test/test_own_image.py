"""A release whose tests run in the image that its own Dockerfile makes, on a real Docker engine."""

from collections.abc import Iterator

import pytest
from docker import APIClient
from sqlalchemy import Engine, select

from include.artifacts import Artifacts
from include.build_and_test.run import Means, build
from include.ledger.tables import releases
from tests.docker import IMAGE, engine
from tests.include.build_and_test.conftest import Repo, a_run
from tests.include.sandbox.test_image import START, remove_images


@pytest.fixture
def client() -> Iterator[APIClient]:
    with engine() as client:
        yield client


def test_a_release_is_tested_in_its_own_image(client: APIClient, repo: Repo, ledger: Engine, artifacts: Artifacts) -> None:
    means = Means(docker=lambda _: client)
    repo.commit("feat: b", {"Dockerfile": START + "RUN echo made > /opt/made\n"})
    product = repo.product("grep made /opt/made && cp green.xml junit.xml", runner="container", image=IMAGE,
                           dockerfile="Dockerfile")
    result = build(ledger, product, a_run(), artifacts, means=means)
    assert result["publish"] == ["shop|1.0.0"] and result["image"].startswith("sha256:")
    repo.commit("feat: c", {"Dockerfile": START + "RUN false\n"})
    failed = build(ledger, product, a_run(2), artifacts, means=means)
    assert "the image could not be built: " in failed["failed"] and b"$ image: Dockerfile" in artifacts.read(failed["log"])
    with ledger.connect() as connection:
        images = list(connection.scalars(select(releases.c.image).order_by(releases.c.version)))
    assert images == [result["image"], None]
    name = next(tag for tag in client.inspect_image(result["image"])["Config"]["Labels"].values() if tag.startswith("shop-"))
    remove_images(client, name)
