"""What a build adds to the time that the product's own tests take: the tea shop's, by runner."""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from docker import APIClient
from docker.errors import DockerException
from docker.utils import kwargs_from_env

from bench.rows import row
from include.archive import extract
from include.artifacts import Artifacts
from include.build_and_test.git import Mirror
from include.build_and_test.run import build
from include.build_and_test.trial import tried
from include.key import Key
from include.ledger.engine import connect, upgrade
from include.ledger.runs import Run
from include.parts.repository import Repository
from include.product import Product
from include.sandbox.container import Container
from include.sandbox.process import Sandbox
from include.sandbox.runner import Runner
from local.sample.history import create

TIMES = 5
IMAGE = os.environ.get("CLOSED_LOOP_TEST_IMAGE", "closed-loop-test-base")
SETTINGS = Repository.model_validate({"url": "shop", "test": "python run_tests.py", "image": IMAGE})


def measure() -> list[dict[str, Any]]:
    """Containers are measured where a Docker engine with the tests' image answers (local/docker.sh)."""
    with tempfile.TemporaryDirectory() as name, _engine() as client:
        folder = Path(name)
        mirror = Mirror(folder / "mirror.git", f"file://{create(folder)}", "main")
        archive = mirror.archive(mirror.fetch())
        extract(archive, folder / "alone")
        alone = _seconds(lambda: subprocess.run([sys.executable, "run_tests.py"], cwd=folder / "alone", check=True,
                                                capture_output=True))
        runners: dict[str, Runner] = {"process": Sandbox(folder / "process", SETTINGS.limits)}
        if client is not None:
            runners["container"] = Container(client, "bench", folder / "container", SETTINGS)
        found = {f"build_{kind}": (_seconds(partial(_green, runner, archive)), f"its tests in a fresh {kind}, made and removed")
                 for kind, runner in runners.items()}
        found["build_release"] = (_seconds(partial(_release, folder, mirror.url)),
                                  "all that a run does: fetch, tests in a fresh process, bill of materials, ledger")
        return [row(name, seconds, "s", "the tea shop's tests alone", alone, TIMES, note, more_is_better=False)
                for name, (seconds, note) in found.items()]


@contextmanager
def _engine() -> Iterator[APIClient | None]:
    try:
        client = APIClient(**kwargs_from_env(), version="auto")
    except DockerException:
        yield None
        return
    yield client
    client.close()


def _green(runner: Runner, archive: bytes) -> None:
    tested = tried(runner, archive, SETTINGS)
    assert not tested.failed, tested.failed


def _release(folder: Path, url: str) -> None:
    """A first release, with a home and a ledger of its own, which is there already."""
    ledger = folder / "ledger.db"
    if not ledger.exists():
        upgrade(f"sqlite:///{ledger}")
        connect(f"sqlite:///{ledger}").dispose()  # all of it is in one file now
    with tempfile.TemporaryDirectory(dir=folder) as home:
        os.environ["CLOSED_LOOP_HOME"] = home
        product = Product(name="shop", title="Shop", owner="bench", repository=SETTINGS.model_copy(update={"url": url}))
        shutil.copy(ledger, home)
        engine = connect(f"sqlite:///{home}/ledger.db")
        result = build(engine, product, Run("build_and_test", "bench", Key("shop"), datetime.now(UTC)), Artifacts(f"{home}/kept"))
        engine.dispose()
        assert result["publish"], result


def _seconds(work: Callable[[], object]) -> float:
    def once() -> float:
        started = time.perf_counter()
        work()
        return time.perf_counter() - started

    return statistics.median(once() for _ in range(TIMES))
