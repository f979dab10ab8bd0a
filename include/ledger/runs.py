"""A run of a phase: what it is, that it counts once, and leases for what must be serial."""

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Row, delete, insert, select, update
from sqlalchemy.exc import DBAPIError

from include.key import Key
from include.ledger.engine import fences, reading, transaction, upsert, writing
from include.ledger.tables import leases, phase_runs

log = logging.getLogger(__name__)
Result = dict[str, Any]
LEASE = 30.0  # seconds after which a lease that nobody renews is another's to take
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


class LostLeaseError(RuntimeError):
    """Another has the lease that this one held: it slept for longer than that lasts. What it was at is the other's now."""


@dataclass
class _Lease:
    """One holding of a lease; its `token` is no other's. `confirmed` is when (s, monotonic) it surely was ours."""

    engine: Engine
    name: str
    holder: str
    seconds: float
    token: str = field(init=False)
    confirmed: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.token = f"{self.holder[:240]}#{uuid.uuid4().hex[:8]}"

    def row(self, connection: Connection) -> Row[Any] | None:
        return connection.execute(select(leases).where(leases.c.name == self.name)).first()

    def take(self, there: Row[Any] | None) -> bool:
        """Take it where it is as it was when we looked: of two takers one wins. Whether it is ours now."""
        with transaction(self.engine) as connection:
            if there is None:
                upsert(connection, leases, [{"name": self.name} | self._values()], keep=True)
                now = self.row(connection)
                return now is not None and now.holder == self.token
            return bool(connection.execute(update(leases).where(
                leases.c.name == self.name, leases.c.holder == there.holder, leases.c.expires_at == there.expires_at,
            ).values(self._values())).rowcount)

    def fence(self, connection: Connection) -> None:
        """Renew it in a transaction, in which nobody else gets it then. Raises LostLeaseError."""
        if connection.engine.url != self.engine.url:
            return
        ours = leases.c.name == self.name, leases.c.holder == self.token
        if not connection.execute(update(leases).where(*ours).values(self._values())).rowcount:
            raise LostLeaseError(f"lease {self.name!r} is another's by now")
        self.confirmed = time.monotonic()

    def demand(self) -> None:
        """Look whether it is ours. Raises LostLeaseError; a database that is away for less than a lease lasts is no reason to."""
        try:
            with reading(self.engine) as connection:
                there = self.row(connection)
        except DBAPIError:
            if time.monotonic() - self.confirmed < self.seconds:
                return
            raise
        if there is None or there.holder != self.token:
            raise LostLeaseError(f"lease {self.name!r} is another's by now")

    def renew(self, done: threading.Event) -> None:
        while not done.wait(self.seconds / 3):
            try:
                with transaction(self.engine) as connection:
                    self.fence(connection)
            except DBAPIError as error:  # the database is away for a moment: the next time, or another holds it
                log.warning("lease %r could not be renewed: %s", self.name, error)
            except LostLeaseError:
                return

    def give_back(self) -> None:
        with transaction(self.engine) as connection:
            connection.execute(delete(leases).where(leases.c.name == self.name, leases.c.holder == self.token))

    def _values(self) -> dict[str, Any]:
        return {"holder": self.token, "expires_at": datetime.now(UTC) + timedelta(seconds=self.seconds)}


_held: ContextVar[tuple[_Lease, ...]] = ContextVar("held", default=())


@contextmanager
def lease(engine: Engine, name: str, holder: str, seconds: float = LEASE, wait: float = 600) -> Iterator[None]:
    """Hold `name` alone. The lease is renewed while the block runs, and another's to take `seconds` after its holder died.

    The same `holder` (a run that comes again) takes it at once. Who held it before, and was only asleep, is fenced off: what it
    writes (`writing`, `finish`) raises LostLeaseError, and so does `demand_leases`, asked before a step outside of the ledger.
    Whether a holder lives is seen by its renewals, not by what its clock or ours says. Raises TimeoutError after `wait` seconds.
    """
    ours, done = _Lease(engine, name, holder, seconds), threading.Event()
    _acquire(ours, wait)
    renewing = threading.Thread(target=ours.renew, args=(done,), daemon=True)
    renewing.start()
    before, fenced = _held.set((*_held.get(), ours)), fences.set((*fences.get(), ours.fence))
    try:
        yield
    finally:
        _held.reset(before)
        fences.reset(fenced)
        done.set()
        renewing.join()
        ours.give_back()


def demand_leases() -> None:
    """Raises LostLeaseError where a lease that is held here is another's by now. Asked right before what can't be undone."""
    for ours in _held.get():
        ours.demand()


def _acquire(ours: _Lease, wait: float) -> None:
    """Take a lease once it is free, or its holder has not renewed it for as long as it lasts while we looked on."""
    begun = since = time.monotonic()
    seen: Row[Any] | None = None
    while True:
        with reading(ours.engine) as connection:
            there = ours.row(connection)
        now = time.monotonic()
        if there != seen:
            seen, since = there, now
        own = there is None or there.holder.rpartition("#")[0] == ours.holder[:240]
        if (own or now - since >= ours.seconds) and ours.take(there):
            ours.confirmed = now
            return
        expired = there is not None and there.expires_at <= datetime.now(UTC)  # by our clock; it takes a look to know
        if now - begun > (max(wait, ours.seconds + 1) if expired else wait):
            raise TimeoutError(f"lease {ours.name!r} was not free within {wait:.0f} s")
        time.sleep(0.2)
