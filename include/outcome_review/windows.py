"""The two spans of time that are compared: before a deployment began, and after it was all there."""

from dataclasses import dataclass
from datetime import datetime, timedelta

MINUTE = timedelta(minutes=1)


def minute(at: datetime) -> datetime:
    """The minute that `at` lies in. Traffic is counted by the minute, so all spans begin and end with one."""
    return at.replace(second=0, microsecond=0)


@dataclass(frozen=True)
class Span:
    """From `start` to before `end`; empty where it ends before it starts."""

    start: datetime
    end: datetime

    @property
    def days(self) -> float:
        return max((self.end - self.start) / timedelta(days=1), 0.0)


@dataclass(frozen=True)
class Shipment:
    """A deployment that brought a story: when it began and was done, and when the version before it served for the last time
    (None: not seen). Between its begin and then both versions served, so that time belongs to neither side."""

    release: str
    started_at: datetime
    finished_at: datetime
    mixed_until: datetime | None = None

    @property
    def begin(self) -> datetime:
        return minute(self.started_at)

    @property
    def settled(self) -> datetime:
        """The first whole minute in which this version served alone."""
        return max(minute(self.finished_at), minute(self.mixed_until or self.finished_at), self.begin) + MINUTE


def closing(shipments: list[Shipment], index: int, window: timedelta) -> datetime:
    """When the time after a shipment ends: with the window, or with the next one."""
    end = shipments[index].settled + window
    return min(end, shipments[index + 1].begin) if index + 1 < len(shipments) else end


def spans(shipments: list[Shipment], index: int, heard_from: datetime, heard_to: datetime, window: timedelta,
          ) -> tuple[Span, Span]:
    """Before and after of one of a story's shipments (in order of time).

    Nothing before `heard_from` or after `heard_to` counts: silence that nobody listened to is no relief. A shipment is compared
    with the time since the one before, and until the next.
    """
    shipment, heard_to = shipments[index], minute(heard_to)
    start = max(shipment.begin - window, heard_from)
    if index:
        start = max(start, shipments[index - 1].settled)
    end = min(closing(shipments, index, window), heard_to)
    return Span(start, max(start, min(shipment.begin, heard_to))), Span(shipment.settled, max(shipment.settled, end))
