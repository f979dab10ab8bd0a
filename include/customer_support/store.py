"""What the support desk reads from the ledger."""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Select, and_, exists, func, select

from include.customer_support.tickets import GIVEN, OPEN, RESOLVED, WAITING
from include.ledger.engine import reading
from include.ledger.tables import (
    commit_stories,
    commits,
    cursors,
    releases,
    stories,
    suggestions,
    theme_voices,
    themes,
    ticket_clocks,
    ticket_events,
    tickets,
    voices,
)

_IN = 10_000  # values in one IN: SQLite takes at most 32,766
Row = dict[str, Any]


def cursor_name(product: str, source: str) -> str:
    """The name of the cursor of a ticket source."""
    return f"tickets:{product}:{source}"


def cursor(engine: Engine, product: str, source: str) -> dict[str, Any] | None:
    """What was remembered of a ticket source, None where nothing was."""
    with reading(engine) as connection:
        found: dict[str, Any] | None = connection.scalar(
            select(cursors.c.value).where(cursors.c.name == cursor_name(product, source)))
        return found


def tickets_by_id(engine: Engine, ids: Sequence[str]) -> dict[str, Row]:
    """Those of `ids` that are tickets already."""
    return {row["id"]: row for row in _among(engine, select(tickets), tickets.c.id, ids)}


def unresolved(engine: Engine, product: str) -> dict[str, Row]:
    """The product's tickets that are not resolved."""
    query = select(tickets).where(tickets.c.product == product, tickets.c.status.in_([OPEN, WAITING])).order_by(tickets.c.id)
    return {row["id"]: row for row in _rows(engine, query)}


def untold(engine: Engine, product: str, since: datetime) -> list[Row]:
    """The escalations since then that nobody was told of yet, oldest first: the event, and what the ticket is."""
    told = ticket_events.alias()
    query = (select(ticket_events, tickets.c.external_id, tickets.c.subject, tickets.c.priority, tickets.c.team)
             .join(tickets, tickets.c.id == ticket_events.c.ticket_id)
             .where(tickets.c.product == product, ticket_events.c.kind == "escalated", ticket_events.c.at >= since,
                    tickets.c.status != RESOLVED,
                    ~exists().where(told.c.ticket_id == ticket_events.c.ticket_id, told.c.kind == "told",
                                    told.c.at == ticket_events.c.at, told.c.what == ticket_events.c.what))
             .order_by(ticket_events.c.at, ticket_events.c.ticket_id, ticket_events.c.what))
    return list(_rows(engine, query))


def taught(engine: Engine, product: str, most: int) -> list[Row]:
    """The newest resolved tickets that a person gave a category, oldest first; `taught_at` is when it was heard of."""
    taught_at = (select(func.max(ticket_events.c.at)).where(
        ticket_events.c.ticket_id == tickets.c.id, ticket_events.c.kind == "routed").scalar_subquery())
    query = (select(tickets, taught_at.label("taught_at"))
             .where(tickets.c.product == product, tickets.c.triage == GIVEN, tickets.c.status == RESOLVED,
                    tickets.c.erased_at.is_(None))
             .order_by(tickets.c.created_at.desc(), tickets.c.id).limit(most))
    return _rows(engine, query)[::-1]


def waiting(engine: Engine, ids: Sequence[str]) -> dict[str, list[Row]]:
    """The changes of status of the tickets `ids`, oldest first."""
    found: dict[str, list[Row]] = {}
    query = select(ticket_events).where(ticket_events.c.kind == "status")
    for row in sorted(_among(engine, query, ticket_events.c.ticket_id, ids), key=lambda row: (row["at"], row["what"])):
        found.setdefault(row["ticket_id"], []).append(row)
    return found


def clocks(engine: Engine, ids: Sequence[str]) -> dict[tuple[str, str, datetime], Row]:
    """The clocks of the tickets `ids` as they stood last."""
    rows = _among(engine, select(ticket_clocks), ticket_clocks.c.ticket_id, ids)
    return {(row["ticket_id"], row["clock"], row["started_at"]): row for row in rows}


def suggested(engine: Engine, ids: Sequence[str]) -> set[tuple[str, str, str]]:
    """What has been suggested for the tickets `ids`: (ticket, kind, source)."""
    rows = _among(engine, select(suggestions), suggestions.c.ticket_id, ids)
    return {(row["ticket_id"], row["kind"], row["source_id"]) for row in rows}


