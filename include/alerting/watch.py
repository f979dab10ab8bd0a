"""What of the loop itself calls for attention. Pure rules: times in, findings out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from include.ledger.signals import Found
from include.markup import plain
from include.product import Product

LEARN = 8  # times that somebody spoke, until their silence means something
TIMES = 3  # as long as the longest silence so far
LEAST = timedelta(days=1)
TRAFFIC, LOG = "traffic", "log "


@dataclass(frozen=True)
class Speech:
    """When a source said something, in order, and when somebody listened last."""

    spoke: Sequence[datetime]
    listened: datetime


@dataclass(frozen=True)
class Waiting:
    """A release that is no further than a gate since a time; `why` where the gate refused it."""

    release: str
    gate: str
    since: datetime
    why: str = ""


def silent(product: Product, heard: Mapping[str, Speech], declared: Mapping[str, float]) -> dict[str, Found]:
    """The sources that have said nothing for too long, by name: for as many hours as `declared`, or where nothing is, for
    TIMES their longest silence (and a day) once they spoke LEARN times."""
    found = {}
    for name, speech in heard.items():
        limit = timedelta(hours=declared[name]) if name in declared else learnt(speech.spoke)
        if not speech.spoke or limit is None or (quiet := speech.listened - speech.spoke[-1]) <= limit:
            continue
        found[name] = Found("medium", f"{plain(product.title, 100)}: {_what(name)} for {_long(quiet)}, since "
                            f"{speech.spoke[-1]:%Y-%m-%d %H:%M} UTC; {_long(limit)} is the limit",
                            {"source": name, "since": speech.spoke[-1].isoformat(), "limit_hours": limit / timedelta(hours=1),
                             "declared": name in declared})
    return found


def _what(name: str) -> str:
    if name == TRAFFIC:
        return "No request has come in"
    return (f"The {plain(name, 200)} has said nothing, while others speak," if name.startswith(LOG)
            else f"The source {name} has said nothing new")


def learnt(spoke: Sequence[datetime]) -> timedelta | None:
    """How long a source may be silent by what it used to do; None where that is not known yet."""
    if len(spoke) < LEARN:
        return None
    return max(TIMES * max(after - before for before, after in pairwise(spoke)), LEAST)


def stuck(product: Product, waiting: Sequence[Waiting], at: datetime, hours: float) -> dict[str, Found]:
    """The releases that have waited at a gate for more than `hours`, by their key and gate."""
    return {f"{item.release} {item.gate}": Found(
        "medium", f"Release {item.release.partition('|')[2]} of {plain(product.title, 100)} has waited at {item.gate} for "
                  f"{_long(at - item.since)}" + (f": {plain(item.why, 200)}" if item.why else ""),
        {"gate": item.gate, "since": item.since.isoformat(), "limit_hours": hours}, item.release)
        for item in waiting if at - item.since > timedelta(hours=hours)}


def _long(span: timedelta) -> str:
    hours = span / timedelta(hours=1)
    return f"{hours / 24:.0f} days" if hours >= 72 else f"{hours:.0f} hours" if hours >= 2 else f"{hours * 60:.0f} minutes"
