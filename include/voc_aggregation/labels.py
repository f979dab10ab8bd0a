"""What people say a voice is: a labelled CSV, or a correction; and the way back from a model that learnt from them.

    python -m include.voc_aggregation.labels import FILE --product P [--who NAME] [--ledger URL]
    python -m include.voc_aggregation.labels rollback --product P [--field FIELD] [--who NAME] [--ledger URL]
    python -m include.voc_aggregation.labels models --product P [--ledger URL]

The file has the columns `voice_id` or `text` (of something that is no voice of the ledger), `label`, and maybe `field`: kind
(which it is without), severity or sentiment. Several kinds are written `bug|feature`, the main one first. A label for a voice is
also what the voice is from then on. A later label replaces an earlier one. `author` says who wrote a text, so that it goes when
that author is erased; it is kept as a keyed hash.
"""

import argparse
import csv
import getpass
import hashlib
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, select

from include.errors import InputError
from include.ledger import models
from include.ledger.engine import connect, upsert, writing
from include.ledger.runs import Result, Run, lease
from include.ledger.tables import labels, voices
from include.ledger.tables import models as models_table
from include.privacy.__main__ import author_key
from include.product import home, product_named
from include.redaction import author_hash, redact
from include.voc_aggregation import effects
from include.voc_aggregation.classifier import FIELDS


@dataclass(frozen=True)
class Label:
    """One label: of the voice `voice_id`, or else of `text`. `place` says where it stands, for messages."""

    field: str
    label: str
    voice_id: str | None = None
    text: str | None = None
    place: str = "label"
    author: str | None = None


