"""A real Docker engine for tests: what local/docker.sh starts, or any other that DOCKER_HOST names."""

import functools
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

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
