"""What the desk signals: clocks that warn or are breached, and spikes, each by its cause. Pure."""

from collections.abc import Iterable, Mapping

from include.customer_support.spikes import Spike
from include.ledger.signals import Found
from include.product import Product

_CLOCKS = {"first_response": "first response", "next_response": "next response", "resolution": "resolution"}
_STATES = {"warned": ("is nearly due", "medium"), "breached": ("is overdue", "high")}
SHOWN = 20  # tickets that a signal names


def late(product: Product, clocks: Mapping[tuple[str, str, str], list[str]]) -> dict[str, Found]:
    """One signal for each state, clock and priority of which there are tickets: (state, clock, priority) to ticket ids."""
    return {" ".join(which): _late(product, *which, tickets) for which, tickets in sorted(clocks.items())}


def _late(product: Product, state: str, clock: str, priority: str, tickets: list[str]) -> Found:
    says, severity = _STATES[state]
    return Found(severity, f"{product.title}: {_CLOCKS[clock]} {says} for {_counted(len(tickets), priority)}",
                 {"state": state, "clock": clock, "priority": priority, "tickets": tickets[:SHOWN], "count": len(tickets),
                  "escalate_to": product.support.escalate_to if product.support else None})


def _counted(count: int, priority: str) -> str:
    return f"{count} {priority} ticket{'s' if count > 1 else ''}"


def spiking(product: Product, spikes: Iterable[Spike], days: int) -> dict[str, Found]:
    """One signal for each category whose tickets spike, or have not calmed down yet: that keeps it open, and opens none."""
    says = "{title}: {recent} tickets about {kind} in {days} days, where {expected:.1f} are usual"
    return {spike.kind: Found("medium", says.format(title=product.title, recent=spike.recent, kind=spike.kind, days=days,
                                                    expected=spike.expected),
                              {"category": spike.kind, "recent": spike.recent, "expected": spike.expected, "p": spike.p},
                              opens=spike.raised)
            for spike in spikes if not spike.over}
