"""Incidents: grave signals by their cause, with what is known of each. Pure rules: rows of the ledger in, incidents out."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from include.alerting.words import SEVERITIES

GRAVE = SEVERITIES[2:]
Row = Mapping[str, Any]


@dataclass(frozen=True, order=True)
class Fact:
    """Something that the ledger knows: `what` happened `at` a time, by `who`, and what is said about it."""

    at: datetime
    what: str
    who: str
    text: str

    def plain(self) -> dict[str, str]:
        """The fact as plain JSON."""
        return {"at": self.at.isoformat(), "what": self.what, "who": self.who, "text": self.text}


@dataclass(frozen=True)
class Incident:
    """One cause of grave signals; `signals` are its openings, as `fingerprint@time`."""

    id: str
    cause: str
    severity: str
    title: str
    signals: tuple[str, ...]
    opened_at: datetime
    resolved_at: datetime | None = None
    owner: str | None = None


def cause_of(signal: Row) -> str:
    """The deployment that a signal points to, or the signal itself."""
    deployment = signal["detail"].get("deployment")
    return f"deployment {deployment}" if deployment else f"signal {signal['fingerprint']}"


def opening(signal: Row) -> str:
    """One time that a signal opened."""
    return f"{signal['fingerprint']}@{signal['first_at'].isoformat()}"


def grouped(known: Iterable[Incident], signals: Iterable[Row]) -> list[Incident]:
    """The incidents after a look at the grave `signals` of a product.

    An opening joins the open incident of its cause, or else begins one. An incident is over when all of its signals are.
    """
    graves = sorted((row for row in signals if row["severity"] in GRAVE), key=lambda row: (row["first_at"], row["fingerprint"]))
    found = {item.id: item for item in known}
    graves = sorted((row for row in signals if row["severity"] in GRAVE), key=lambda row: (row["first_at"], row["fingerprint"]))
    there = {mark for item in found.values() for mark in item.signals}
    for row in graves:
        if opening(row) in there:
            continue
        cause = cause_of(row)
        made = next((_joined(item, row) for item in found.values() if item.cause == cause and item.resolved_at is None),
                    Incident(_id(row, cause), cause, row["severity"], row["title"], (opening(row),), row["first_at"]))
        found[made.id] = made
    last = {opening(row): row for row in graves}
    return [_looked_at(item, last) for item in found.values()]


def _joined(incident: Incident, signal: Row) -> Incident:
    worse = max(incident.severity, signal["severity"], key=SEVERITIES.index)
    return replace(incident, signals=(*incident.signals, opening(signal)), severity=worse)


def _looked_at(incident: Incident, last: Mapping[str, Row]) -> Incident:
    """Who has it in hand, and whether it is over; a signal that has opened again since was over before."""
    rows = [last[mark] for mark in incident.signals if mark in last]
    taken = sorted((row["acknowledged_at"], row["acknowledged_by"]) for row in rows if row["acknowledged_at"])
    owner = incident.owner or (taken[0][1] if taken else None)
    if incident.resolved_at is not None or any(row["status"] == "open" for row in rows) or not rows:
        return replace(incident, owner=owner)
    return replace(incident, owner=owner, resolved_at=max(row["last_at"] for row in rows))


def _id(signal: Row, cause: str) -> str:
    about = f"{signal['product']} {cause} {signal['first_at'].isoformat()}"
    return f"I-{hashlib.sha256(about.encode()).hexdigest()[:10]}"


def timeline(incident: Incident, signals: Sequence[Row], deployments: Sequence[Row], steps: Sequence[Row],
             told: Sequence[Row]) -> list[Fact]:
    """What the ledger knows of an incident, in the order in which it happened."""
    facts = [fact for row in signals if opening(row) in incident.signals for fact in _of_signal(row)]
    facts += [fact for row in deployments for fact in _of_deployment(row)]
    facts += [Fact(row["at"], "step", "", f"{row['version']}, {row['weight']} %: {row['verdict']}; {row['why']}")
              for row in steps]
    facts += [Fact(row["sent_at"], "told", row["channel"], row["state"]) for row in told if row["sent_at"]]
    return sorted(facts)


def _of_signal(row: Row) -> list[Fact]:
    facts = [Fact(row["first_at"], "opened", "", f"{row['title']} ({row['severity']})")]
    if row["acknowledged_at"]:
        facts.append(Fact(row["acknowledged_at"], "acknowledged", row["acknowledged_by"], row["title"]))
    if row["status"] != "open":
        facts.append(Fact(row["last_at"], "resolved", "", row["title"]))
    return facts


def _of_deployment(row: Row) -> list[Fact]:
    facts = [Fact(row["started_at"], "deployment", row["by"] or "", f"{row['version']} ({row['kind'] or 'canary'})")]
    if row["finished_at"]:
        facts.append(Fact(row["finished_at"], row["status"], row["by"] or "",
                          f"{row['version']}" + (f": {row['reason']}" if row["reason"] else "")))
    return facts
