"""The built-in source `support`: a ticket is a customer's voice, and so is the mark that a customer gives in the end.

The phases meet in the ledger: `tickets.voice_id` is the id of the voice that a ticket is heard as, so the theme of that voice
is the ticket's theme, with its stories, releases and outcomes.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Engine, exists, literal, select

from include.ledger.engine import reading
from include.ledger.runs import Run
from include.ledger.tables import tickets, voices
from include.voc_aggregation import understanding
from include.voc_aggregation.intake import Heard, Intake

NAME = "support"
BATCH = 5_000
_CSAT = "-csat"
Row = dict[str, Any]


def listen(engine: Engine, run: Run, heard: Heard) -> Intake:
    """Each ticket that is no voice yet becomes one, and each CSAT once: its comment, and the mark as the rating.

    A mark without a word is kept as a voice too, but says nothing that a theme could be made of.
    """
    intake = Intake(NAME)
    told = _unheard(engine, run.product, tickets.c.voice_id)
    marked = _unheard(engine, run.product, tickets.c.voice_id + literal(_CSAT), tickets.c.csat.is_not(None))
    rows = [_told(row, run.at) for row in told] + [_marked(row, run.at) for row in marked]
    for row, feeling in zip(rows, heard.classifier.feelings([row["text"] for row in rows]), strict=True):
        row["sentiment"] = understanding.felt(feeling, row["rating"], row.pop("scale"))
    spoken = [row for row in rows if row["text"]]
    for start in range(0, len(spoken), BATCH):
        heard.add(spoken[start: start + BATCH])
    heard.voices.add([row | {"kind": understanding.kind("", row["sentiment"])} for row in rows if not row["text"]])
    intake.read = intake.stored = len(rows)
    return intake


def _unheard(engine: Engine, product: str, voice: ColumnElement[str], *where: ColumnElement[bool]) -> list[Row]:
    query = (select(tickets)
             .where(tickets.c.product == product, tickets.c.erased_at.is_(None), ~exists().where(voices.c.id == voice), *where)
             .order_by(tickets.c.created_at, tickets.c.id))
    with reading(engine) as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def _told(ticket: Row, at: datetime) -> Row:
    return _voice(ticket, ticket["voice_id"], f"{ticket['subject']}\n{ticket['body']}".strip(), None, ticket["created_at"], at)


def _marked(ticket: Row, at: datetime) -> Row:
    written = ticket["resolved_at"] or ticket["updated_at"]
    return _voice(ticket, ticket["voice_id"] + _CSAT, ticket["csat_comment"] or "", ticket["csat"], written, at)


def _voice(ticket: Row, voice: str, text: str, rating: float | None, written: datetime, at: datetime) -> Row:
    return {"id": voice, "product": ticket["product"], "source": NAME, "origin": "customer", "external_id": ticket["id"],
            "text": text, "language": understanding.language(text) if text else ticket["language"],
            "scale": (ticket["csat_worst"], ticket["csat_best"]), "rating": rating, "author": ticket["author"],
            "written_at": written, "heard_at": at}
