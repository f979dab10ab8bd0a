"""A source's own columns become the columns of a ticket, as the product file maps them. Pure: rows in, tickets or reasons out."""

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pandas as pd

from include.customer_support.triage import language, priority, urgency
from include.parts.desk import Statuses, TicketColumns, TicketSource
from include.redaction import author_hash, redact

OPEN, WAITING, RESOLVED = "open", "waiting", "resolved"
GIVEN, RULE, MODEL, PERSON = "given", "rule", "model", "needs_person"  # who gave a ticket its category
LONGEST = 20_000  # characters of a text
LONGEST_WORD = 255
TIMES = ("first_response_at", "customer_replied_at", "agent_replied_at", "resolved_at")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")
_EPOCH = re.compile(r"\d{10}(\d{3})?")


class BadTicketError(ValueError):
    """A row that is no ticket, and why."""


class Change(NamedTuple):
    """A ticket's status changed from `old` (None where it is new) to `new`."""

    old: str | None
    new: str
    at: datetime


def change(row: Mapping[str, Any], known: Mapping[str, Any] | None, at: datetime) -> Change | None:
    """How the status of a ticket changed, None where it didn't; a new ticket was open before.

    It did when the ticket was resolved, or changed last. Where the source says no later time than it did before, all that is
    known is that it did until now, the run's time `at`.
    """
    old = known["status"] if known else None
    if row["status"] == (old or OPEN):
        return None
    when = row["resolved_at"] or row["updated_at"]
    unsaid = known is not None and row["updated_at"] == when <= known["updated_at"]
    return Change(old, row["status"], at if unsaid else when)


def said_changes(row: Mapping[str, Any], source: TicketSource, statuses: Statuses) -> list[Change] | None:
    """All changes of a ticket's status that its row tells of, None where it tells none. Raises BadTicketError."""
    if (given := _given(row, source.columns.changes)) is None:
        return None
    found: list[Change] = []
    for line in given.splitlines():
        moment, _, word = line.strip().partition(" ")
        old, new, at = found[-1].new if found else OPEN, _status(word, None, statuses), _moment(moment, "a change")
        if at is not None and new != old:
            found.append(Change(old, new, at))
    return found


def ticket_id(product: str, source: str, external_id: str) -> str:
    """The id of a ticket: a hash of where it came from and its source's own id."""
    return _hash("ticket", product, source, external_id)


def voice_of(ticket: str) -> str:
    """The id of the voice that a ticket is heard as."""
    return _hash("ticket's voice", ticket)


