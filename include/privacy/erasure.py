"""Erasing what is kept of an author, or of all who wrote too long ago, wherever it lies; and that this was done.

An erased voice stays as a tombstone: its text and author are gone, its id, times, kind and numbers stay, so that counts,
themes and outcomes add up as before, and the same row of a source doesn't bring it back. What was quoted from it elsewhere
goes too: a theme that bore its words is named after another voice, and so are its stories. Artifacts hold no feedback: what
phases keep there are counts of checks, test logs and builds, and reports, which bear names of themes: the next turn renders them
anew from their numbers in the ledger.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import JSON, ColumnElement, Connection, Engine, Table, Text, and_, delete, func, insert, or_, select, update

from include.ledger.engine import writing
from include.ledger.runs import lease
from include.ledger.tables import (
    contacts,
    erasures,
    inbox,
    labels,
    metadata,
    notices,
    phase_runs,
    quarantine,
    suggestions,
    theme_voices,
    tickets,
    voices,
)
from include.privacy.names import renamed_themes
from include.privacy.traces import GONE, Traces
from include.product import Product
from include.redaction import author_hash

Counts = dict[str, int]
_IN = 5_000
# What an erased row bears from then on. Rows that count stay; the others are deleted.
_BLANK: dict[Table, dict[str, Any]] = {
    voices: {"text": "", "author": None, "external_id": None, "sketch": None},
    tickets: {"subject": "", "body": "", "answer": None, "csat_comment": None, "author": None},
    quarantine: {"row": "", "reason": "erased", "author": None, "corrected": None},
}
_DELETED = (inbox, contacts, notices)
# Searched for quotes: every text of the ledger that is not feedback itself. Events bear names of themes, but no quotes.
_WRITTEN = [table for table in metadata.sorted_tables
            if table not in {*_BLANK, *_DELETED}
            and table.name not in ("erasures", "cursors", "leases", "rollups", "coarse_rollups", "series_minutes")]


@dataclass(frozen=True)
class _Erasure:
    """What is to be erased: in each table the rows that fulfil its condition."""

    product: str
    kind: str
    by: str
    at: datetime
    id: str
    where: Mapping[Table, ColumnElement[bool]]


def erase(engine: Engine, product: str, author: str, key: bytes, by: str, at: datetime) -> Counts:
    """Erase all that is kept of `author` (the plain name, as the sources give it) in `product`; `by` is who asked.

    Returns how many rows of each table were changed or deleted, which is recorded in `erasures` too; nothing is recorded
    where there was nothing (left) to erase.
    """
    person = author_hash(author, key)
    where = {table: table.c.author == person for table in (voices, tickets, quarantine, inbox, contacts, notices)}
    where[labels] = labels.c.author == person
    if len(author.strip()) > 1:  # rows that could not be read bear no author, but maybe the name; so may labelled texts
        named = author.strip().lower()
        where[quarantine] = or_(where[quarantine], func.lower(quarantine.c.row).contains(named, autoescape=True))
        where[labels] = or_(where[labels], func.lower(labels.c.text).contains(named, autoescape=True))
    wanted = _Erasure(product, "author", by, at, _id(product, person, at), where)
    with lease(engine, f"voices:{product}", f"erasure {wanted.id}"), writing(engine) as connection:
        return _erase(connection, wanted)


def retain(connection: Connection, product: Product, at: datetime) -> Counts:
    """Erase what is older than the product's `retention_days` at the time `at`, in the open transaction. Returns counts."""
    days = product.voices.retention_days
    if days is None:
        return {}
    end = at - timedelta(days=days)
    where = {voices: and_(voices.c.origin == "customer", voices.c.written_at < end),
             tickets: and_(tickets.c.status == "resolved", tickets.c.updated_at < end),
             quarantine: quarantine.c.at < end, inbox: inbox.c.received_at < end, contacts: contacts.c.given_at < end,
             notices: notices.c.made_at < end}
    return _erase(connection, _Erasure(product.name, "retention", f"retention of {days} days", at,
                                       _id(product.name, "retention", at), where))


def retain_now(engine: Engine, product: Product, at: datetime) -> Counts:
    """`retain` in a transaction of its own, while no run hears the product's voices."""
    with lease(engine, f"voices:{product.name}", f"retention {at.isoformat()}"), writing(engine) as connection:
        return retain(connection, product, at)


