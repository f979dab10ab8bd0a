"""What a customer answers to a letter's question whether it helped: a voice in the inbox, once, with the story's reference."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, select, update

from include.answer_link import opened, reference
from include.errors import InputError
from include.inbox import put
from include.ledger.engine import reading, writing
from include.ledger.tables import notices, stories
from include.markup import plain
from include.redaction import redact

MOST = 5_000  # characters of one's own words
YES = {"en": "It helped, thank you!", "ko": "도움이 되었어요. 감사합니다!"}
NO = {"en": "It did not help.", "ko": "도움이 되지 않았어요."}


class UsedLinkError(InputError):
    """The link was used, or the customer has answered otherwise."""


class GoneError(InputError):
    """What the customer was told was erased, with all that is known of them."""


@dataclass(frozen=True)
class Question:
    """What the page asks: in which language, about which story."""

    language: str
    title: str


def question(engine: Engine, product: str, token: str, secret: bytes, now: datetime) -> Question:
    """What the link with `token` asks. Raises ForgedLinkError, ExpiredLinkError, GoneError or UsedLinkError."""
    id = opened(token, product, now, secret)
    with reading(engine) as connection:
        row = connection.execute(
            select(notices.c.language, notices.c.answer, notices.c.answered_at, stories.c.title)
            .join(stories, stories.c.id == notices.c.story_id)
            .where(notices.c.product == product, notices.c.message_id == id)).first()
    if row is None:
        raise GoneError("what you were told is gone")
    if row.answer or row.answered_at:
        raise UsedLinkError("you have answered already")
    return Question(row.language if row.language in YES else "en", row.title)


def answer(engine: Engine, product: str, token: str, helped: bool, words: str, secret: bytes, now: datetime) -> bool:
    """Put the answer into the inbox, once for ever; returns whether the loop should be woken for it.

    Raises what `question` raises, and TooManyError.
    """
    asked, id = question(engine, product, token, secret, now), opened(token, product, now, secret)
    with writing(engine) as connection:
        mine = (notices.c.product == product, notices.c.message_id == id)
        taken = connection.execute(update(notices).where(*mine, notices.c.answered_at.is_(None), notices.c.answer.is_(None))
                                   .values(answered_at=now))
        if not taken.rowcount:
            raise UsedLinkError("you have answered already")
        row = connection.execute(select(notices.c.story_id, notices.c.author).where(*mine)).one()
        said = [YES[asked.language]] if helped else [NO[asked.language], plain(asked.title, 300)]
        text = " ".join([*said, redact(words[:MOST].strip()), f"[{reference(row.story_id, id)}]"])
        return put(connection, product, [{
            "id": hashlib.sha256(f"answer\x1f{id}".encode()).hexdigest()[:16], "product": product, "external_id": f"answer {id}",
            "text": text, "rating": 5.0 if helped else 1.0, "author": row.author, "written_at": now.isoformat(),
            "language": asked.language, "received_at": now, "taken_by": None}], now)