def read(path: Path) -> list[Label]:
    """The labels of a CSV file. Raises InputError where it can't be read, a column is missing, or a row names neither."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = csv.DictReader(file)
            columns = set(lines.fieldnames or ())
            if "label" not in columns or not columns & {"voice_id", "text"}:
                raise InputError(f"{path}:1: the columns must be voice_id or text, and label; there are {sorted(columns)}")
            return [Label((line.get("field") or "kind").strip(), (line["label"] or "").strip(),
                          (line.get("voice_id") or "").strip() or None, line.get("text") or None, f"{path}:{lines.line_num}",
                          (line.get("author") or "").strip() or None)
                    for line in lines]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error


def record(engine: Engine, product: str, given: Sequence[Label], who: str, at: datetime, author_key: bytes = b"") -> int:
    """Write `given` for the voices of `product`, all or none; returns how many were new or said something else before.

    `author_key` is what authors are hashed with. Waits while voices are being aggregated. Raises InputError with a line for each
    that is wrong: an unknown field, label or voice, or nothing that it is about.
    """
    with lease(engine, f"voices:{product}", f"labels by {who} {at.isoformat()}"), writing(engine) as connection:
        found = _voices(connection, product, [label.voice_id for label in given if label.voice_id])
        if wrong := [message for label in given if (message := _wrong(label, found, product))]:
            raise InputError("\n".join(wrong))
        rows = {(row["voice_id"], row["field"]): row for row in (_row(label, product, who, at, author_key) for label in given)}
        known = {(row.voice_id, row.field): row.label
                 for row in connection.execute(select(labels).where(labels.c.product == product))}
        news = [row for key, row in rows.items() if known.get(key) != row["label"]]
        upsert(connection, labels, news)
        effects.apply(connection, news)
        return len(news)


def correct(engine: Engine, run: Run, who: str, voice_ids: Sequence[str], **said: str) -> Result:
    """A person says what voices are: of each field in `said` (kind, severity, sentiment) the label, for all of `voice_ids`.

    Returns `publish` (the product), and how many labels were new or `changed`. Raises InputError as `record`, and where there
    is nothing to correct.
    """
    if not voice_ids or not said:
        raise InputError(f"nothing to correct: {'no voice is named' if said else 'no kind, severity or sentiment is given'}")
    given = [Label(field, label, voice_id=voice, place=voice)
             for voice in dict.fromkeys(voice_ids) for field, label in said.items()]
    return {"publish": [run.product], "changed": record(engine, run.product, given, who, run.at)}


def _voices(connection: Connection, product: str, ids: list[str]) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(ids), 10_000):
        found.update(connection.scalars(select(voices.c.id).where(voices.c.product == product,
                                                                  voices.c.id.in_(ids[start: start + 10_000]))))
    return found


def _wrong(label: Label, found: Iterable[str], product: str) -> str | None:
    if label.field not in FIELDS:
        return f"{label.place}: field: {label.field!r} is none of {', '.join(FIELDS)}"
    words = label.label.split("|")
    if wrong := next((word for word in words if word not in FIELDS[label.field]), None):
        return f"{label.place}: label: {wrong!r} is none of {', '.join(FIELDS[label.field])}"
    if len(words) > (len(set(words)) if label.field == "kind" else 1):
        return f"{label.place}: label: {label.label!r}: {'a kind stands twice' if label.field == 'kind' else 'one, not several'}"
    if label.voice_id:
        return None if label.voice_id in found else f"{label.place}: voice_id: {product} has no voice {label.voice_id!r}"
    return None if label.text and label.text.strip() else f"{label.place}: neither a voice_id nor a text"


def _row(label: Label, product: str, who: str, at: datetime, author_key: bytes) -> dict[str, object]:
    author = author_hash(label.author, author_key) if label.author and not label.voice_id else None
    text = None if label.voice_id else redact(label.text or "")
    digest = hashlib.sha256("\x1f".join((product, text or "")).encode("utf-8", "surrogatepass")).hexdigest()
    return {"voice_id": label.voice_id or f"text:{digest[:16]}", "field": label.field, "product": product, "label": label.label,
            "text": text, "who": who, "at": at, "author": author}


def roll_back(engine: Engine, product: str, who: str, at: datetime, field: str = "kind") -> tuple[int, int | None]:
    """`include.ledger.models.roll_back`, once nobody is using the model: waits for a run that does."""
    user = "support" if field == models.CATEGORY else "voices"
    with lease(engine, f"{user}:{product}", f"rollback by {who} {at.isoformat()}"), writing(engine) as connection:
        return models.roll_back(connection, product, field, who, at)


def main(arguments: list[str]) -> None:
    """The command line. A wrong file or name ends with its message."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("action", choices=["import", "rollback", "models"])
    parser.add_argument("file", nargs="?", type=Path, help="for import: the labelled CSV")
    parser.add_argument("--product", required=True)
    parser.add_argument("--field", default="kind", choices=[*FIELDS, models.CATEGORY],
                        help="for rollback: whose model (kind); category is that of the desk's tickets")
    parser.add_argument("--who", default=getpass.getuser())
    parser.add_argument("--ledger", default=f"sqlite:///{home() / 'ledger.db'}", help="SQLAlchemy URL of the ledger")
    given = parser.parse_args(arguments)
    if given.action == "import" and given.file is None:
        parser.error("import needs a file")
    try:
        sys.stdout.write(_act(given, connect(given.ledger), datetime.now(UTC)) + "\n")
    except InputError as error:
        sys.exit(str(error))


def _act(given: argparse.Namespace, engine: Engine, at: datetime) -> str:
    product = product_named(given.product).name
    if given.action == "import":
        found = read(given.file)
        key = author_key() if any(label.author for label in found) else b""
        return f"{product}: {len(found)} labels read, {record(engine, product, found, given.who, at, key)} of them new or changed"
    if given.action == "rollback":
        taken, back = roll_back(engine, product, given.who, at, given.field)
        return f"{product}: {given.field} model {taken} rolled back; {'the rules' if back is None else f'model {back}'} run"
    with engine.connect() as connection:
        rows = connection.execute(select(models_table).where(models_table.c.product == product)
                                  .order_by(models_table.c.field, models_table.c.version)).mappings()
        return "\n".join(f"{row['field']} {row['version']} {row['status']} trained on {row['trained_on']}, held out "
                         f"{row['held_out']}: {json.dumps(row['scores'])}" for row in rows) or f"{product}: no models yet"


if __name__ == "__main__":
    main(sys.argv[1:])
