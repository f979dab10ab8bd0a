"""Signals: each is known by its fingerprint, opens once for its cause, and is resolved when that is over."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, select

from include.ledger.engine import upsert
from include.ledger.runs import Run
from include.ledger.tables import signals
from include.ledger.trail import event, record
from include.markup import plain
from include.product import Product

# Signals about the loop itself: people are alerted of them; they are no voices, and no story comes of them.
LATE, GATE, SILENT, EXPERIMENT = "late", "gate", "silent", "experiment"
OF_THE_LOOP = (LATE, GATE, SILENT, EXPERIMENT)


@dataclass(frozen=True)
class Found:
    """Something that calls for attention: a signal's `title`, `severity`, `release` and `detail`. Where it `opens` none, it only
    keeps the one open that is there."""

    severity: str
    title: str
    detail: dict[str, Any] = field(default_factory=dict)
    release: str | None = None
    opens: bool = True


@dataclass(frozen=True)
class Settled:
    """The fingerprints of the signals that this opened and resolved."""

    opened: list[str]
    resolved: list[str]


def fingerprint(product: str, kind: str, cause: str) -> str:
    """What a signal is known by."""
    return hashlib.sha256(f"{product} {kind} {cause}".encode()).hexdigest()[:16]


def settle(connection: Connection, product: Product, run: Run, kind: str, found: Mapping[str, Found],
           over: Collection[str] | None = None, renew: bool = False) -> Settled:
    """Open a signal of `kind` for each cause of `found` that has no open one.

    An open one stays as it is; with `renew` all but its title, by which it is heard once, is brought up to date. Open signals
    whose cause is not among `found` are resolved: all of the kind, or only those of the causes `over`.
    """
    known = {row["fingerprint"]: dict(row) for row in connection.execute(select(signals).where(
        signals.c.product == product.name, signals.c.kind == kind).order_by(signals.c.fingerprint)).mappings()}
    there = {mark: row for mark, row in known.items() if row["status"] == "open"}
    marks = {fingerprint(product.name, kind, cause): item for cause, item in found.items()}
    ends = None if over is None else {fingerprint(product.name, kind, cause) for cause in over}
    new = [_row(product, run, kind, mark, item) for mark, item in marks.items() if mark not in there and item.opens]
    upsert(connection, signals, new)
    if renew:
        upsert(connection, signals, [row | {"severity": item.severity, "detail": item.detail, "release": item.release,
                                            "last_at": run.at} for mark, row in there.items() if (item := marks.get(mark))])
    record(connection, run, [event(run, "incident.detected", row["fingerprint"], _incident(product, row["title"]))
                             for row in new])
    gone = [row for mark, row in there.items() if mark not in marks and (ends is None or mark in ends)]
    return Settled([row["fingerprint"] for row in new], resolve(connection, product, run, gone))


def resolve(connection: Connection, product: Product, run: Run, rows: Sequence[Mapping[Any, Any]]) -> list[str]:
    """Resolve the open signals `rows`; their fingerprints."""
    upsert(connection, signals, [dict(row) | {"status": "resolved", "last_at": run.at} for row in rows])
    record(connection, run, [event(run, "incident.resolved", row["fingerprint"], _incident(product, f"Over: {row['title']}"))
                             for row in rows])
    return [row["fingerprint"] for row in rows]


def _row(product: Product, run: Run, kind: str, mark: str, found: Found) -> dict[str, Any]:
    return {"fingerprint": mark, "product": product.name, "kind": kind, "severity": found.severity,
            "title": plain(found.title, 500), "detail": found.detail, "status": "open", "release": found.release,
            "first_at": run.at, "last_at": run.at, "acknowledged_by": None, "acknowledged_at": None}


def _incident(product: Product, description: str) -> dict[str, Any]:
    name = product.deployment.environment if product.deployment else "none"
    return {"description": description, "environment": {"id": name}, "service": {"id": product.name}}
