"""A run counts once, and a lease is held by one."""

import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.exc import OperationalError

from include.key import Key
from include.ledger import runs
from include.ledger.engine import reading, upsert
from include.ledger.runs import Run, finish, lease, result_of
from include.ledger.tables import cursors, leases
from tests.conftest import NOW

RUN = Run("story_writing", "run-1", Key("shop"), NOW)
HOLD = """
import sys, time
from include.ledger.engine import connect
from include.ledger.runs import lease
with lease(connect(sys.argv[1]), "deployment:shop", "other", seconds=1):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_run_counts_once(ledger: Engine) -> None:
    def write(number: int):  # type: ignore[no-untyped-def] - a closure for finish
        def rows(connection):  # type: ignore[no-untyped-def]
            upsert(connection, cursors, [{"name": "a", "value": number}])
            return {"number": number}
        return rows

    assert result_of(ledger, RUN) is None
    assert finish(ledger, RUN, write(1)) == {"number": 1}
    assert finish(ledger, RUN, write(2)) == {"number": 1}
    assert result_of(ledger, RUN) == {"number": 1}
    with reading(ledger) as connection:
        assert connection.scalar(select(cursors.c.value)) == 1


def test_a_run_that_fails_leaves_nothing(ledger: Engine) -> None:
    def write(connection):  # type: ignore[no-untyped-def]
        upsert(connection, cursors, [{"name": "a", "value": 1}])
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        finish(ledger, RUN, write)
    assert result_of(ledger, RUN) is None
    with reading(ledger) as connection:
        assert connection.scalar(select(cursors.c.value)) is None


def test_a_lease_is_held_by_one_and_given_back(ledger: Engine) -> None:
    with lease(ledger, "a", "one"):
        with pytest.raises(TimeoutError, match="'a' was not free"), lease(ledger, "a", "two", wait=0.1):
            pass
        with lease(ledger, "b", "two"):
            pass
    with lease(ledger, "a", "two", wait=0):
        pass


def test_a_lease_is_renewed_while_it_is_held(ledger: Engine) -> None:
    def expires() -> datetime:
        with reading(ledger) as connection:
            return connection.scalar(select(leases.c.expires_at))

    with lease(ledger, "a", "one", seconds=3):
        first, deadline = expires(), time.monotonic() + 60
        while expires() == first:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert expires() > first


def test_a_lease_outlives_a_moment_without_its_database(ledger: Engine, monkeypatch: pytest.MonkeyPatch,
                                                        caplog: pytest.LogCaptureFixture) -> None:
    renewed, take = list[str](), runs._take

    def away_at_first(*arguments: Any) -> bool:
        renewed.append("no" if len(renewed) < 2 else "yes")
        if renewed[-1] == "no":
            raise OperationalError("INSERT", {}, Exception("the server closed the connection"))
        return take(*arguments)

    with lease(ledger, "a", "one", seconds=0.6):
        monkeypatch.setattr(runs, "_take", away_at_first)
        deadline = time.monotonic() + 60
        while "yes" not in renewed:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        monkeypatch.undo()
    assert caplog.text.count("lease 'a' could not be renewed") == 2


def test_a_lease_ends_after_its_holder_was_killed(ledger: Engine) -> None:
    command = [sys.executable, "-c", HOLD, ledger.url.render_as_string(hide_password=False)]
    holder = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).resolve().parents[3])
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        holder.kill()
    with lease(ledger, "deployment:shop", "me", wait=10):
        pass
