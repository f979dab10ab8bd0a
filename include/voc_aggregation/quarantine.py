"""`python -m include.voc_aggregation.quarantine list|show|replay`: what was set aside, and how it is heard after all.

    python -m include.voc_aggregation.quarantine list [--product shop] [--source reviews]
    python -m include.voc_aggregation.quarantine show ID
    python -m include.voc_aggregation.quarantine replay corrected.csv

A corrected file (CSV, or JSON Lines where it is named .jsonl) has a column `quarantine` with the id of the row that it corrects,
`text`, and, where there are any, `id` (the source's own), `written_at`, `rating` and `language`. The product's next run hears
these rows as it hears the source's own: what is in order becomes voices, what is not is set aside again.
"""

import argparse
import csv
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, select, update

from include.errors import InputError
from include.ledger.engine import connect, reading, writing
from include.ledger.tables import quarantine
from include.parts.channels import Channel, Columns
from include.product import home
from include.redaction import excerpt, redact
from include.voc_aggregation.sources.source import Chunk, frame

FIELDS = ("text", "id", "written_at", "rating", "language")
COLUMNS = Columns(id="id", author="author", written_at="written_at", rating="rating", language="language")
_LONG = ("row", "corrected", "author")
Row = dict[str, Any]


def rows(engine: Engine, **of: str | None) -> list[Row]:
    """The quarantined rows with these columns (`id`, `product`, `source`), the newest first."""
    where = [quarantine.c[name] == value for name, value in of.items() if value is not None]
    with reading(engine) as connection:
        found = connection.execute(select(quarantine).where(*where).order_by(quarantine.c.at.desc(), quarantine.c.id))
        return [dict(row) for row in found.mappings()]


def replay(engine: Engine, corrected: Iterable[Mapping[str, Any]]) -> int:
    """Keep corrected rows, redacted, for the next run; returns how many.

    Raises InputError, and keeps none, where a row names no quarantined one, or one that was replayed already or erased.
    """
    with writing(engine) as connection:
        count = 0
        for count, row in enumerate(corrected, 1):
            name = str(row.get("quarantine") or "")
            values = {field: redact(str(row[field])) for field in FIELDS if row.get(field) not in {None, ""}}
            done = connection.execute(update(quarantine).where(
                quarantine.c.id == name, quarantine.c.replayed_at.is_(None), quarantine.c.erased_at.is_(None)
            ).values(corrected=values))
            if not done.rowcount:
                raise InputError(f"corrected row {count}: nothing that could be replayed has the id {excerpt(name, 40)!r}")
        return count


def corrected(engine: Engine, product: str, source: Channel) -> tuple[list[str], Channel, Iterator[Chunk]]:
    """The rows of `source` that wait to be replayed: their ids, how they are mapped, and the rows (authors are hashes)."""
    waiting = [row for row in rows(engine, product=product, source=source.name)
               if row["corrected"] is not None and row["replayed_at"] is None and row["erased_at"] is None]
    values = [[f"corrected {row['id']}", row["author"], *(row["corrected"].get(field) for field in FIELDS)] for row in waiting]
    chunk = Chunk(frame(values, ["author", *FIELDS]))
    return [row["id"] for row in waiting], source.model_copy(update={"columns": COLUMNS}), iter([chunk] if waiting else [])


def replayed(connection: Connection, ids: Sequence[str], at: datetime) -> None:
    """Mark rows as replayed at `at`; they are voices now, or in quarantine anew."""
    for name in ids:
        connection.execute(update(quarantine).where(quarantine.c.id == name).values(replayed_at=at, corrected=None))


def read(path: Path) -> Iterator[Row]:
    """The rows of a corrected file. Raises InputError where it can't be read."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from map(json.loads, filter(str.strip, file)) if path.suffix == ".jsonl" else csv.DictReader(file)
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error


def main(arguments: Sequence[str]) -> None:
    """Do what the command line says and print one JSON object a line."""
    parser = argparse.ArgumentParser("python -m include.voc_aggregation.quarantine", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["list", "show", "replay"])
    parser.add_argument("name", nargs="?", help="the id to show, or the corrected file to replay")
    parser.add_argument("--product")
    parser.add_argument("--source")
    parser.add_argument("--ledger", default=f"sqlite:///{home() / 'ledger.db'}", help="a SQLAlchemy URL")
    given = parser.parse_args(arguments)
    if given.what != "list" and not given.name:
        parser.error(f"{given.what} needs a name")
    engine = connect(given.ledger)
    if given.what == "replay":
        found: list[Row] = [{"waiting": replay(engine, read(Path(given.name)))}]
    else:
        found = rows(engine, product=given.product, source=given.source, id=given.name if given.what == "show" else None)
    for row in found:
        shown = {name: value for name, value in row.items() if given.what != "list" or name not in _LONG}
        sys.stdout.write(json.dumps(shown, ensure_ascii=False, default=str) + "\n")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except InputError as error:
        sys.exit(str(error))
