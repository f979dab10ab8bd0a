"""What the desk signals: clocks that warn or are breached, and spikes. Each signal is known by its fingerprint. Pure."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from include.customer_support.spikes import Spike
from include.product import Product

_CLOCKS = {"first_response": "first response", "next_response": "next response", "resolution": "resolution"}
_STATES = {"warned": ("is nearly due", "medium"), "breached": ("is overdue", "high")}
SHOWN = 20  # tickets that a signal names


@dataclass(frozen=True)
class Found:
    """Something that should be heard now. `opens` is False where it only keeps a signal open that is there."""

    fingerprint: str
    kind: str
    severity: str
    title: str
    detail: dict[str, Any]
    opens: bool = True


def late(product: Product, clocks: Mapping[tuple[str, str, str], list[str]]) -> list[Found]:
    """One signal for each state, clock and priority of which there are tickets: (state, clock, priority) to ticket ids."""
    return [_late(product, *which, tickets) for which, tickets in sorted(clocks.items())]


def _late(product: Product, state: str, clock: str, priority: str, tickets: list[str]) -> Found:
    says, severity = _STATES[state]
    title = f"{product.title}: {_CLOCKS[clock]} {says} for {_counted(len(tickets), priority)}"
    return Found(_fingerprint(product, "sla", state, clock, priority), "sla", severity, title,
                 {"state": state, "clock": clock, "priority": priority, "tickets": tickets[:SHOWN], "count": len(tickets),
                  "escalate_to": product.support.escalate_to if product.support else None})


def _counted(count: int, priority: str) -> str:
    return f"{count} {priority} ticket{'s' if count > 1 else ''}"


def spiking(product: Product, spikes: Iterable[Spike], days: int) -> list[Found]:
    """One signal for each category whose tickets spike, or have not calmed down yet."""
    says = "{title}: {recent} tickets about {kind} in {days} days, where {expected:.1f} are usual"
    return [Found(_fingerprint(product, "spike", spike.kind), "spike", "medium",
                  says.format(title=product.title, recent=spike.recent, kind=spike.kind, days=days, expected=spike.expected),
                  {"category": spike.kind, "recent": spike.recent, "expected": spike.expected, "p": spike.p}, spike.raised)
            for spike in spikes if not spike.over]


def _fingerprint(product: Product, *what: str) -> str:
    return hashlib.sha256(" ".join((product.name, "support", *what)).encode()).hexdigest()[:16]


def moved(found: Iterable[Found], known: Mapping[str, dict[str, Any]], product: str,
          at: datetime) -> tuple[list[dict[str, Any]], list[str], list[str]]:
    """The rows of signals that change, the fingerprints that open, and those that are over.

    A signal that is open keeps its title, so that it is heard once each time it opens.
    """
    rows: list[dict[str, Any]] = []
    opened: list[str] = []
    now = {item.fingerprint: item for item in found}
    for item in now.values():
        before = known.get(item.fingerprint)
        is_open = before is not None and before["status"] == "open"
        if not is_open and not item.opens:
            continue
        if before is not None and is_open:
            rows.append(before | {"detail": item.detail, "last_at": at})
        else:
            opened.append(item.fingerprint)
            rows.append({"fingerprint": item.fingerprint, "product": product, "kind": item.kind, "severity": item.severity,
                         "title": item.title, "detail": item.detail, "status": "open", "release": None, "first_at": at,
                         "last_at": at, "acknowledged_by": None, "acknowledged_at": None})
    over = [row for name, row in known.items() if row["status"] == "open" and name not in now]
    rows += [row | {"status": "resolved", "last_at": at} for row in over]
    return rows, opened, [row["fingerprint"] for row in over]
