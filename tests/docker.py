"""A real Docker engine for tests: what local/docker.sh starts, or any other that DOCKER_HOST names."""

import functools
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.utils import kwargs_from_env

IMAGE = os.environ.get("CLOSED_LOOP_TEST_IMAGE", "closed-loop-test-base")
HOW = f"no Docker engine with the image {IMAGE} answers (sh local/docker.sh COMMAND runs a command with one)"


@contextmanager
def engine() -> Iterator[docker.APIClient]:
    """A client of it. Where none answers the test is skipped, but never in CI."""
    if trouble := _trouble():
        if os.environ.get("CI"):
            pytest.fail(f"{HOW}: {trouble}")
        pytest.skip(HOW)
    client = docker.APIClient(**kwargs_from_env(), version="auto")
    try:
        yield client
    finally:
        client.close()


@functools.cache
def _trouble() -> str:
    try:
        done = subprocess.run(["docker", "image", "inspect", IMAGE], capture_output=True, timeout=100)
    except (FileNotFoundError, subprocess.TimeoutExpired) as error:
        return str(error)
    return done.stderr.decode() if done.returncode else ""


class OwnEngine:
    """A Docker engine of this test alone, which may be killed: its daemon, with all that it keeps, lies in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.url = folder, f"unix://{folder}/docker.sock"
        self.daemon: subprocess.Popen[bytes] | None = None

    def start(self, *flags: str) -> None:
        """Start the daemon (again where it gives up: its parts wait for each other some seconds only) until it answers."""
        places = [f"--{name}={self.folder / name}" for name in ("data-root", "exec-root", "pidfile")]
        deadline = time.monotonic() + 100
        while self.daemon is None or subprocess.run(["docker", "-H", self.url, "version"], capture_output=True).returncode:
            assert time.monotonic() < deadline, (self.folder / "log").read_text()[-2000:]
            if self.daemon is None or self.daemon.poll() is not None:
                with (self.folder / "log").open("ab") as log:
                    self.daemon = subprocess.Popen(["dockerd", *places, "-H", self.url, *flags], stdout=log,
                                                   stderr=log)
            time.sleep(0.2)

    def run(self, *words: str, **how: Any) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(["docker", "-H", self.url, *words], check=True, capture_output=True, **how)

    def kill(self) -> None:
        """End the daemon as a crash would."""
        assert self.daemon
        self.daemon.kill()
        self.daemon.wait()

    def remove(self) -> None:
        if self.daemon is None or self.daemon.poll() is not None:
            self.start()
        if there := self.run("ps", "-aq").stdout.decode().split():
            self.run("rm", "-f", *there)
        self.run("network", "prune", "-f")
        assert self.daemon
        self.daemon.terminate()
        self.daemon.wait(30)
        while left := self._mounted():  # by a daemon that was killed
            subprocess.run(["umount", "--lazy", left[-1]], check=True)

    def _mounted(self) -> list[str]:
        mounted = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
        return [path for path in mounted if Path(path).is_relative_to(self.folder)]


@contextmanager
def own_engine(*flags: str) -> Iterator[OwnEngine]:
    """One with the test image, and a network `closed-loop-test`."""
    with engine(), tempfile.TemporaryDirectory(dir="/var/tmp", prefix="closed-loop-") as folder:
        own = OwnEngine(Path(folder))
        own.start(*flags)
        try:
            with subprocess.Popen(["docker", "save", IMAGE], stdout=subprocess.PIPE) as saved:
                own.run("load", stdin=saved.stdout)
            own.run("network", "create", "closed-loop-test")
            yield own
        finally:
            own.remove()
