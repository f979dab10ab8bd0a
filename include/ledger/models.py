"""What was learnt, by product, field and version: which model runs, which were better or not, and the way back.

The fields of voices are kind, severity and sentiment; of tickets it is the category. A part of what people said is held out for
ever: no model of any version has seen it, so that versions can be compared on it. A candidate is promoted where it is better
there than what runs, or else rejected; both are kept with their version, size, scores and bytes.
"""

import hashlib
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, func, insert, select, update

from include.errors import InputError
from include.ledger.engine import reading
from include.ledger.tables import models

CATEGORY = "category"  # the field of tickets
NEWS = 25  # words of people since the last model that make it worth training again
LEAST_HELD = 5  # held out, of which nothing could be said otherwise
Row = dict[str, Any]


def held_out(text: str) -> bool:
    """Whether a fifth that is never trained on has `text`: by the text, so that those that say the same stand on one side."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[0] % 5 == 0


def _mine(product: str, field: str) -> tuple[ColumnElement[bool], ...]:
    return models.c.product == product, models.c.field == field


def promoted(engine: Engine, product: str, field: str) -> Row | None:
    """The row of the model that runs, None where rules do."""
    with reading(engine) as connection:
        row = connection.execute(select(models).where(*_mine(product, field), models.c.status == "promoted")).mappings().first()
    return dict(row) if row else None


def last(engine: Engine, product: str, field: str) -> tuple[int, datetime | None]:
    """The newest version (0 where there is none yet), and when it was made."""
    with reading(engine) as connection:
        version, at = connection.execute(select(func.max(models.c.version), func.max(models.c.at))
                                         .where(*_mine(product, field))).one()
    return version or 0, at


def write(connection: Connection, learnt: list[Row]) -> None:
    """Write what was learnt; a promoted model supersedes the one before it."""
    for row in learnt:
        if row["status"] == "promoted":
            connection.execute(update(models).where(*_mine(row["product"], row["field"]), models.c.status == "promoted")
                               .values(status="superseded", decided_at=row["at"], decided_by=row["decided_by"]))
        connection.execute(insert(models).values(row))


def roll_back(connection: Connection, product: str, field: str, who: str, at: datetime) -> tuple[int, int | None]:
    """Take back the promoted model: the one that it superseded runs again, or else the rules.

    Returns the versions taken back and running now (None for the rules). Raises InputError where no model is promoted.
    """
    mine = _mine(product, field)
    taken = connection.scalar(select(models.c.version).where(*mine, models.c.status == "promoted"))
    if taken is None:
        raise InputError(f"{product}: no model for {field} is promoted, so there is none to roll back")
    back = connection.scalar(select(models.c.version).where(*mine, models.c.status == "superseded")
                             .order_by(models.c.version.desc()).limit(1))
    for version, status in ((taken, "rolled_back"), (back, "promoted")):
        connection.execute(update(models).where(*mine, models.c.version == version)
                           .values(status=status, decided_at=at, decided_by=who))
    return taken, back
