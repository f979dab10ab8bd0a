"""A run counts once, and a lease is held by one."""

import signal
import subprocess
import sys
import time
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.exc import OperationalError

from include.key import Key
from include.ledger import runs
from include.ledger.engine import reading, upsert
from include.ledger.runs import Run, demand_leases, finish, lease, result_of
from include.ledger.tables import cursors, leases
from tests.conftest import NOW
from tests.freezing import freeze

RUN = Run("story_writing", "run-1", Key("shop"), NOW)
HOLD = """
import sys
from datetime import UTC, datetime
from include.key import Key
from include.ledger.engine import connect, upsert, writing
from include.ledger.runs import LostLeaseError, Run, demand_leases, finish, lease
from include.ledger.tables import cursors

ledger = connect(sys.argv[1])

def finished():
    finish(ledger, Run("story_writing", "run-2", Key("shop"), datetime.now(UTC)), lambda _: {"by": "other"})

def written():
    with writing(ledger) as connection:
        upsert(connection, cursors, [{"name": "a", "value": "late"}])

with lease(ledger, "deployment:shop", "other", seconds=1):
    print("held", flush=True)
    sys.stdin.readline()
    for name, step in {"demand_leases": demand_leases, "finish": finished, "writing": written}.items():
        try:
            step()
        except LostLeaseError:
            print(f"{name}: LostLeaseError", flush=True)
"""
ROOT = Path(__file__).resolve().parents[3]


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
    renewed, fence = list[str](), runs._Lease.fence

    def away_at_first(*arguments: Any) -> None:
        renewed.append("no" if len(renewed) < 2 else "yes")
        if renewed[-1] == "no":
            raise OperationalError("UPDATE", {}, Exception("the server closed the connection"))
        fence(*arguments)

    with lease(ledger, "a", "one", seconds=0.6):
        monkeypatch.setattr(runs._Lease, "fence", away_at_first)
        deadline = time.monotonic() + 60
        while "yes" not in renewed:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        monkeypatch.undo()
    assert caplog.text.count("lease 'a' could not be renewed") == 2


def held_elsewhere(ledger: Engine) -> "subprocess.Popen[str]":
    """A process that holds the lease `deployment:shop` for a second at a time."""
    command = [sys.executable, "-c", HOLD, ledger.url.render_as_string(hide_password=False)]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def test_a_lease_ends_after_its_holder_was_killed(ledger: Engine) -> None:
    with held_elsewhere(ledger) as holder:
        holder.kill()
    with lease(ledger, "deployment:shop", "me", seconds=1):
        pass


def test_one_that_slept_longer_than_its_lease_does_nothing_more(ledger: Engine) -> None:
    with held_elsewhere(ledger) as holder:
        freeze(holder, ledger)
        with lease(ledger, "deployment:shop", "me", seconds=1):
            finish(ledger, RUN, lambda _: {"by": "me"})
            holder.send_signal(signal.SIGCONT)
            said, _ = holder.communicate("go on\n", timeout=120)
            demand_leases()  # it stays ours
    assert said.splitlines() == ["demand_leases: LostLeaseError", "finish: LostLeaseError", "writing: LostLeaseError"]
    with reading(ledger) as connection:
        assert connection.execute(select(cursors)).all() == []
        assert connection.execute(select(leases)).all() == []


def test_a_run_that_comes_again_fences_its_earlier_try_off(ledger: Engine) -> None:
    with held_elsewhere(ledger) as holder:
        with lease(ledger, "deployment:shop", "other", wait=0):
            said, _ = holder.communicate("go on\n", timeout=120)
        assert said.splitlines()[0] == "demand_leases: LostLeaseError"


@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(hours=-1)])
def test_a_clock_that_jumps_takes_no_lease_from_the_living(ledger: Engine, monkeypatch: pytest.MonkeyPatch,
                                                           jump: timedelta) -> None:
    class Jumped(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Jumped":
            return cls.fromtimestamp((datetime.now(tz) + jump).timestamp(), tz)

    with held_elsewhere(ledger) as holder:
        monkeypatch.setattr(runs, "datetime", Jumped)
        with pytest.raises(TimeoutError), lease(ledger, "deployment:shop", "me", seconds=8, wait=3):
            pass
        holder.kill()
    with lease(ledger, "deployment:shop", "me", seconds=1):  # and one of the dead is free, whatever the time
        pass


def test_a_database_that_is_away_for_a_moment_ends_no_lease(ledger: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_: Engine) -> None:
        raise OperationalError("SELECT", {}, Exception("the server closed the connection"))

    with lease(ledger, "a", "one"):
        monkeypatch.setattr(runs, "reading", away)
        demand_leases()
        runs._held.get()[0].confirmed -= 31
        with pytest.raises(OperationalError):
            demand_leases()
        monkeypatch.undo()
