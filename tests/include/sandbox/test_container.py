"""What containers promise besides tests/include/sandbox/test_runners.py, on a real Docker engine."""

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from docker import APIClient

from include.errors import InputError
from include.parts.repository import Repository
from include.sandbox.container import LABEL, Container
from tests.docker import IMAGE, engine

EMPTY = bytes(1024)  # a tar of nothing
Made = Callable[..., Container]


@pytest.fixture
def client() -> Iterator[APIClient]:
    with engine() as client:
        yield client


@pytest.fixture
def made(client: APIClient, tmp_path: Path) -> Iterator[Made]:
    """Makes runners; nothing of them is left on the engine."""
    name = f"test-{tmp_path.name}"

    def make(**more: object) -> Container:
        settings = Repository.model_validate({"url": "x", "test": "x", "image": IMAGE, "limits": {"disk_mb": 20}} | more)
        return Container(client, name, tmp_path / "builds", settings)

    yield make
    make().remove()
    assert left(client, name) == ([], [])


def left(client: APIClient, name: str) -> tuple[list[str], list[str]]:
    """The containers and volumes of the builds of `name`."""
    label = {"label": f"{LABEL}={name}"}
    return ([found["Id"] for found in client.containers(all=True, filters=label)],
            [found["Name"] for found in client.volumes(filters=label)["Volumes"] or []])


LOOK = r"""
id -u; id -g
grep -E '^(CapPrm|CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status | tr -d ' \t'
ls /sys/class/net
touch /x /usr/bin/x /opt/x /var/tmp/x 2>/dev/null && echo writable
ls /var/run/docker.sock /run/docker.sock 2>/dev/null
ulimit -c
"""


def test_a_command_has_no_rights_and_no_network(made: Made) -> None:
    runner = made()
    runner.prepare(EMPTY, without="junit.xml")
    none = "0000000000000000"
    assert runner.run(LOOK, 20).output.decode().split() == [
        "65534", "65534", f"CapPrm:{none}", f"CapEff:{none}", f"CapBnd:{none}", "NoNewPrivs:1", "Seccomp:2", "lo", "0"]


def test_a_network_has_to_be_declared(made: Made) -> None:
    runner = made(network=True)
    runner.prepare(EMPTY, without="junit.xml")
    assert b"eth0" in runner.run("ls /sys/class/net", 20).output


def image(client: APIClient, name: str, dockerfile: str) -> str:
    list(client.build(fileobj=io.BytesIO(dockerfile.encode()), tag=name, network_mode="none", rm=True, decode=True))
    return name


def test_what_an_image_declares_opens_no_door(made: Made, client: APIClient) -> None:
    asks = image(client, "closed-loop-test-asks", f"FROM {IMAGE}\nVOLUME /data\nUSER root\nENTRYPOINT [\"false\"]\nENV A=b\n"
                                                  "HEALTHCHECK CMD touch /tmp/tree/healthy\n")
    runner = made(image=asks)
    runner.prepare(EMPTY, without="junit.xml")
    done = runner.run("id -u; echo $A; head -c 30000000 /dev/zero > /data/big; stat -c %s /data/big", 20)
    assert done.output.split()[:2] == [b"65534", b"b"] and int(done.output.split()[-1]) <= 20_100_000


def test_an_image_that_is_nowhere_is_named(made: Made) -> None:
    with pytest.raises(InputError, match="there is no image 'Closed Loop'"):
        made(image="Closed Loop").prepare(EMPTY, without="junit.xml")


def test_what_a_killed_task_left_is_removed_by_the_next(made: Made, client: APIClient, tmp_path: Path) -> None:
    runner = made()
    script = (f"import docker, pathlib\nfrom include.sandbox.container import Container\n"
              f"from include.parts.repository import Repository\n"
              f"client = docker.APIClient(base_url={os.environ.get('DOCKER_HOST')!r}, version='auto')\n"
              f"runner = Container(client, {runner.name!r}, pathlib.Path({str(tmp_path)!r}),"
              f" Repository(url='x', test='x', image={IMAGE!r}))\n"
              f"runner.prepare(bytes(1024), 'junit.xml')\nrunner.run('sleep 1000', 1000)")
    task = subprocess.Popen([sys.executable, "-c", script])
    try:
        deadline = time.monotonic() + 30
        while len(left(client, runner.name)[0]) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
    finally:
        task.send_signal(signal.SIGKILL)
        task.wait()
    containers, volumes = left(client, runner.name)
    assert (len(containers), len(volumes)) == (2, 1)
    runner.prepare(EMPTY, without="junit.xml")
    assert runner.run("echo well", 20).output == b"well\n"
    assert len(left(client, runner.name)[0]) == 1


def test_two_builds_on_one_engine_leave_each_other_alone(made: Made, client: APIClient, tmp_path: Path) -> None:
    runner = made()
    runner.prepare(EMPTY, without="junit.xml")
    Container(client, f"{runner.name}-other", tmp_path / "other", runner.settings).remove()
    assert runner.run("echo well", 20).output == b"well\n"
