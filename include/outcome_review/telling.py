"""Sending what is in the outbox, each notice at most once (see `include.outbox`)."""

import logging
import re
import smtplib
from collections.abc import Callable
from contextlib import ExitStack
from email.message import EmailMessage
from email.utils import formatdate
from typing import Any

from sqlalchemy import Engine, select, update

from include.connection import Connection, Connections
from include.errors import InputError
from include.http_client import UnsureError
from include.ledger.engine import reading, writing
from include.ledger.runs import Run, lease
from include.ledger.tables import notices
from include.outbox import CUT_OFF, FAILED, GIVEN_UP, SENDING, SENT, TRIES, UNSURE, WAITING, RefusedError, mailer, poster
from include.outcome_review.letters import Letter
from include.outcome_review.notices import MAIL, WEBHOOK, WITHDRAWN, letter_of
from include.parts.outcome import Tell
from include.privacy.contacts import key_of, reachable
from include.product import Product

log = logging.getLogger(__name__)
DOMAIN = "closed-loop"
AUTHOR_KEY = "author_key"  # the connection whose password authors are hashed with; links are signed with what follows from it
_ADDRESS = re.compile(r"[^@\s,<>;:\"()]+@[^@\s,<>;:\"()]+")
Notice = dict[str, Any]
Send = Callable[[Notice, Letter, str], None]


def tell(engine: Engine, product: Product, run: Run, connections: Connections) -> dict[str, int]:
    """Send the notices of `product` that wait or have failed; returns how many came to which status in this run.

    A server that can't be reached leaves them as they are, for a later run; that is logged. Raises InputError where the key of
    the contacts is missing or another, or where there is none to sign links with.
    """
    if (said := product.outcome.tell) is None:
        return {}
    with lease(engine, f"notices:{product.name}", f"{run.phase} {run.run_id}"):
        _close_unfinished(engine, product)
        due = _due(engine, product)
        if not due:
            return {}
        secret = _secret(connections) if said.answer_url else None
        handles = reachable(engine, product.name, {row["author"] for row in due}, key_of(connections))
        come_to: dict[str, int] = {}
        for channel, name in ((MAIL, said.mail), (WEBHOOK, said.webhook)):
            rows = [row for row in due if row["channel"] == channel]
            if not rows or not name:
                continue
            for status in _through(engine, product, run, said, connections(name), rows, handles, secret):
                come_to[status] = come_to.get(status, 0) + 1
        return come_to


def _through(engine: Engine, product: Product, run: Run, said: Tell, connection: Connection, rows: list[Notice],
             handles: dict[str, dict[str, str]], secret: bytes | None) -> list[str]:
    """Send `rows` through one connection, until it fails; what each came to."""
    done = list[str]()
    try:
        with ExitStack() as opened:
            send = _mailer(opened, said, connection) if rows[0]["channel"] == MAIL else _poster(opened, said, connection)
            for row in rows:
                status, goes_on = _one(engine, product, run, row, handles.get(row["author"], {}), send, secret)
                done.append(status)
                if not goes_on:
                    break
    except (OSError, smtplib.SMTPException) as error:
        log.warning("%s: notices wait, %s can't be used: %s", product.name, rows[0]["channel"], error)
    return done


def _secret(connections: Connections) -> bytes:
    """What links are signed with."""
    secret = connections(AUTHOR_KEY).password
    if not secret:
        raise InputError(f"the connection {AUTHOR_KEY!r} has no password to sign links with")
    return secret.encode()


def _one(engine: Engine, product: Product, run: Run, row: Notice, handles: dict[str, str], send: Send,
         secret: bytes | None) -> tuple[str, bool]:
    """Send one notice; what it came to, and whether the connection is good for more."""
    handle = handles.get("email") if row["channel"] == MAIL else next((handles[name] for name in sorted(handles)), None)
    if handle is None:
        return _note(engine, row, status=WITHDRAWN), True
    with reading(engine) as connection:
        letter = letter_of(connection, product, row, secret)
    _note(engine, row, status=SENDING, attempts=row["attempts"] + 1, tried_at=run.at)
    try:
        send(row, letter, handle)
    except RefusedError as error:
        over = error.good or row["attempts"] + 1 >= TRIES
        return _note(engine, row, status=GIVEN_UP if over else FAILED, problem=str(error)), not error.stop
    except (OSError, UnsureError) as error:
        return _note(engine, row, status=UNSURE, problem=type(error).__name__, sent_at=run.at), False
    return _note(engine, row, status=SENT, sent_at=run.at, problem=None), True


def _due(engine: Engine, product: Product) -> list[Notice]:
    with reading(engine) as connection:
        found = connection.execute(select(notices).where(
            notices.c.product == product.name, notices.c.status.in_((WAITING, FAILED)))
            .order_by(notices.c.made_at, notices.c.message_id)).mappings()
        return [dict(row) for row in found]


def _close_unfinished(engine: Engine, product: Product) -> None:
    with writing(engine) as connection:
        connection.execute(update(notices).where(notices.c.product == product.name, notices.c.status == SENDING)
                           .values(status=UNSURE, problem=CUT_OFF, sent_at=notices.c.tried_at))


def _note(engine: Engine, row: Notice, **values: Any) -> str:
    with writing(engine) as connection:
        connection.execute(update(notices).where(
            notices.c.story_id == row["story_id"], notices.c.author == row["author"], notices.c.channel == row["channel"])
            .values(values))
    return str(values["status"])


def mail_of(row: Notice, letter: Letter, handle: str, said: Tell) -> EmailMessage:
    """A notice as a mail (RFC 5322); that a machine wrote it keeps other machines from answering (RFC 3834)."""
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = letter.subject, said.from_ or "", handle
    mail["Message-ID"], mail["Date"] = f"<{row['message_id']}@{DOMAIN}>", formatdate(row["made_at"].timestamp())
    mail["Auto-Submitted"] = "auto-generated"
    if said.reply_to:
        mail["Reply-To"] = said.reply_to
    mail.set_content(letter.text)
    return mail


def _mailer(opened: ExitStack, said: Tell, connection: Connection) -> Send:
    mail = mailer(opened, connection)

    def send(row: Notice, letter: Letter, handle: str) -> None:
        if not _ADDRESS.fullmatch(handle):
            raise RefusedError("what is kept is no mail address", good=True)
        mail(mail_of(row, letter, handle, said))

    return send


def _poster(opened: ExitStack, said: Tell, connection: Connection) -> Send:
    post = poster(opened, connection, said.allow_hosts)

    def send(row: Notice, letter: Letter, handle: str) -> None:
        post(row["message_id"], {"to": handle, "language": row["language"], "subject": letter.subject, "text": letter.text,
                                 "story": row["story_id"], "release": row["release"]})

    return send
