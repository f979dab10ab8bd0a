"""How Closed Loop itself has handled the voices of a product: redacted, kept no longer than promised, erased to the end."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, and_, func, or_, select

from include.ledger.tables import contacts, erasures, inbox, quarantine, tickets, voices
from include.product import Product
from include.redaction import redact

SAMPLE = 1000
GRACE = timedelta(days=2)  # the nightly run erases; one that failed has another night
SHOWN = 20


def handling(connection: Connection, product: Product, at: datetime) -> dict[str, Any]:
    """What the ledger shows at the time `at`, as counts and ids, never as text.

    `sampled` stored texts were looked at again for personal data, `unredacted` are the ids of those that hold some (the first
    ones), `unredacted_count` all of them; `retention_days` is the promise (None: none), `overdue` counts the rows older than it
    by table; `erasures` counts requests and retentions done, `unerased` rows that were erased and still bear text or a handle.
    """
    texts = [*_sample(connection, product.name, voices, voices.c.text),
             *_sample(connection, product.name, tickets, tickets.c.subject + "\n" + tickets.c.body)]
    unredacted = [name for name, text in texts if redact(text) != text]
    return {"sampled": len(texts), "unredacted": unredacted[:SHOWN], "unredacted_count": len(unredacted),
            "retention_days": product.voices.retention_days, "overdue": _overdue(connection, product, at),
            "erasures": _count(connection, erasures, erasures.c.product == product.name),
            "unerased": _unerased(connection, product.name)}


def _sample(connection: Connection, product: str, table: Table, text: ColumnElement[str]) -> list[tuple[str, str]]:
    """Rows by id: ids are hashes, so the first ones are a sample that is the same each time."""
    rows = connection.execute(select(table.c.id, text).where(table.c.product == product, table.c.erased_at.is_(None))
                              .order_by(table.c.id).limit(SAMPLE))
    return [(name, found) for name, found in rows if found]


def _overdue(connection: Connection, product: Product, at: datetime) -> dict[str, int]:
    days = product.voices.retention_days
    if days is None:
        return {}
    end = at - timedelta(days=days) - GRACE
    old = {voices: and_(voices.c.origin == "customer", voices.c.written_at < end, voices.c.erased_at.is_(None)),
           tickets: and_(tickets.c.status == "resolved", tickets.c.updated_at < end, tickets.c.erased_at.is_(None)),
           quarantine: and_(quarantine.c.at < end, quarantine.c.erased_at.is_(None)), inbox: inbox.c.received_at < end,
           contacts: and_(contacts.c.given_at < end, contacts.c.handle.is_not(None))}
    return {table.name: found for table, where in old.items()
            if (found := _count(connection, table, table.c.product == product.name, where))}


def _unerased(connection: Connection, product: str) -> dict[str, int]:
    still = {voices: and_(voices.c.erased_at.is_not(None), or_(voices.c.text != "", voices.c.author.is_not(None))),
             tickets: and_(tickets.c.erased_at.is_not(None), or_(tickets.c.body != "", tickets.c.author.is_not(None))),
             quarantine: and_(quarantine.c.erased_at.is_not(None), quarantine.c.row != ""),
             contacts: and_(contacts.c.withdrawn_at.is_not(None), contacts.c.handle.is_not(None))}
    return {table.name: found for table, where in still.items()
            if (found := _count(connection, table, table.c.product == product, where))}


def _count(connection: Connection, table: Table, *where: ColumnElement[bool]) -> int:
    return connection.scalar(select(func.count()).select_from(table).where(*where)) or 0
