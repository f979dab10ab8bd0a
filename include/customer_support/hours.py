"""Business time: how much of it lies between two moments, and when so much of it will have passed.

A desk's hours are local times; what they are in UTC follows from the time zone of that very day. So a day on which the
clocks change is as long as it really is, and all arithmetic is done in UTC.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays

LONGEST = 3660  # days that are looked through: nobody waits longer for an answer
Span = tuple[datetime, datetime]


@dataclass(frozen=True)
class Hours:
    """When a desk is there: `week` holds, for Monday to Sunday, the opening and closing minutes of the local day."""

    zone: ZoneInfo
    week: tuple[tuple[int, int] | None, ...]
    countries: tuple[str, ...] = ()
    closed: frozenset[date] = frozenset()

    def is_open(self, day: date) -> bool:
        """Whether the desk opens at all on this local `day`."""
        return self.week[day.weekday()] is not None and day not in self.closed and not any(
            day in _holidays(country, day.year) for country in self.countries)

    def span(self, day: date) -> Span | None:
        """Opening and closing on the local `day`, in UTC; None where the desk stays closed."""
        hours = self.week[day.weekday()]
        if hours is None or not self.is_open(day):
            return None
        opens, closes = (self._moment(day, minutes) for minutes in hours)
        return (opens, closes) if opens < closes else None

    def _moment(self, day: date, minutes: int) -> datetime:
        local = datetime.combine(day, time(), self.zone) + timedelta(minutes=minutes)  # wall clock arithmetic: no offsets
        return local.astimezone(UTC)


@lru_cache(maxsize=256)
def _holidays(country: str, year: int) -> frozenset[date]:
    code, _, region = country.partition("-")
    return frozenset(holidays.country_holidays(code, subdiv=region or None, years=year))


def _spans(hours: Hours, start: datetime) -> Iterator[Span]:
    """The desk's hours from `start` on, in UTC and in order."""
    day = start.astimezone(hours.zone).date() - timedelta(days=1)
    for number in range(LONGEST):
        if (span := hours.span(day + timedelta(days=number))) and span[1] > start:
            yield max(span[0], start), span[1]


def without(span: Span, pauses: Iterable[Span]) -> list[Span]:
    """What is left of `span` outside `pauses`, in order."""
    left = [span]
    for begin, end in pauses:
        left = [piece for start, stop in left for piece in ((start, min(stop, begin)), (max(start, end), stop))
                if piece[0] < piece[1]]
    return sorted(left)


def elapsed(hours: Hours, start: datetime, end: datetime, pauses: Iterable[Span] = ()) -> timedelta:
    """The business time from `start` to `end` outside `pauses`; none where `end` is not after `start`."""
    total, pauses = timedelta(), list(pauses)
    for opens, closes in _spans(hours, start):
        if opens >= end:
            break
        total += sum((stop - begin for begin, stop in without((opens, min(closes, end)), pauses)), timedelta())
    return total


def after(hours: Hours, start: datetime, duration: timedelta, pauses: Iterable[Span] = ()) -> datetime | None:
    """The moment at which `duration` of business time has passed since `start`; None where it never does."""
    left, pauses = duration, list(pauses)
    for span in _spans(hours, start):
        for begin, stop in without(span, pauses):
            if stop - begin >= left:
                return begin + left
            left -= stop - begin
    return None
