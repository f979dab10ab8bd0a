"""Escalations are told to people: a mail, or a POST to a webhook, where the product's desk names one.

What is told is noted as an event of the ticket (`told`). A message that could not be sent is logged and tried again by the next
look at the clocks, for as long as GIVE_UP; the signal of the breach is there in any case. A task that is killed between sending
and noting sends the same message again, with the same Message-ID or Idempotency-Key, by which the other side may know it.
"""

import hashlib
import logging
import smtplib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

from sqlalchemy import Engine

from include.connection import Connection, Connections
from include.customer_support import store
from include.errors import InputError
from include.ledger.engine import upsert, writing
from include.ledger.runs import Run
from include.ledger.tables import ticket_events
from include.markup import plain
from include.parts.desk import Notice
from include.product import Product
from include.smtp import session
from include.webhook import webhook

log = logging.getLogger(__name__)
GIVE_UP = timedelta(days=1)
SHOWN = 50  # tickets that a message names
Row = dict[str, Any]


@dataclass(frozen=True)
class Message:
    """What is told: `id` follows from what it is about."""

    id: str
    title: str
    lines: list[str]
    tickets: list[Row]


def tell(engine: Engine, product: Product, run: Run, connections: Connections) -> int:
    """Send one message about all escalations of `product` that nobody was told of yet; returns how many those were."""
    if product.support is None or (notice := product.support.escalate_by) is None:
        return 0
    rows = store.untold(engine, product.name, run.at - GIVE_UP)
    if not rows:
        return 0
    try:
        send(message(product, rows), notice, connections(notice.connection))
    except (OSError, smtplib.SMTPException, InputError) as error:
        log.warning("%s: %s escalations could not be told: %s", product.name, len(rows), error)
        return 0
    with writing(engine) as connection:
        upsert(connection, ticket_events, [
            {"ticket_id": row["ticket_id"], "kind": "told", "at": row["at"], "what": row["what"],
             "detail": {"through": notice.connection, "sent_at": run.at.isoformat()}} for row in rows], keep=True)
    return len(rows)


def message(product: Product, rows: Sequence[Row]) -> Message:
    """One message about escalations (rows of `store.untold`)."""
    about = "\n".join(f"{row['ticket_id']} {row['what']} {row['at'].isoformat()}" for row in rows)
    late = sum(row["detail"]["because"] == "breached" for row in rows)
    title = f"{plain(product.title, 60)}: {late} tickets are late, {len(rows) - late} soon will be"
    lines = [f"{row['priority']}, {row['what'].replace('_', ' ')} {row['detail']['because']}, {row['team'] or 'no team'}: "
             f"{row['external_id']} {plain(row['subject'], 80)}" for row in rows[:SHOWN]]
    tickets = [{"id": row["ticket_id"], "external_id": row["external_id"], "clock": row["what"], "team": row["team"],
                "state": row["detail"]["because"], "priority": row["priority"]} for row in rows[:SHOWN]]
    more = [f"… and {len(rows) - SHOWN} more"] if len(rows) > SHOWN else []
    return Message(hashlib.sha256(about.encode()).hexdigest()[:32], title, lines + more, tickets)


def send(told: Message, notice: Notice, connection: Connection) -> None:
    """Send `told` through an SMTP server, or else to a webhook. Raises OSError, SMTPException or InputError."""
    if connection.conn_type == "smtp":
        _mail(told, notice, connection)
    else:
        _post(told, notice, connection)


def _mail(told: Message, notice: Notice, connection: Connection) -> None:
    mail = EmailMessage()
    mail["Subject"], mail["To"], mail["Message-ID"] = told.title, ", ".join(notice.mail_to), f"<{told.id}@closed-loop>"
    mail["From"] = str(connection.extra.get("from_email") or connection.login)
    mail.set_content("\n".join(told.lines))
    with session(connection) as server:
        server.send_message(mail)


def _post(told: Message, notice: Notice, connection: Connection) -> None:
    body = {"text": "\n".join([told.title, *told.lines]), "tickets": told.tickets}  # `text` is what chats show
    with webhook(connection, notice.allow_hosts) as post:
        status = post(told.id, body)
    if status >= 300:
        raise InputError(f"connection {notice.connection!r}: the webhook answered HTTP {status}")
