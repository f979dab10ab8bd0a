"""Sending reports to their recipients, each at most once, and one's failure stops no other (see `include.outbox`)."""

import smtplib
from collections.abc import Callable
from contextlib import ExitStack, suppress
from email.message import EmailMessage
from email.utils import formatdate
from functools import partial
from typing import Any

from sqlalchemy import Engine, select, update

from include.artifacts import Artifacts
from include.connection import Connections
from include.errors import InputError
from include.http_client import UnsureError
from include.ledger.engine import reading, writing
from include.ledger.runs import Run, lease
from include.ledger.tables import deliveries, reports
from include.markup import plain
from include.outbox import CUT_OFF, FAILED, GIVEN_UP, SENDING, SENT, TRIES, UNSURE, WAITING, RefusedError, mailer, poster
from include.parts.reports import Recipient
from include.product import Product
from include.stakeholder_reporting.language import Speech
from include.stakeholder_reporting.model import Numbers
from include.stakeholder_reporting.page import Page, page

DOMAIN = "closed-loop"
SLACK = 3000  # characters of a message
_SLACK = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})  # so that nobody is called, and nothing is a link
_TYPES = {"html": ("text", "html"), "pdf": ("application", "pdf")}
Delivery = dict[str, Any]
Send = Callable[[], None]


class UndeliveredError(Exception):
    """Some recipients did not get a report, and may get it when this is tried again."""


def deliver(engine: Engine, product: Product, run: Run, artifacts: Artifacts, connections: Connections) -> dict[str, int]:
    """Send what waits or has failed; returns how many deliveries came to which status.

    Raises UndeliveredError where some that this run tried are to be tried again, and InputError where one of them never will be:
    each names its recipient and the reason, when all others have been served.
    """
    with lease(engine, f"deliveries:{product.name}", f"{run.phase} {run.run_id}"):
        _close_unfinished(engine, product, run)
        done = [_one(engine, product, run, artifacts, connections, row) for row in _rows(engine, product, WAITING, FAILED)]
        _complain(engine, product, run)
    return {status: done.count(status) for status in sorted(set(done))}


def _complain(engine: Engine, product: Product, run: Run) -> None:
    tried = [row for row in _rows(engine, product, FAILED, GIVEN_UP, UNSURE) if row["tried_at"] == run.at]
    lines = [f"{row['audience']} report for {row['recipient']} ({row['channel']}): {row['status']}, {row['problem']}"
             for row in tried]
    if any(row["status"] == FAILED for row in tried):
        raise UndeliveredError("\n".join(lines))
    if lines:
        raise InputError("\n".join(lines))


def _rows(engine: Engine, product: Product, *statuses: str) -> list[Delivery]:
    with reading(engine) as connection:
        found = connection.execute(
            select(deliveries, reports.c.audience, reports.c.numbers, reports.c.files, reports.c.at)
            .join(reports, reports.c.id == deliveries.c.report_id)
            .where(reports.c.product == product.name, deliveries.c.status.in_(statuses))
            .order_by(deliveries.c.made_at, deliveries.c.message_id)).mappings()
        return [dict(row) for row in found]


def _close_unfinished(engine: Engine, product: Product, run: Run) -> None:
    for row in _rows(engine, product, SENDING):
        _note(engine, row, status=UNSURE, problem=CUT_OFF, sent_at=row["tried_at"])


def _one(engine: Engine, product: Product, run: Run, artifacts: Artifacts, connections: Connections, row: Delivery) -> str:
    """Send one; what it came to."""
    settings = getattr(product.reports, row["audience"])
    recipient = next((item for item in settings.recipients if item.name == row["recipient"]), None) if settings else None
    if recipient is None:
        return _note(engine, row, status=GIVEN_UP, tried_at=run.at, problem="the product's file names them no more")
    status = FAILED
    with suppress(OSError, smtplib.SMTPException), ExitStack() as opened:  # what is left here is how a session ends
        try:
            send = _prepared(opened, product, recipient, artifacts, connections, row)
        except (OSError, smtplib.SMTPException, InputError) as error:  # nothing has been said yet
            return _refused(engine, run, row, f"{type(error).__name__}: {error}", row["attempts"] + 1 >= TRIES)
        _note(engine, row, status=SENDING, attempts=row["attempts"] + 1, tried_at=run.at)
        status = _sent(engine, run, row, send)
    return status


def _sent(engine: Engine, run: Run, row: Delivery, send: Send) -> str:
    try:
        send()
    except RefusedError as error:
        return _refused(engine, run, row, str(error), error.good or row["attempts"] + 1 >= TRIES)
    except (OSError, UnsureError) as error:
        return _note(engine, row, status=UNSURE, problem=type(error).__name__, sent_at=run.at)
    return _note(engine, row, status=SENT, sent_at=run.at, problem=None)


def _refused(engine: Engine, run: Run, row: Delivery, problem: str, over: bool) -> str:
    return _note(engine, row, status=GIVEN_UP if over else FAILED, problem=plain(problem), attempts=row["attempts"] + 1,
                 tried_at=run.at)


def _note(engine: Engine, row: Delivery, **values: Any) -> str:
    with writing(engine) as connection:
        connection.execute(update(deliveries).where(
            deliveries.c.report_id == row["report_id"], deliveries.c.recipient == row["recipient"]).values(values))
    return str(values["status"])


def _prepared(opened: ExitStack, product: Product, recipient: Recipient, artifacts: Artifacts, connections: Connections,
              row: Delivery) -> Send:
    """What sends the report, with everything ready that it takes."""
    numbers = Numbers.of(row["numbers"])
    shown = page(numbers, Speech(row["language"], product.reports.zone), {})
    if recipient.mail:
        mail = _mail(product, recipient, shown, row, {
            kind: artifacts.read(name) for kind, (name, _) in row["files"][row["language"]].items()})
        return partial(mailer(opened, connections(product.reports.smtp or "")), mail)
    if recipient.slack:
        text = f"{shown.product}: {shown.title} ({shown.period})\n\n{shown.text()}".translate(_SLACK)
        body: dict[str, Any] = {"text": text if len(text) <= SLACK else f"{text[:SLACK]}…", "mrkdwn": False}
    else:
        body = {"id": row["report_id"], "language": row["language"], "title": shown.title, "text": shown.text(),
                "numbers": row["numbers"]}
    post = poster(opened, connections(recipient.slack or recipient.webhook or ""), recipient.allow_hosts)
    return partial(post, row["message_id"], body)


def _mail(product: Product, recipient: Recipient, shown: Page, row: Delivery, files: dict[str, bytes]) -> EmailMessage:
    """A mail (RFC 5322) with the report in short, and whole as its attachments; a machine wrote it (RFC 3834)."""
    mail = EmailMessage()
    mail["Subject"] = f"{shown.product}: {shown.title} ({shown.period})"
    mail["From"], mail["To"] = product.reports.from_ or "", recipient.mail or ""
    mail["Message-ID"], mail["Date"] = f"<{row['message_id']}@{DOMAIN}>", formatdate(row["made_at"].timestamp())
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(f"{shown.text()}\n{Speech(row['language'], product.reports.zone).word('titles', 'attached')}\n")
    for kind, content in files.items():
        main, sub = _TYPES[kind]
        mail.add_attachment(content, main, sub, filename=f"{product.name}-{row['audience']}-{row['at']:%Y-%m-%d}.{kind}")
    return mail
