"""The clocks of a ticket: first response, next response, resolution. Pure: what is known at a time in, how they stand out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from include.customer_support.hours import Hours, Span, after, elapsed

FIRST, NEXT, RESOLUTION = "first_response", "next_response", "resolution"
FAR = timedelta(days=36_500)


@dataclass(frozen=True)
class Targets:
    """Business time that each answer may take; None where nothing is promised."""

    first_response: timedelta | None = None
    next_response: timedelta | None = None
    resolution: timedelta | None = None


@dataclass(frozen=True)
class Times:
    """What happened to a ticket so far. `waiting` is when it was in the customer's hands; the last one may go on (no end)."""

    created: datetime
    first_response: datetime | None = None
    asked: datetime | None = None  # the customer's last message
    answered: datetime | None = None  # the team's last message
    resolved: datetime | None = None
    waiting: Sequence[tuple[datetime, datetime | None]] = ()


@dataclass(frozen=True)
class Clock:
    """How one clock stands. `state`: running, paused, warned, breached, met, missed. `due` is None while it is paused."""

    name: str
    started: datetime
    state: str
    due: datetime | None
    stopped: datetime | None
    used: timedelta
    target: timedelta


def clocks(times: Times, targets: Targets, hours: Hours, now: datetime, warn_at: float = 0.75) -> list[Clock]:
    """The clocks that are promised and have started, as they stand at `now`.

    First response runs from the ticket's creation to the team's first message, and never pauses: nobody can wait for a
    customer whom nobody has answered. Next response runs from a customer's message to the team's next one; resolution from
    creation to the end. Both pause while the team waits for the customer. A clock warns once `warn_at` of its target is used.
    """
    asked = times.asked if times.first_response and times.asked and times.asked > times.first_response else None
    answered = times.answered if asked and times.answered and times.answered >= asked else None
    responded = _first(times.first_response, times.resolved)
    found = [
        _clock(FIRST, times.created, responded, targets.first_response, (), hours, now, warn_at),
        _clock(NEXT, asked, _first(answered, times.resolved), targets.next_response, times.waiting, hours, now, warn_at),
        _clock(RESOLUTION, times.created, times.resolved, targets.resolution, times.waiting, hours, now, warn_at),
    ]
    return [clock for clock in found if clock]


def standing_clocks(times: Times, asked_before: Iterable[datetime], targets: Targets, hours: Hours, now: datetime,
                    warn_at: float = 0.75) -> list[Clock]:
    """`clocks`, where next responses were running since `asked_before`.

    A source shows the customer's last message only. Who asks again before there was an answer does not wait anew, so the clock
    that runs goes on; one that was answered meanwhile stops then, and a later question starts another.
    """
    found = clocks(times, targets, hours, now, warn_at)
    for start in sorted(asked_before, reverse=True):
        older = [clock for clock in clocks(replace(times, asked=start), targets, hours, now, warn_at) if clock.name == NEXT]
        unanswered = any(clock.stopped is None for clock in older)
        found = [clock for clock in found if clock.name != NEXT or (clock.started != start and not unanswered)] + older
    return found


def _first(*moments: datetime | None) -> datetime | None:
    return min((moment for moment in moments if moment), default=None)


def _clock(name: str, start: datetime | None, stop: datetime | None, target: timedelta | None,
           waiting: Iterable[tuple[datetime, datetime | None]], hours: Hours, now: datetime, warn_at: float) -> Clock | None:
    if target is None or start is None or start > now:
        return None
    stop = stop if stop and stop <= now else None
    pauses: list[Span] = [(begin, end or now + FAR) for begin, end in waiting]
    paused = stop is None and any(begin <= now < end for begin, end in pauses)
    used = elapsed(hours, start, stop or now, pauses)
    due = None if paused else after(hours, start, target, pauses)
    return Clock(name, start, _state(used, target, stop is not None, paused, warn_at), due, stop, used, target)


def _state(used: timedelta, target: timedelta, stopped: bool, paused: bool, warn_at: float) -> str:
    if stopped:
        return "met" if used <= target else "missed"
    if used > target:
        return "breached"
    if paused:
        return "paused"
    return "warned" if used >= warn_at * target else "running"