def _hash(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def ticket(row: Mapping[str, Any], source: TicketSource, statuses: Statuses, product: str, at: datetime,
           author_key: bytes) -> dict[str, Any]:
    """One row of a source as a ticket at the run's time `at`, redacted, and not triaged yet: a row of the ledger's table.

    Where the source gives a category it is `given`. Raises BadTicketError for a row that is none.
    """
    columns = source.columns
    given = {name: _given(row, getattr(columns, name)) for name in TicketColumns.model_fields if name != "text"}
    subject, body = (redact(text) for text in _texts(row, columns))
    created = _moment(given["written_at"], "created") or at
    times = {name: _moment(given[name], name) for name in TIMES}
    updated = _moment(given["updated_at"], "updated_at") or max([created, *filter(None, times.values())])
    if (reason := _wrong(given, subject, body, created, times, at)):
        raise BadTicketError(reason)
    state = _status(given["status"], times["resolved_at"], statuses)
    times["resolved_at"] = (times["resolved_at"] or updated) if state == RESOLVED else None
    times["first_response_at"] = times["first_response_at"] or times["agent_replied_at"]
    text = f"{subject}\n{body}".strip()
    found = ticket_id(product, source.name, str(given["id"]))
    return {
        "id": found, "product": product, "source": source.name, "external_id": redact(str(given["id"])),
        "subject": subject, "body": body, "answer": redact(given["answer"]) if given["answer"] else None,
        "language": language(text, given["language"]), "status": state, "urgency": urgency(text),
        "author": author_of(row, source, author_key),
        "priority": priority(given["priority"]) or urgency(text), "category": given["category"], "area": None,
        "team": given["team"], "triage": GIVEN if given["category"] else PERSON,
        "confidence": 1.0 if given["category"] else None, "created_at": created, "updated_at": updated, **times,
        "csat": _csat(given["rating"], source.rating_scale), "csat_worst": source.rating_scale[0],
        "csat_best": source.rating_scale[1],
        "csat_comment": redact(given["rating_comment"]) if given["rating_comment"] else None, "voice_id": voice_of(found),
        "heard_at": at, "erased_at": None,
    }


def _texts(row: Mapping[str, Any], columns: TicketColumns) -> tuple[str, str]:
    """Subject and body."""
    if isinstance(columns.text, str):
        subject, _, body = _cleaned(row.get(columns.text)).partition("\n")
        return subject.strip(), body.strip()
    texts = [_cleaned(row.get(name)) for name in columns.text]
    return texts[0], "\n".join(filter(None, texts[1:]))


def author_of(row: Mapping[str, Any], source: TicketSource, author_key: bytes) -> str | None:
    """Who asks, as a keyed hash; None where the row doesn't say."""
    author = _given(row, source.columns.author)
    return author_hash(author, author_key) if author else None


def _given(row: Mapping[str, Any], column: str | None) -> str | None:
    return (_cleaned(row.get(column)) or None) if column else None


def _cleaned(value: Any) -> str:
    """`value` as text in Unicode's NFC, without control characters and lone surrogates; nothing for a missing one."""
    if value is None or value != value:  # NaN, NaT
        return ""
    text = value if isinstance(value, str) else value.isoformat() if isinstance(value, datetime) else str(value)
    return _CONTROL.sub("", unicodedata.normalize("NFC", text)).strip()


def _moment(text: str | None, name: str) -> datetime | None:
    """The time that `text` says, UTC where it names no zone; None for none."""
    if text is None:
        return None
    try:
        if _EPOCH.fullmatch(text):
            return datetime.fromtimestamp(int(text[:10]), UTC)
        found = datetime.fromisoformat(text)
    except ValueError:
        read = pd.to_datetime(text, errors="coerce", utc=True) if re.search(r"\d{4}", text) else None
        if not isinstance(read, pd.Timestamp):  # NaT is none
            raise BadTicketError(f"{name} is no time") from None
        found = read.to_pydatetime()
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _wrong(given: Mapping[str, str | None], subject: str, body: str, created: datetime,
           times: Mapping[str, datetime | None], at: datetime) -> str | None:
    """Why a row is no ticket; None where it is one."""
    if not given["id"]:
        return "no id"
    if not subject and not body:
        return "no text"
    if len(subject) + len(body) > LONGEST:
        return f"text longer than {LONGEST:,} characters"
    words = ("id", "category", "team")
    if too_long := [name for name in words if len(given[name] or "") > LONGEST_WORD]:
        return f"{too_long[0]} longer than {LONGEST_WORD} characters"
    if created > at + timedelta(days=1):
        return "created in the future"
    early = [name for name, moment in times.items() if moment and moment < created]
    return f"{early[0]} is before the ticket's creation" if early else None


def _status(given: str | None, resolved: datetime | None, statuses: Statuses) -> str:
    if given is None:
        return RESOLVED if resolved else OPEN
    word = given.casefold()
    if word in {name.casefold() for name in statuses.resolved}:
        return RESOLVED
    return WAITING if word in {name.casefold() for name in statuses.waiting} else OPEN


def _csat(given: str | None, scale: tuple[float, float]) -> float | None:
    if given is None:
        return None
    try:
        found = float(given)
    except ValueError:
        raise BadTicketError("csat is no number") from None
    if not min(scale) <= found <= max(scale):
        raise BadTicketError(f"csat outside {scale[0]:g} to {scale[1]:g}")
    return found
