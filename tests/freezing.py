"""A process that is frozen in the middle of what it does, as one of a machine that sleeps."""

import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.exc import OperationalError

from include.ledger.tables import leases


def freeze(process: "subprocess.Popen[Any]", ledger: Engine) -> None:
    """Stop `process` where it is in no transaction of the ledger: who waits for its lock would wait until it wakes."""
    process.send_signal(signal.SIGSTOP)
    while not (_sqlite_is_free(ledger) if ledger.dialect.name == "sqlite" else _rows_are_free(ledger)):
        process.send_signal(signal.SIGCONT)
        time.sleep(0.05)
        process.send_signal(signal.SIGSTOP)


def _sqlite_is_free(ledger: Engine) -> bool:
    with closing(sqlite3.connect(ledger.url.database or "", timeout=2, isolation_level=None)) as database:
        try:
            database.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
        database.execute("ROLLBACK")
        return True


def _rows_are_free(ledger: Engine) -> bool:
    with ledger.connect() as connection:
        try:
            connection.execute(select(leases).with_for_update(nowait=True)).all()
        except OperationalError:
            return False
        return True
