"""A person takes a signal on: it stays open until its cause is over, and bears who looks after it."""

from typing import Any

from sqlalchemy import Connection, Engine, select, update

from include.errors import InputError
from include.ledger.runs import Result, Run, finish
from include.ledger.tables import signals
from include.markup import plain


def acknowledge(engine: Engine, run: Run, who: str, asked: dict[str, Any]) -> Result:
    """Note that `who` looks after the open signal `asked["signal"]` (its fingerprint) of the run's product.

    The first who took it on stays; returns `signal`, `acknowledged_by`, and as `publish` the product, whose alerts tell it.
    Raises InputError where the product has no such open signal.
    """
    fingerprint = str(asked["signal"]).strip()

    def write(connection: Connection) -> Result:
        row = connection.execute(select(signals).where(
            signals.c.fingerprint == fingerprint, signals.c.product == run.product, signals.c.status == "open")).first()
        if row is None:
            raise InputError(f"{run.product} has no open signal {plain(fingerprint, 100)!r}")
        owner = row.acknowledged_by or plain(who, 200)
        connection.execute(update(signals).where(signals.c.fingerprint == fingerprint).values(
            acknowledged_by=owner, acknowledged_at=row.acknowledged_at or run.at))
        return {"publish": [run.product], "signal": fingerprint, "acknowledged_by": owner}

    return finish(engine, run, write)
