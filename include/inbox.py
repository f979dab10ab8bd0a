"""The inbox: what customers send to the intake endpoint waits in the ledger, redacted, until a run makes voices of it."""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy import Connection, Engine, delete, exists, select, update

from include.ledger.engine import reading, upsert, writing
from include.ledger.tables import inbox, inbox_minutes
from include.redaction import author_hash, redact

NAME = "intake"  # the source's name
PER_MINUTE = 600
_BATCH = 5_000
_WAKE_AGAIN = timedelta(seconds=30)
_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=20_000)]
_Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255)]


class Sent(BaseModel):
    """One voice as the endpoint takes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: _Text
    id: _Word | None = Field(None, description="The sender's own id: sent twice, it counts once. Without, each sending does.")
    author: _Word | None = Field(None, description="Stored only as a keyed hash.")
    rating: float | None = Field(None, ge=1, le=5, allow_inf_nan=False)
    written_at: datetime | None = None
    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")] | None = None
    version: Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z.+-]{1,64}$")] | None = Field(
        None, description="The product's version that was used.")


class TooManyError(Exception):
    """The product's rate limit is reached; `seconds` until it opens again."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"at most {PER_MINUTE} voices a minute")
        self.seconds = seconds


def receive(engine: Engine, product: str, voices: Sequence[Sent], author_key: bytes, now: datetime) -> bool:
    """Put `voices` into the inbox, all or none. Returns whether the loop should be woken for them.

    One wake is enough for all voices that come before a run takes them; where nobody took them for a while, it is said again.
    Raises TooManyError.
    """
    rows = [_row(product, voice, author_key, now) for voice in voices]
    with writing(engine) as connection:
        return put(connection, product, rows, now)


def put(connection: Connection, product: str, rows: Sequence[dict[str, Any]], now: datetime) -> bool:
    """`receive` of rows that are redacted already, within a transaction."""
    _count(connection, product, len(rows), now)
    recent = (inbox.c.product == product, inbox.c.taken_by.is_(None), inbox.c.received_at > now - _WAKE_AGAIN)
    asleep = not connection.scalar(select(exists().where(*recent)))
    upsert(connection, inbox, list({row["id"]: row for row in rows}.values()), keep=True)
    return asleep


def _row(product: str, voice: Sent, author_key: bytes, now: datetime) -> dict[str, Any]:
    written = (voice.written_at.replace(tzinfo=voice.written_at.tzinfo or UTC) if voice.written_at else now).isoformat()
    text, own = redact(voice.text), redact(voice.id) if voice.id else None
    identity = "\x1f".join((product, "id", own) if own else (product, "content", written, text))
    return {"id": hashlib.sha256(identity.encode()).hexdigest()[:16], "product": product, "external_id": own, "text": text,
            "rating": voice.rating, "written_at": written, "language": voice.language, "version": voice.version,
            "received_at": now, "taken_by": None, "author": author_hash(voice.author, author_key) if voice.author else None}


def _count(connection: Connection, product: str, voices: int, now: datetime) -> None:
    """Count `voices` for this minute; the row's lock makes it right with several servers side by side."""
    minute = now.replace(second=0, microsecond=0)
    upsert(connection, inbox_minutes, [{"product": product, "minute": minute, "voices": 0}], keep=True)
    this = (inbox_minutes.c.product == product, inbox_minutes.c.minute == minute)
    connection.execute(update(inbox_minutes).where(*this).values(voices=inbox_minutes.c.voices + voices))
    if (connection.scalar(select(inbox_minutes.c.voices).where(*this)) or 0) > PER_MINUTE:
        raise TooManyError(60 - now.second)
    connection.execute(delete(inbox_minutes).where(inbox_minutes.c.product == product, inbox_minutes.c.minute < minute))


def take(engine: Engine, product: str, run_id: str) -> bool:
    """Mark what waits for `product` as taken by this run; what a run that died had taken too. Whether there is any."""
    with writing(engine) as connection:
        connection.execute(update(inbox).where(inbox.c.product == product).values(taken_by=run_id))
        return bool(connection.scalar(select(exists().where(inbox.c.product == product, inbox.c.taken_by == run_id))))


def taken(engine: Engine, product: str, run_id: str) -> Iterator[list[dict[str, Any]]]:
    """What this run took, some thousands at a time."""
    last = ""
    while True:
        query = (select(inbox).where(inbox.c.product == product, inbox.c.taken_by == run_id, inbox.c.id > last)
                 .order_by(inbox.c.id).limit(_BATCH))
        with reading(engine) as connection:
            rows = [dict(row) for row in connection.execute(query).mappings()]
        if not rows:
            return
        yield rows
        last = rows[-1]["id"]


def empty(connection: Connection, product: str, run_id: str) -> None:
    """Remove what this run took: in the transaction that stores the voices."""
    connection.execute(delete(inbox).where(inbox.c.product == product, inbox.c.taken_by == run_id))
