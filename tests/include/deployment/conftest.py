"""Whatever a test starts ends with it."""

from collections.abc import Iterator

import pytest

from include import environment
from include.deployment.stop import stop
from include.deployment.supervision import members


@pytest.fixture(autouse=True)
def nothing_stays(home: object) -> Iterator[None]:
    yield
    stop("shop")
    assert members(environment.folder("shop")) == []
