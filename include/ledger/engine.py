"""How the ledger is reached: an engine for SQLite or PostgreSQL, its migrations, and upserts."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Table, create_engine, event, make_url
from sqlalchemy.dialects import postgresql, sqlite

MIGRATIONS = Path(__file__).parent / "migrations"
BATCH = 500  # rows a statement: SQLite takes at most 32,766 values in one
fences: ContextVar[tuple[Callable[[Connection], None], ...]] = ContextVar("fences", default=())  # of the leases that are held
CACHE = 65_536  # KiB of pages that a SQLite connection may keep: keys that are hashes lie all over


@cache
def connect(url: str) -> Engine:
    """The engine for a SQLAlchemy URL; one per process. SQLite runs in WAL mode and waits 60 s for a lock."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_engine(parsed, pool_pre_ping=True)
    if parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(parsed, connect_args={"timeout": 60, "isolation_level": None})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _: Any) -> None:
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=60000",
                   f"cache_size=-{CACHE}"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    # A writer takes the lock at once: one that only reads first could find its snapshot stale and fail at its first write.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writes") else "BEGIN")


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One write transaction: committed at the end of the block, undone when it raises.

    SQLite lets in one writer after another. PostgreSQL lets them in side by side, so what reads first and writes what follows
    from it takes a lease (`include.ledger.runs.lease`): what is written under one is refused once another has it.
    """
    with transaction(engine) as connection:
        for fence in fences.get():
            fence(connection)
        yield connection


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """As `writing`, whatever lease is held."""
    with engine.execution_options(writes=True).begin() as connection:
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One consistent view for reading."""
    view = engine if engine.dialect.name == "sqlite" else engine.execution_options(isolation_level="REPEATABLE READ")
    with view.connect() as connection:
        yield connection


def upsert(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], keep: bool = False,
           where: ColumnElement[bool] | None = None) -> None:
    """Insert `rows`; where a row's primary key is known, replace the given columns, or `keep` what is there.

    All rows bear the same columns. `where` says which known rows may be replaced.
    """
    insert = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}[connection.dialect.name]
    key = [column.name for column in table.primary_key]
    statement: Any = insert(table)
    changed = {name: statement.excluded[name] for name in (rows[0] if rows else {}) if name not in key}
    if keep or not changed:
        statement = statement.on_conflict_do_nothing(index_elements=key)
    else:
        statement = statement.on_conflict_do_update(index_elements=key, set_=changed, where=where)
    if len(rows) > BATCH and where is None:
        _insert_many(connection, table, statement, rows)
        return
    for start in range(0, len(rows), BATCH):
        connection.execute(statement, list(rows[start : start + BATCH]))


def _insert_many(connection: Connection, table: Table, statement: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows with values bound column by column: bound row by row they cost more than the database does."""
    dialect = connection.dialect
    defaults = {column.name: column.default.arg for column in table.columns  # type: ignore[attr-defined]  # all are scalars
                if column.default and column.name not in rows[0]}
    compiled = statement.compile(dialect=dialect, column_keys=[*rows[0], *defaults])
    names = compiled.positiontup or list(compiled.binds)
    processors = [compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect) for name in names]
    for start in range(0, len(rows), BATCH):
        part = [{**defaults, **row} for row in rows[start : start + BATCH]] if defaults else rows[start : start + BATCH]
        columns = [_bound([row[name] for row in part], processor) for name, processor in zip(names, processors, strict=True)]
        records = list(zip(*columns, strict=True))
        connection.exec_driver_sql(str(compiled), records if compiled.positional else [
            dict(zip(names, record, strict=True)) for record in records])


def _bound(values: list[Any], processor: Callable[[Any], Any] | None) -> list[Any]:
    """`values` as the driver takes them; a value that occurs often is only bound once."""
    if processor is None:
        return values
    try:
        known = {value: processor(value) for value in set(values)}
    except TypeError:  # lists and dicts have no hash
        return [processor(value) for value in values]
    return [known[value] for value in values]


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the database at `url` up to `revision` (the newest by default)."""
    from alembic import command

    command.upgrade(_migrations(url), revision)


def downgrade(url: str, revision: str) -> None:
    """Bring the database at `url` back to an older `revision`; what only newer tables and columns held is gone."""
    from alembic import command

    command.downgrade(_migrations(url), revision)


def _migrations(url: str) -> Any:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    config.attributes["engine"] = connect(url)
    return config
