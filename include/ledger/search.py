"""The index of voices' words: a search finds voices by the beginnings of words, as "coup" finds "coupon" and 쿠폰 finds 쿠폰이.

PostgreSQL keeps a GIN index by itself. In SQLite it is an FTS5 index: who stores voices adds them in one go (`add`; voice by
voice it takes seven times as long), and triggers follow what is changed or erased, which is found by none of its words any more.
"""

import re
import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, cast, column, func, literal, literal_column, select, table, text, tuple_
from sqlalchemy.dialects.postgresql import TSQUERY

from include.ledger.tables import voices

NAME = "voice_search"
MOST = 8  # words of one search
_LATEST, _COMMON = 1000, 0.05  # of so many of the newest voices so many have common words
ROWS = table("voice_search_rows", column("row"), column("voice_id"))
_FOUND = table(NAME, column("rowid"), column(NAME))
_WORDS = "to_tsvector('simple'::regconfig, left({text}, 100000))"  # an index is used where its very words stand
_VECTOR: ColumnElement[Any] = literal_column(_WORDS.format(text="voices.text"))

# `row` stays the same for a voice, which SQLite's own row numbers need not.
_ENTER = "INSERT INTO voice_search(rowid, text) SELECT row, new.text FROM voice_search_rows WHERE voice_id = new.id;"
_LEAVE = """INSERT INTO voice_search(voice_search, rowid, text) SELECT 'delete', row, old.text FROM voice_search_rows
WHERE voice_id = old.id;"""
_FORGET = "DELETE FROM voice_search_rows WHERE voice_id = old.id;"
_SQLITE = (
    "CREATE TABLE voice_search_rows(row INTEGER PRIMARY KEY, voice_id TEXT NOT NULL UNIQUE)",
    "CREATE VIRTUAL TABLE voice_search USING fts5(text, content='', tokenize='unicode61', prefix='2 3')",
)
_TRIGGERS = (
    "CREATE TRIGGER IF NOT EXISTS voice_search_changed AFTER UPDATE OF text ON voices WHEN old.text <> new.text "
    f"BEGIN {_LEAVE} {_ENTER} END",
    f"CREATE TRIGGER IF NOT EXISTS voice_search_gone AFTER DELETE ON voices BEGIN {_LEAVE} {_FORGET} END",
)
_POSTGRESQL = (
    f"CREATE INDEX IF NOT EXISTS {NAME} ON voices USING gin ({_WORDS.format(text='text')})",
    f"CREATE INDEX IF NOT EXISTS {NAME}_order ON voices (heard_at, id)",  # for words that many have: the newest are soon found
)


def prepare(connection: Connection) -> None:
    """Make the index where it isn't, from the voices that are there. Triggers go with a table that a migration makes anew."""
    if connection.dialect.name == "postgresql":
        for statement in _POSTGRESQL:
            connection.execute(text(statement))
        return
    there = connection.scalar(text("SELECT 1 FROM sqlite_master WHERE name = :name"), {"name": NAME})
    for statement in (() if there else _SQLITE) + _TRIGGERS:
        connection.exec_driver_sql(statement)
    if there:
        return
    add(connection)
    if sqlite3.sqlite_version_info >= (3, 42):  # then words that leave leave no trace in the file
        connection.exec_driver_sql("INSERT INTO voice_search(voice_search, rank) VALUES ('secure-delete', 1)")


def add(connection: Connection, ids: Sequence[str] | None = None) -> None:
    """Let the voices `ids` be found, in this order, or all that are there; those that can be found already stay as they are."""
    if connection.dialect.name == "postgresql":
        return
    before = connection.scalar(text("SELECT coalesce(max(row), 0) FROM voice_search_rows"))
    if ids is None:
        connection.execute(text("INSERT OR IGNORE INTO voice_search_rows(voice_id) SELECT id FROM voices ORDER BY heard_at, id"))
    elif ids:
        connection.exec_driver_sql("INSERT OR IGNORE INTO voice_search_rows(voice_id) VALUES (?)", [(name,) for name in ids])
    connection.execute(text("INSERT INTO voice_search(rowid, text) SELECT row, text FROM voice_search_rows "
                            "JOIN voices ON voices.id = voice_id WHERE row > :before"), {"before": before})


def is_table_of_ours(name: str | None, kind: str, _: Any) -> bool:
    """Whether Alembic looks after it: not after this index (its `include_name`)."""
    return not (kind in {"table", "index"} and name is not None and name.startswith(NAME))


def words(asked: str) -> list[str]:
    """The words that a person typed, up to MOST."""
    return re.findall(r"[^\W_]+", asked.lower())[:MOST]


def found(connection: Connection, asked: list[str], before: Sequence[Any] = ()) -> Select[Any]:
    """The voices that have words beginning with each of `asked`, newest first: columns `id` and `place`.

    Only those after the voice whose `place_of` is `before`, where it is given.
    """
    if connection.dialect.name == "postgresql":
        return _in_postgresql(connection, asked, before)
    match = " ".join(f'"{word}"*' for word in asked)
    within = [_FOUND.c.rowid < before[0]] if before else []
    return (select(ROWS.c.voice_id.label("id"), _FOUND.c.rowid.label("place"))
            .join_from(_FOUND, ROWS, ROWS.c.row == _FOUND.c.rowid)
            .where(_FOUND.c[NAME].op("MATCH")(literal(match)), *within).order_by(_FOUND.c.rowid.desc()))


def _in_postgresql(connection: Connection, asked: list[str], before: Sequence[Any]) -> Select[Any]:
    """By the GIN index, which has all that match before the first can be told; or, where the newest say that these words are
    common, by walking from there. PostgreSQL itself takes rare words for common ones, and two common ones for rare."""
    match = _VECTOR.op("@@")(cast(" & ".join(f"'{word}':*" for word in asked), TSQUERY))
    place = tuple_(voices.c.heard_at, voices.c.id)
    within = [place < tuple_(datetime.fromisoformat(before[0]), before[1])] if before else []
    newest = (select(voices.c.text).where(*within).order_by(voices.c.heard_at.desc(), voices.c.id.desc()).limit(_LATEST)
              .subquery("voices"))
    common = (connection.scalar(select(func.count()).select_from(newest).where(match)) or 0) >= _LATEST * _COMMON
    if not common:  # no index has this in order
        first: ColumnElement[Any] = literal_column("voices.heard_at + interval '0'")
        return (select(voices.c.id, voices.c.heard_at.label("place")).where(match, *within)
                .order_by(first.desc(), voices.c.id.desc()))
    walk = (select(voices.c.id, voices.c.heard_at, voices.c.text).where(*within)
            .order_by(voices.c.heard_at.desc(), voices.c.id.desc()).offset(0).subquery("voices"))  # OFFSET keeps the words out
    return (select(walk.c.id, walk.c.heard_at.label("place")).where(match)
            .order_by(walk.c.heard_at.desc(), walk.c.id.desc()))


def place_of(row: Any) -> tuple[Any, ...]:
    """Where a row of `found` stands, in plain values: its number in SQLite, when it was heard and its id in PostgreSQL."""
    return (row.place.isoformat(), row.id) if isinstance(row.place, datetime) else (row.place,)
