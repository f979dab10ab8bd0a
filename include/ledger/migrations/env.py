"""Alembic's entry: runs the migrations on the engine that `include.ledger.engine.upgrade` hands over."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from alembic import context
from sqlalchemy import Connection, Engine

from include.ledger import search
from include.ledger.tables import UtcDateTime, metadata


def _rendered(kind: str, item: Any, _: Any) -> str | Literal[False]:
    """A migration names plain types only, so that it means the same when our own types have changed."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UtcDateTime) else False


@contextmanager
def _changing(engine: Engine) -> Iterator[Connection]:
    """One transaction. SQLite changes a table by making it anew, which rows that refer to it would not let happen: they are
    checked at the end instead (sqlite.org/lang_altertable.html, 7)."""
    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        sqlite = connection.dialect.name == "sqlite"
        if sqlite:
            driver.execute("PRAGMA foreign_keys=OFF")  # before the transaction: within one it does nothing
        try:
            with connection.begin():
                yield connection
                if sqlite and (lost := driver.execute("PRAGMA foreign_key_check").fetchall()):
                    raise RuntimeError(f"rows that refer to nothing: {lost[:5]}")
        finally:
            if sqlite:
                driver.execute("PRAGMA foreign_keys=ON")


with _changing(context.config.attributes["engine"]) as connection:
    context.configure(connection=connection, target_metadata=metadata, render_item=_rendered,
                      render_as_batch=connection.dialect.name == "sqlite", include_name=search.is_table_of_ours)
    context.run_migrations()
    search.prepare(connection)
