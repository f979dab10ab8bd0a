"""Keeping a ledger and its artifacts safe, and having them back, in SQLite or PostgreSQL whichever they came from.

    python -m include.ledger.backup make FOLDER       a new folder in FOLDER, named after its time; the loop may turn meanwhile
    python -m include.ledger.backup restore FOLDER    into an empty ledger, which is brought to the newest schema and checked

A backup holds `manifest.json` (schema, rows of each table, digest of each file), `tables/*.jsonl.gz` and `artifacts/`. The ledger
is read in one consistent view before the artifacts, which are stored before a row names them: so none is missing. Keys and
passwords (`secrets.json`, Airflow's connections) are no part of it: without them, contacts stay encrypted.
"""

import argparse
import gzip
import hashlib
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, Table, column, insert, inspect, select
from sqlalchemy import table as light_table

from include.artifacts import Artifacts
from include.errors import InputError
from include.ledger import search
from include.ledger.check import broken
from include.ledger.engine import connect, reading, upgrade, writing
from include.ledger.tables import UtcDateTime, metadata
from include.product import home

FORMAT = 1
BATCH = 2_000
_SKIPPED = {"leases"}  # who holds them is gone when the backup comes back


def make(engine: Engine, artifacts: Artifacts, into: Path, now: datetime) -> Path:
    """Write a backup as of `now` into a new folder of `into`; returns it. The folder bears its name once it is whole."""
    whole = into / f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    partial = whole.with_suffix(".partial")
    (partial / "tables").mkdir(parents=True)
    with reading(engine) as connection:
        schema = MigrationContext.configure(connection).get_current_revision()
        rows = {table.name: _save(connection, table, _file(partial, table.name)) for table in _tables(connection)}
    copy = Artifacts(str(partial / "artifacts"))
    for name in artifacts.names():
        copy.write(name, artifacts.read(name))
    manifest = {"format": FORMAT, "schema": schema, "at": now.isoformat(), "rows": rows, "files": _digests(partial)}
    (partial / "manifest.json").write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    partial.rename(whole)
    return whole


def restore(folder: Path, url: str, artifacts: Artifacts) -> dict[str, int]:
    """Bring the backup in `folder` into the empty ledger at the SQLAlchemy URL; returns the rows of each table.

    Everything is compared with the manifest first. Killed half-way and called again it goes on. Raises InputError where a file
    was changed or is missing, the ledger is not empty, an artifact of that name is another one, or an invariant does not hold
    afterwards.
    """
    manifest = _verified(folder)
    upgrade(url, manifest["schema"])
    engine = connect(url)
    _put_artifacts(Artifacts(str(folder / "artifacts")), artifacts)
    with writing(engine) as connection:
        _refuse_filled(connection, list(manifest["rows"]))
        for table in metadata.sorted_tables:
            if table.name in manifest["rows"]:
                _load(connection, table, _file(folder, table.name))
        search.add(connection)
    upgrade(url)
    if found := broken(engine, artifacts):
        raise InputError(f"{folder}: restored, but {'; '.join(f'{item.states} {item.rows[0]}' for item in found)}")
    rows: dict[str, int] = manifest["rows"]
    return rows


def _file(folder: Path, table: str) -> Path:
    return folder / "tables" / f"{table}.jsonl.gz"


def _tables(connection: Connection) -> list[Table]:
    there = set(inspect(connection).get_table_names())
    return [table for table in metadata.sorted_tables if table.name in there - _SKIPPED]


def _save(connection: Connection, table: Table, path: Path) -> int:
    """The columns' names in the first line, then a line a row; returns how many rows. A ledger of an older schema has fewer."""
    count, there = 0, {item["name"] for item in inspect(connection).get_columns(table.name)}
    columns = [item for item in table.columns if item.name in there]
    with gzip.open(path, "wt", encoding="utf-8", compresslevel=3) as file:
        file.write(json.dumps([item.name for item in columns]) + "\n")
        query = select(*columns).order_by(*table.primary_key).execution_options(yield_per=BATCH)
        for row in connection.execute(query):
            file.write(json.dumps(list(row), ensure_ascii=False, default=datetime.isoformat) + "\n")
            count += 1
    return count


def _load(connection: Connection, table: Table, path: Path) -> None:
    """Insert what `_save` wrote. The ledger has the backup's schema, so columns that it lacks are not named."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        names: list[str] = json.loads(file.readline())
        times = {name for name in names if isinstance(table.c[name].type, UtcDateTime)}
        statement = insert(light_table(table.name, *(column(name, table.c[name].type) for name in names)))
        rows = (_typed(names, json.loads(line), times) for line in file)
        while batch := list(islice(rows, BATCH)):
            connection.execute(statement, batch)


def _typed(names: list[str], values: list[Any], times: set[str]) -> dict[str, Any]:
    return {name: datetime.fromisoformat(value) if name in times and value else value
            for name, value in zip(names, values, strict=True)}


def _digests(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): _digest(path) for path in _files(folder)}


def _files(folder: Path) -> Iterator[Path]:
    return (path for part in ("tables", "artifacts") for path in sorted((folder / part).rglob("*")) if path.is_file())


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _verified(folder: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{folder}: no backup: {error}") from error
    if manifest.get("format") != FORMAT:
        raise InputError(f"{folder}: a backup of format {manifest.get('format')}, this reads {FORMAT}")
    found, files = _digests(folder), manifest["files"]
    wrong = sorted(name for name in found.keys() | files.keys() if found.get(name) != files.get(name))
    if wrong:
        raise InputError(f"{folder}: not as it was written: {', '.join(wrong[:5])}{' and more' if len(wrong) > 5 else ''}")
    return manifest


def _refuse_filled(connection: Connection, names: list[str]) -> None:
    for name in names:
        if connection.execute(select(metadata.tables[name].primary_key.columns[0]).limit(1)).first():
            raise InputError(f"the ledger is not empty: it has {name}")


def _put_artifacts(saved: Artifacts, store: Artifacts) -> None:
    for name in saved.names():
        content = saved.read(name)
        if not store.exists(name):
            store.write(name, content)
        elif store.read(name) != content:
            raise InputError(f"the store has another {name}")


def main(arguments: list[str] | None = None) -> None:
    """Do what the command line says, and print what came of it."""
    parser = argparse.ArgumentParser("python -m include.ledger.backup", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["make", "restore"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--ledger", default=f"sqlite:///{home() / 'ledger.db'}", help="a SQLAlchemy URL")
    parser.add_argument("--artifacts", default=str(home() / "artifacts"), help="a folder or an fsspec URL")
    given = parser.parse_args(arguments)
    store = Artifacts(given.artifacts)
    if given.what == "make":
        sys.stdout.write(f"{make(connect(given.ledger), store, given.folder, datetime.now(UTC))}\n")
    else:
        sys.stdout.write(f"{sum(restore(given.folder, given.ledger, store).values())} rows restored; every invariant holds\n")


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        sys.exit(str(error))
