"""Sending what is in the outbox, each notice at most once.

Before a notice is sent, that it is being sent is written down and committed. Where the process dies after that, or the server's
answer is lost, nobody knows whether it arrived: such a notice is unsure, and never sent again. What the server surely refused is
tried again by a later run, at most TRIES times; a refusal for good (5xx) gives up.
"""

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
from include.outcome_review.letters import Letter
from include.outcome_review.notices import FAILED, GIVEN_UP, MAIL, SENDING, SENT, UNSURE, WAITING, WEBHOOK, WITHDRAWN, letter_of
from include.parts.outcome import Tell
from include.privacy.contacts import key_of, reachable
from include.product import Product
from include.smtp import session
from include.webhook import webhook

log = logging.getLogger(__name__)
TRIES = 5
DOMAIN = "closed-loop"
PERMANENT = 500  # what SMTP refuses for good, from here on
CLOSING = 421  # with this the server ends the session
_ADDRESS = re.compile(r"[^@\s,<>;:\"()]+@[^@\s,<>;:\"()]+")
Notice = dict[str, Any]
Send = Callable[[Notice, Letter, str], None]


class RefusedError(Exception):
    """The notice was surely not taken; `good` says for good, `stop` that others needn't be tried now."""

    def __init__(self, problem: str, good: bool = False, stop: bool = False) -> None:
        super().__init__(problem)
        self.good, self.stop = good, stop


def tell(engine: Engine, product: Product, run: Run, connections: Connections) -> dict[str, int]:
    """Send the notices of `product` that wait or have failed; returns how many came to which status in this run.

    A server that can't be reached leaves them as they are, for a later run; that is logged. Raises InputError where the key of
    the contacts is missing or another.
    """
    if (said := product.outcome.tell) is None:
        return {}
    with lease(engine, f"notices:{product.name}", f"{run.phase} {run.run_id}"):
        _close_unfinished(engine, product)
        due = _due(engine, product)
        if not due:
            return {}
        handles = reachable(engine, product.name, {row["author"] for row in due}, key_of(connections))
        come_to: dict[str, int] = {}
        for channel, name in ((MAIL, said.mail), (WEBHOOK, said.webhook)):
            rows = [row for row in due if row["channel"] == channel]
            if not rows or not name:
                continue
            for status in _through(engine, product, run, said, connections(name), rows, handles):
                come_to[status] = come_to.get(status, 0) + 1
        return come_to


def _through(engine: Engine, product: Product, run: Run, said: Tell, connection: Connection, rows: list[Notice],
             handles: dict[str, dict[str, str]]) -> list[str]:
    """Send `rows` through one connection, until it fails; what each came to."""
    done = list[str]()
    try:
        with ExitStack() as opened:
            send = _mailer(opened, said, connection) if rows[0]["channel"] == MAIL else _poster(opened, said, connection)
            for row in rows:
                status, goes_on = _one(engine, product, run, row, handles.get(row["author"], {}), send)
                done.append(status)
                if not goes_on:
                    break
    except (OSError, smtplib.SMTPException) as error:
        log.warning("%s: notices wait, %s can't be used: %s", product.name, rows[0]["channel"], error)
    return done


def _one(engine: Engine, product: Product, run: Run, row: Notice, handles: dict[str, str], send: Send) -> tuple[str, bool]:
    """Send one notice; what it came to, and whether the connection is good for more."""
    handle = handles.get("email") if row["channel"] == MAIL else next((handles[name] for name in sorted(handles)), None)
    if handle is None:
        return _note(engine, row, status=WITHDRAWN), True
    with reading(engine) as connection:
        letter = letter_of(connection, product, row)
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
                           .values(status=UNSURE, problem="it was cut off while it was sent", sent_at=notices.c.tried_at))


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
    server = opened.enter_context(session(connection))

    def send(row: Notice, letter: Letter, handle: str) -> None:
        if not _ADDRESS.fullmatch(handle):
            raise RefusedError("what is kept is no mail address", good=True)
        try:
            server.send_message(mail_of(row, letter, handle, said))
        except smtplib.SMTPNotSupportedError as error:
            raise RefusedError("the server takes no such address", good=True) from error
        except smtplib.SMTPRecipientsRefused as error:  # its text has the address, which is nobody's business
            [(code, _)] = error.recipients.values()
            raise RefusedError(f"SMTP {code}", code >= PERMANENT) from error
        except smtplib.SMTPResponseException as error:
            raise RefusedError(f"SMTP {error.smtp_code}", error.smtp_code >= PERMANENT, error.smtp_code == CLOSING) from error

    return send


def _poster(opened: ExitStack, said: Tell, connection: Connection) -> Send:
    post = opened.enter_context(webhook(connection, said.allow_hosts))

    def send(row: Notice, letter: Letter, handle: str) -> None:
        body = {"to": handle, "language": row["language"], "subject": letter.subject, "text": letter.text,
                "story": row["story_id"], "release": row["release"]}
        try:
            status = post(row["message_id"], body)
        except UnsureError:
            raise
        except InputError as error:
            raise RefusedError(str(error), stop=True) from error
        if status >= 300:
            raise RefusedError(f"HTTP {status}", status in (400, 404, 410, 422))

    return send
