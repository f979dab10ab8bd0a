"""Whatever a test starts ends with it, however the test ended."""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from include import environment
from include.deployment.stop import stop
from include.targets.supervision import members


@pytest.fixture(autouse=True)
def nothing_stays(home: Path) -> Iterator[None]:
    yield
    for pid in members(environment.folder("shop")):  # quicker than asking, which has its own tests
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    stop("shop")