def _id(product: str, whose: str, at: datetime) -> str:
    return hashlib.sha256(f"{product}\x1f{whose}\x1f{at.isoformat()}".encode()).hexdigest()[:16]


def _erase(connection: Connection, wanted: _Erasure) -> Counts:
    before = {table: _found(connection, wanted, table) for table in _BLANK}
    texts = [value for rows in before.values() for row in rows for value in row[1:] if value]
    counts = {table.name: len(rows) for table, rows in before.items() if rows}
    for table, blank in _BLANK.items():
        if before[table]:
            tombstone = blank | {"erased_at": wanted.at} | ({"erasure": wanted.id} if table is voices else {})
            connection.execute(update(table).where(*_condition(wanted, table)).values(tombstone))
    if labels in wanted.where:  # the label stays, and what it is about is gone
        gone = connection.execute(update(labels).values(text=None, author=None).where(
            labels.c.product == wanted.product, labels.c.text.is_not(None), wanted.where[labels])).rowcount
        counts |= {"labels": gone} if gone else {}
    for table in _DELETED:
        if gone := connection.execute(delete(table).where(table.c.product == wanted.product, wanted.where[table])).rowcount:
            counts[table.name] = gone
    if texts:
        voice_ids, ticket_ids = ([row[0] for row in before[table]] for table in (voices, tickets))
        _cut_off(connection, voice_ids, ticket_ids)
        for name, changed in _swept(connection, wanted.product, voice_ids, texts).items():
            counts[name] = counts.get(name, 0) + changed
    if counts:
        connection.execute(insert(erasures).values(id=wanted.id, product=wanted.product, kind=wanted.kind, asked_by=wanted.by,
                                                   at=wanted.at, rows=counts))
    return counts


def _condition(wanted: _Erasure, table: Table) -> tuple[ColumnElement[bool], ...]:
    return table.c.product == wanted.product, table.c.erased_at.is_(None), wanted.where[table]


def _found(connection: Connection, wanted: _Erasure, table: Table) -> Sequence[Any]:
    """(id, texts …) of the rows of `table` that are to be erased."""
    columns = [table.c[name] for name in _BLANK[table] if isinstance(table.c[name].type, Text) and name != "reason"]
    return connection.execute(select(table.c.id, *columns).where(*_condition(wanted, table)).order_by(table.c.id)).all()


def _cut_off(connection: Connection, voice_ids: Sequence[str], ticket_ids: Sequence[str]) -> None:
    """Take the erased out of what shows them: labels' texts and suggested answers."""
    for some in _some(voice_ids):
        connection.execute(update(labels).where(labels.c.voice_id.in_(some)).values(text=None))
    for some in _some(ticket_ids):
        connection.execute(update(suggestions).where(or_(suggestions.c.ticket_id.in_(some), and_(
            suggestions.c.kind == "ticket", suggestions.c.source_id.in_(some)))).values(text=""))


def _some(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start: start + _IN] for start in range(0, len(ids), _IN))


def _swept(connection: Connection, product: str, voice_ids: Sequence[str], texts: Sequence[str]) -> Counts:
    touched = {theme for some in _some(voice_ids) for theme in connection.scalars(
        select(theme_voices.c.theme_id).where(theme_voices.c.voice_id.in_(some)).distinct())}
    renamed, kept = renamed_themes(connection, product, touched, texts)
    traces = Traces(texts, renamed, kept)
    counts = {table.name: _clean(connection, table, product, traces) for table in _WRITTEN
              if renamed or table.name != "events"}
    connection.execute(update(labels).where(labels.c.product == product, labels.c.text.contains(GONE)).values(text=None))
    return {name: count for name, count in counts.items() if count}


def _clean(connection: Connection, table: Table, product: str, traces: Traces) -> int:
    columns = [column for column in table.columns if isinstance(column.type, Text | JSON)]
    if not columns:
        return 0
    query = select(*table.primary_key, *columns)
    if "product" in table.c:
        query = query.where(table.c.product == product)
    elif table is phase_runs:
        query = query.where(or_(table.c.key == product, table.c.key.startswith(f"{product}|", autoescape=True)))
    found = list[tuple[list[ColumnElement[bool]], dict[str, Any]]]()
    for row in connection.execute(query).mappings():
        changed = {column.name: new for column in columns if (new := traces.cleaned(row[column])) != row[column]}
        if changed:
            found.append(([column == row[column] for column in table.primary_key], changed))
    for where, changed in found:
        connection.execute(update(table).where(*where).values(changed))
    return len(found)
