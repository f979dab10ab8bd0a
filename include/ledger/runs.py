"""A run of a phase: what it is, that it counts once, and leases for what must be serial."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, delete, insert, or_, select
from sqlalchemy.exc import DBAPIError

from include.key import Key
from include.ledger.engine import reading, upsert, writing
from include.ledger.tables import leases, phase_runs

log = logging.getLogger(__name__)
Result = dict[str, Any]
GATES = ("compliance_checks", "user_testing")  # the phases that let a release through before it is deployed


@dataclass(frozen=True)
class Run:
    """One run of a phase for one key. `at` is the run's own time: the same when a task of it runs again."""

    phase: str
    run_id: str
    key: Key
    at: datetime

    @property
    def product(self) -> str:
        return self.key.product


def result_of(engine: Engine, run: Run) -> Result | None:
    """What this run came to, if it has finished before."""
    with reading(engine) as connection:
        return _result(connection, run)


def _result(connection: Connection, run: Run) -> Result | None:
    return connection.scalar(select(phase_runs.c.result).where(
        phase_runs.c.phase == run.phase, phase_runs.c.run_id == run.run_id, phase_runs.c.key == str(run.key)))


def finish(engine: Engine, run: Run, write: Callable[[Connection], Result]) -> Result:
    """Write a run's rows and its result in one transaction, once.

    `write` gets the open transaction and returns the result (plain JSON values). Where the run has finished before, `write`
    is not called and the result of then is returned: a task killed after its commit says the same when it runs again.
    """
    with writing(engine) as connection:
        known = _result(connection, run)
        if known is not None:
            return known
        result = write(connection)
        connection.execute(insert(phase_runs).values(
            phase=run.phase, run_id=run.run_id, key=str(run.key), at=run.at, result=result))
        return result


@contextmanager
def lease(engine: Engine, name: str, holder: str, seconds: float = 30, wait: float = 600) -> Iterator[None]:
    """Hold `name` alone. The lease is renewed while the block runs and ends by itself `seconds` after its holder died.

    The same `holder` (a run that comes again) takes it back at once. Raises TimeoutError after `wait` seconds.
    """
    deadline = time.monotonic() + wait
    done = threading.Event()
    while not _take(engine, name, holder, seconds):
        if time.monotonic() > deadline:
            raise TimeoutError(f"lease {name!r} was not free within {wait:.0f} s")
        done.wait(0.2)
    renewing = threading.Thread(target=_renew, args=(engine, name, holder, seconds, done), daemon=True)
    renewing.start()
    try:
        yield
    finally:
        done.set()
        renewing.join()
        with writing(engine) as connection:
            connection.execute(delete(leases).where(leases.c.name == name, leases.c.holder == holder))


def _take(engine: Engine, name: str, holder: str, seconds: float) -> bool:
    """Take or renew the lease unless another holds it, in one statement: of two takers one wins. Whether it is ours now."""
    now = datetime.now(UTC)
    row = {"name": name, "holder": holder, "expires_at": now + timedelta(seconds=seconds)}
    with writing(engine) as connection:
        free = or_(leases.c.holder == holder, leases.c.expires_at <= now)
        upsert(connection, leases, [row], where=free)
        return connection.scalar(select(leases.c.holder).where(leases.c.name == name)) == holder


def _renew(engine: Engine, name: str, holder: str, seconds: float, done: threading.Event) -> None:
    while not done.wait(seconds / 3):
        try:
            _take(engine, name, holder, seconds)
        except DBAPIError as error:  # the database is away for a moment: the next time, or another holds it
            log.warning("lease %r could not be renewed: %s", name, error)
