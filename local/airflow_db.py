"""How the embedded Airflow opens its SQLite database."""

import sqlite3
from typing import Any


class Connection(sqlite3.Connection):
    """A connection whose commits don't wait for the disk, as those of the ledger don't: a killed process loses nothing, a power
    cut at most the last moment. Else each commit keeps all other writers out for as long as the disk takes.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.execute("PRAGMA synchronous=NORMAL")


ARGUMENTS = {"factory": Connection}
SETTINGS = {f"AIRFLOW__DATABASE__SQL_ALCHEMY_CONNECT_ARGS{way}": f"{__name__}.ARGUMENTS" for way in ("", "_ASYNC")}
