"""Which processes an embedded Airflow knows as its own: those of its last start, also where what keeps them was killed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from local.airflow import LocalAirflow, _start_time

SERVICES = "sleep 600 & sleep 600 & wait"


@pytest.fixture
def airflow(tmp_path: Path) -> LocalAirflow:
    (tmp_path / "airflow").mkdir()
    return LocalAirflow(tmp_path, 1)


@pytest.fixture
def session(airflow: LocalAirflow) -> Iterator[Callable[[Path], "subprocess.Popen[bytes]"]]:
    """Starts a keeper with two services in an AIRFLOW_HOME, as what `airflow` started last."""
    keepers = []

    def start(home: Path) -> "subprocess.Popen[bytes]":
        keeper = subprocess.Popen(["sh", "-c", SERVICES], start_new_session=True, env=os.environ | {"AIRFLOW_HOME": str(home)})
        keepers.append(keeper)
        state = {"pid": keeper.pid, "started": _start_time(keeper.pid)}
        (airflow.home / "airflow" / "session.json").write_text(json.dumps(state))
        deadline = time.monotonic() + 60
        while len(airflow.processes()) < 3:
            assert time.monotonic() < deadline
        return keeper

    yield start
    for keeper in keepers:
        with suppress(ProcessLookupError):
            os.killpg(keeper.pid, signal.SIGKILL)
        keeper.wait()


def test_its_processes_end_with_a_stop(airflow: LocalAirflow, session: Callable[[Path], "subprocess.Popen[bytes]"]) -> None:
    keeper = session(airflow.home / "airflow")
    assert (airflow.running(), airflow.keeper()) == (True, keeper.pid)
    airflow.stop()
    assert (airflow.running(), airflow.processes()) == (False, [])


def test_what_a_killed_keeper_left_ends_too(airflow: LocalAirflow, session: Callable[[Path], "subprocess.Popen[bytes]"]) -> None:
    keeper = session(airflow.home / "airflow")
    keeper.kill()
    keeper.wait()
    assert not airflow.running()
    assert len(airflow.processes()) == 2
    airflow.stop()
    assert airflow.processes() == []


def test_somebody_elses_are_left_alone(airflow: LocalAirflow, session: Callable[[Path], "subprocess.Popen[bytes]"]) -> None:
    """A session that got the same number after a restart of the machine."""
    keeper = session(airflow.home / "another")
    keeper.kill()
    keeper.wait()
    assert airflow.processes() == []
    airflow.stop()
    os.killpg(keeper.pid, 0)  # they live


def test_a_stop_of_what_never_started_does_nothing(airflow: LocalAirflow) -> None:
    airflow.stop()
    assert airflow.processes() == []


SYNCHRONOUS = """
import asyncio
from airflow import settings
from sqlalchemy import text

async def asked():
    async with settings.AsyncSession() as session:
        return await session.scalar(text("PRAGMA synchronous"))

with settings.Session() as session:
    print("synchronous", session.scalar(text("PRAGMA synchronous")), asyncio.run(asked()))
"""


def test_a_commit_to_its_database_does_not_wait_for_the_disk(airflow: LocalAirflow) -> None:
    """Nobody else can write while one waits."""
    done = subprocess.run([sys.executable, "-c", SYNCHRONOUS], env=airflow.env(), check=True, capture_output=True, text=True)
    assert "synchronous 1 1" in done.stdout


def test_what_opens_its_sqlite_is_not_told_to_another_database(tmp_path: Path) -> None:
    other = LocalAirflow(tmp_path, 1, {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "postgresql+psycopg://postgres@/airflow"})
    assert not [name for name in other.env() if "CONNECT_ARGS" in name]
