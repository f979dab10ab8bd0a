"""The ticket sources of one product are read: their rows become new or changed tickets, known ones or quarantined rows."""

import hashlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import pandas as pd
from sqlalchemy import Engine

from include.connection import Connections
from include.customer_support import store
from include.customer_support.tickets import PERSON, BadTicketError, Change, author_of, change, said_changes, ticket
from include.errors import InputError
from include.ledger.runs import Run
from include.parts.desk import TicketSource
from include.product import Product
from include.redaction import excerpt

log = logging.getLogger(__name__)


class BadRow(Protocol):
    """A row that can't be read."""

    @property
    def place(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def row(self) -> str: ...


class Chunk(Protocol):
    """Some rows: `frame` has the source's columns and `place`; `cursor` is what to be told next time, once these are stored."""

    @property
    def frame(self) -> pd.DataFrame: ...
    @property
    def bad(self) -> list[Any]: ...
    @property
    def cursor(self) -> dict[str, Any] | None: ...


class Channel(Protocol):
    """An opened source, as `include.voc_aggregation.sources` keeps the promise; the DAG hands it in."""

    def news(self, cursor: dict[str, Any] | None) -> Iterator[Any]: ...


Opened = Callable[[Any, datetime, Connections], Channel]


@dataclass
class Intake:
    """What reading one source came to: read = new + changed + known + quarantined."""

    source: str
    read: int = 0
    new: int = 0
    changed: int = 0
    known: int = 0
    quarantined: int = 0
    error: str | None = None
    cursor: dict[str, Any] | None = None

    def counts(self) -> dict[str, Any]:
        """The counts and the error, as a result wants them."""
        return {"read": self.read, "new": self.new, "changed": self.changed, "known": self.known,
                "quarantined": self.quarantined, "error": self.error}


@dataclass
class Heard:
    """What is new in this run: tickets as they are now, and as they were (None for a new one), each change of
    their statuses, and rows set aside."""

    tickets: dict[str, dict[str, Any]] = field(default_factory=dict)
    before: dict[str, dict[str, Any] | None] = field(default_factory=dict)
    changes: dict[str, list[Change]] = field(default_factory=dict)
    quarantine: dict[str, dict[str, Any]] = field(default_factory=dict)


class Reader:
    """Reads the ticket sources of one product in one run."""

    def __init__(self, engine: Engine, product: Product, run: Run, author_key: bytes, opened: Opened,
                 connections: Connections) -> None:
        self._engine, self._product, self._run, self._key = engine, product, run, author_key
        self._opened, self._connections = opened, connections
        self.heard = Heard()

    def read(self, source: TicketSource) -> Intake:
        """Take in what is new in `source`. A source that can't be read (further) says so in its `error`, and stops no other."""
        intake = Intake(source.name)
        mapping = hashlib.sha256(source.model_dump_json().encode()).hexdigest()[:16]
        known = store.cursor(self._engine, self._product.name, source.name) or {}
        try:
            channel = self._opened(source, self._run.at, self._connections)
            for chunk in channel.news(known if known.get("mapping") == mapping else None):
                self._take(chunk, source, intake)
                if chunk.cursor is not None:
                    intake.cursor = chunk.cursor | {"mapping": mapping}
        except InputError as error:
            intake.error = excerpt(str(error))
            log.warning("%s: tickets of %s failed: %s", self._product.name, source.name, intake.error)
        log.info("%s: tickets of %s: %s", self._product.name, source.name, intake.counts())
        return intake

    def _take(self, chunk: Chunk, source: TicketSource, intake: Intake) -> None:
        assert self._product.support is not None  # noqa: S101  # who has no desk has no ticket source
        rows: list[tuple[dict[str, Any], list[Change] | None]] = []
        for bad in chunk.bad:
            self._set_aside(source, intake, bad.place, bad.reason, bad.row)
        names = list(map(str, chunk.frame.columns))
        for values in chunk.frame.itertuples(index=False, name=None):
            given = dict(zip(names, values, strict=True))
            try:
                statuses = self._product.support.statuses
                rows.append((ticket(given, source, statuses, self._product.name, self._run.at, self._key),
                             said_changes(given, source, statuses)))
            except BadTicketError as error:
                self._set_aside(source, intake, str(given["place"]), str(error), _shown(given, source), author_of(
                    given, source, self._key))
        there = store.tickets_by_id(self._engine, [row["id"] for row, _ in rows])
        for row, said in rows:
            self._merge(row, said, self.heard.tickets.get(row["id"]) or there.get(row["id"]), there.get(row["id"]), intake)
        intake.read += len(chunk.frame) + len(chunk.bad)

    def _merge(self, row: dict[str, Any], said: list[Change] | None, known: dict[str, Any] | None,
               before: dict[str, Any] | None, intake: Intake) -> None:
        if known is not None:
            row = _merged(row, known)
            if row == known or known["erased_at"]:  # what was erased stays so, though the source still has it
                intake.known += 1
                return
        if said is not None:
            self.heard.changes[row["id"]] = said
        elif found := change(row, known, self._run.at):
            self.heard.changes.setdefault(row["id"], []).append(found)
        self.heard.tickets[row["id"]] = row
        self.heard.before[row["id"]] = before
        intake.new += known is None
        intake.changed += known is not None

    def _set_aside(self, source: TicketSource, intake: Intake, place: str, reason: str, row: str,
                   author: str | None = None) -> None:
        text = "\x1f".join((self._product.name, "tickets", source.name, place, row))
        found = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        self.heard.quarantine[found] = {
            "id": found, "product": self._product.name, "source": source.name, "place": place, "reason": excerpt(reason),
            "row": excerpt(row), "at": self._run.at, "author": author}
        intake.quarantined += 1


def _shown(given: dict[str, Any], source: TicketSource) -> str:
    """What a row says, for those who look at what was set aside; not who wrote it, which no rule finds in a name."""
    hidden = {"place", source.columns.author}
    return " | ".join(str(value) for name, value in given.items() if name not in hidden and value is not None and value != "")


def _merged(row: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    """`row` as the source has it now, with what was found out about the ticket before. A category that a person gave counts."""
    given = row["triage"] != PERSON
    same_text = (row["subject"], row["body"]) == (known["subject"], known["body"])
    ours = {"heard_at": known["heard_at"], "area": known["area"], "team": row["team"] or known["team"]}
    if not given and same_text:
        ours |= {name: known[name] for name in ("triage", "confidence", "category")}
    if row["resolved_at"] and known["resolved_at"]:
        ours["resolved_at"] = min(row["resolved_at"], known["resolved_at"])
    if known["first_response_at"] and row["first_response_at"]:
        ours["first_response_at"] = min(row["first_response_at"], known["first_response_at"])
    return row | ours
