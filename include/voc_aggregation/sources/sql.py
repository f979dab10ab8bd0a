"""Voices that a query finds in a database."""

from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from include.connection import Connections
from include.errors import InputError
from include.parts.channels import SqlSource
from include.voc_aggregation.sources import source as base
from include.voc_aggregation.sources.source import Chunk, Cursor, Row, chunked, frame

_KINDS: dict[str, Any] = {"datetime": datetime.fromisoformat, "date": date.fromisoformat, "Decimal": Decimal}


class SqlChannel:
    """A query as a `Source`: streamed, in a transaction that only reads, with `:since` from the last time."""

    def __init__(self, source: SqlSource, connections: Connections) -> None:
        self._source, self._where = source, f"{source.name}: connection {source.connection}"
        self._url = connections(source.connection).sql()
        self._since: Any = None

    def news(self, cursor: Cursor | None) -> Iterator[Chunk]:
        """See `Source`. The cursor is the highest value of the column that `since` names."""
        since = self._source.since
        self._since = _read(cursor) if cursor else None
        bound = {"since": since.start if self._since is None else self._since} if since else {}
        try:
            yield from self._rows(bound)
        except sa.exc.SQLAlchemyError as error:
            reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
            raise InputError(f"{self._where}: the query failed: {reason}") from error
        if since and self._since is not None:
            yield Chunk(frame([], self._source.columns.names()), cursor=_written(self._since))

    def _rows(self, bound: dict[str, Any]) -> Iterator[Chunk]:
        engine = sa.create_engine(self._url, poolclass=sa.pool.NullPool)
        options: dict[str, Any] = {"stream_results": True, "max_row_buffer": base.CHUNK_ROWS}
        if engine.dialect.name == "postgresql":
            options["postgresql_readonly"] = True
        with engine.connect().execution_options(**options) as connection:
            if engine.dialect.name == "sqlite":
                connection.exec_driver_sql("PRAGMA query_only=ON")
            with closing(connection.execute(sa.text(self._source.query), bound)) as result:
                self._check(list(result.keys()))
                yield from chunked(self._each(result), self._source.columns.names())

    def _check(self, there: list[str]) -> None:
        since = self._source.since
        wanted = self._source.columns.names() + ([since.column] if since else [])
        if missing := [name for name in wanted if name not in there]:
            raise InputError(f"{self._where}: the query gives no column {', '.join(map(repr, missing))}; "
                             f"there are {', '.join(there)[:300]}")

    def _each(self, result: sa.CursorResult[Any]) -> Iterator[Row]:
        since = self._source.since
        for number, row in enumerate(result.mappings(), 1):
            if since and (value := row[since.column]) is not None:
                self._since = self._later(value)
            yield f"row {number}", dict(row)

    def _later(self, value: Any) -> Any:
        try:
            return value if self._since is None or value > self._since else self._since
        except TypeError as error:
            raise InputError(f"{self._where}: the values of {self._source.since} can't be compared: {error}") from error


def _written(value: Any) -> Cursor:
    kind = type(value).__name__
    return {"since": str(value) if kind == "Decimal" else value.isoformat() if kind in _KINDS else value, "kind": kind}


def _read(cursor: Cursor) -> Any:
    return _KINDS.get(cursor["kind"], lambda value: value)(cursor["since"])