def answered(engine: Engine, product: str, most: int) -> list[Row]:
    """The newest resolved tickets that have an answer."""
    return _rows(engine, select(tickets).where(
        tickets.c.product == product, tickets.c.status == RESOLVED, tickets.c.answer.is_not(None))
        .order_by(tickets.c.resolved_at.desc(), tickets.c.id).limit(most))


def known_themes(engine: Engine, product: str) -> list[Row]:
    """The themes of customers, each with its quotes: id, name, size, status, first_seen, texts."""
    quotes: dict[str, list[str]] = {}
    query = (select(theme_voices.c.theme_id, voices.c.text).join(voices, voices.c.id == theme_voices.c.voice_id)
             .where(voices.c.product == product, theme_voices.c.quote).order_by(theme_voices.c.theme_id, voices.c.id))
    for row in _rows(engine, query):
        quotes.setdefault(row["theme_id"], []).append(row["text"])
    found = _rows(engine, select(themes).where(
        themes.c.product == product, themes.c.merged_into.is_(None), themes.c.kind != "operation").order_by(themes.c.id))
    return [row | {"texts": quotes.get(row["id"], [])} for row in found]


def shipped(engine: Engine, product: str) -> list[Row]:
    """The stories that customers have by now: id, title, want, version."""
    return _rows(engine, select(stories.c.id, stories.c.title, stories.c.want, func.max(releases.c.version).label("version"))
                 .join(commit_stories, commit_stories.c.story_id == stories.c.id)
                 .join(commits, and_(commits.c.product == commit_stories.c.product, commits.c.sha == commit_stories.c.sha))
                 .join(releases, releases.c.key == commits.c.release)
                 .where(stories.c.product == product, stories.c.status.in_(["released", "resolved"]))
                 .group_by(stories.c.id, stories.c.title, stories.c.want).order_by(stories.c.id))


def knowledge(engine: Engine, product: str) -> str:
    """What answers could be made of besides tickets, as a short hash: it changes with a new theme or a shipped story."""
    live = select(themes.c.id).where(themes.c.product == product, themes.c.merged_into.is_(None)).order_by(themes.c.id)
    told = [row["id"] for row in _rows(engine, live)] + [f"{row['id']} {row['version']}" for row in shipped(engine, product)]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:16]


def known_then(engine: Engine, product: str) -> str | None:
    """The knowledge that the last suggestions were made of."""
    with reading(engine) as connection:
        value = connection.scalar(select(cursors.c.value).where(cursors.c.name == knowledge_name(product)))
        return str(value["knowledge"]) if value else None


def knowledge_name(product: str) -> str:
    """The name of the cursor that remembers the knowledge."""
    return f"tickets:{product}"


def by_category(connection: Connection, product: str, start: datetime, end: datetime) -> dict[str, int]:
    """How many tickets were created after `start` until `end`, by category; those without one are left out."""
    query = (select(tickets.c.category, func.count().label("tickets")).where(
        tickets.c.product == product, tickets.c.created_at > start, tickets.c.created_at <= end, tickets.c.category.is_not(None))
        .group_by(tickets.c.category))
    return {row.category: row.tickets for row in connection.execute(query)}


def first_created(connection: Connection, product: str) -> datetime | None:
    """When the product's first ticket was created."""
    found: datetime | None = connection.scalar(select(func.min(tickets.c.created_at)).where(tickets.c.product == product))
    return found


def late(connection: Connection, product: str) -> dict[tuple[str, str, str], list[str]]:
    """Tickets whose clocks warn or are breached: (state, clock, priority) to ticket ids."""
    found: dict[tuple[str, str, str], list[str]] = {}
    query = (select(ticket_clocks).where(ticket_clocks.c.product == product, ticket_clocks.c.state.in_(["warned", "breached"]))
             .order_by(ticket_clocks.c.ticket_id))
    for row in connection.execute(query):
        found.setdefault((row.state, row.clock, row.priority), []).append(row.ticket_id)
    return found


def _rows(engine: Engine, query: Select[Any]) -> list[Row]:
    with reading(engine) as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def _among(engine: Engine, query: Select[Any], column: Any, ids: Sequence[str]) -> Iterator[Row]:
    for start in range(0, len(ids), _IN):
        yield from _rows(engine, query.where(column.in_(ids[start: start + _IN])))
