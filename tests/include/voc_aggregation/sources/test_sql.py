"""A query as a source: on SQLite and on a real PostgreSQL."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, make_url

from include.connection import Connection
from include.errors import InputError
from include.parts.channels import SqlSource
from include.voc_aggregation.sources import source as base
from include.voc_aggregation.sources.source import Cursor
from include.voc_aggregation.sources.sql import SqlChannel

ROWS = [(1, "쿠폰이 안 돼요", "2026-02-01 10:00:00+00:00"), (2, None, "2026-02-02 10:00:00+00:00"),
        (3, "late", "2026-02-03 10:00:00+00:00")]


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Iterator[tuple[Engine, Connection]]:
    """A database with a table of reviews, and its connection."""
    engine: Engine = request.getfixturevalue(f"{request.param}_ledger")
    url = make_url(engine.url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE reviews (id INTEGER, body TEXT, at TIMESTAMP WITH TIME ZONE)")
    add(engine, *ROWS)
    if request.param == "sqlite":
        yield engine, Connection("sqlite", host=url.database)
    else:
        yield engine, Connection("postgres", login=url.username, schema=url.database, extra=dict(url.query))


def add(engine: Engine, *rows: tuple[Any, ...]) -> None:
    mark = "?" if engine.dialect.name == "sqlite" else "%s"
    with engine.begin() as connection:
        for row in rows:
            connection.exec_driver_sql(f"INSERT INTO reviews VALUES ({mark}, {mark}, {mark})", row)  # noqa: S608 - no input


def news(connection: Connection, cursor: Cursor | None = None, **fields: Any) -> tuple[list[list[Any]], Cursor | None]:
    given = {"name": "s", "kind": "sql", "connection": "db", "query": "SELECT * FROM reviews WHERE at > :since ORDER BY at",
             "since": {"column": "at", "start": "2000-01-01 00:00:00+00:00"}, "columns": {"text": "body", "id": "id"}}
    chunks = list(SqlChannel(SqlSource.model_validate(given | fields), lambda _: connection).news(cursor))
    found = [row for chunk in chunks for row in chunk.frame[["place", "id", "body"]].to_numpy().tolist()]
    return found, next((chunk.cursor for chunk in reversed(chunks) if chunk.cursor), None)


def test_only_news_since_the_last_time(database: tuple[Engine, Connection]) -> None:
    engine, connection = database
    first, cursor = news(connection)
    assert first == [["row 1", 1, "쿠폰이 안 돼요"], ["row 2", 2, None], ["row 3", 3, "late"]]
    assert news(connection, cursor) == ([], cursor)
    add(engine, (4, "new", "2026-02-04 10:00:00+00:00"))
    again, later = news(connection, cursor)
    assert again == [["row 1", 4, "new"]]
    assert later != cursor


def test_many_rows_come_in_chunks(database: tuple[Engine, Connection], monkeypatch: pytest.MonkeyPatch) -> None:
    engine, connection = database
    monkeypatch.setattr(base, "CHUNK_ROWS", 10)
    add(engine, *((n, f"text {n}", "2026-02-05 10:00:00+00:00") for n in range(10, 45)))
    source = SqlSource.model_validate({"name": "s", "kind": "sql", "connection": "db", "query": "SELECT * FROM reviews",
                                       "columns": {"text": "body"}})
    assert [len(chunk.frame) for chunk in SqlChannel(source, lambda _: connection).news(None)] == [10, 10, 10, 8]


@pytest.mark.parametrize(("query", "says"), [
    ("SELECT id FROM reviews WHERE at > :since", "the query gives no column 'body', 'at'; there are id"),
    ("SELECT * FROM nothing WHERE at > :since", "the query failed: .*nothing"),
    ("SELEC :since", "the query failed"),
])
def test_a_wrong_query_is_named(database: tuple[Engine, Connection], query: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        news(database[1], query=query)


def test_a_query_can_not_write(database: tuple[Engine, Connection]) -> None:
    engine, connection = database
    for query in ("DELETE FROM reviews WHERE at > :since RETURNING *", "INSERT INTO reviews VALUES (9, :since, NULL)"):
        with pytest.raises(InputError, match="the query failed"):
            news(connection, query=query)
    with engine.connect() as reader:
        assert reader.exec_driver_sql("SELECT count(*) FROM reviews").scalar() == 3


def test_a_database_that_is_down_is_named_without_its_password() -> None:
    down = Connection("postgres", "127.0.0.1", 9, "me", "hunter2", "db")
    with pytest.raises(InputError, match="connection db: the query failed") as error:
        news(down)
    assert "hunter2" not in str(error.value)
    assert "hunter2" not in repr(down)


def test_an_unknown_kind_of_database_is_named() -> None:
    with pytest.raises(InputError, match="'oracle': set extra sqlalchemy_scheme"):
        news(Connection("oracle"))


@pytest.mark.parametrize("fields", [{"since": None}, {"query": "SELECT 1"}])
def test_since_needs_its_parameter(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=":since needs"):
        news(Connection("sqlite"), **fields)
