"""Complaints and exposure over a span of time, the time that was listened to, and how the product's voices come."""

from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from sqlalchemy import ColumnElement, Connection, func, or_, select

from include.ledger.runs import Run
from include.ledger.tables import intakes, phase_runs, rollups, theme_voices, voices
from include.outcome_review.rates import Arm
from include.outcome_review.season import DAY, WEEK, Season, cells, midnight, season
from include.outcome_review.windows import Span
from include.product import Product

OPERATION = "operation"  # a theme of this kind is heard from signals, every other one from customers
OPERATIONS = "operations"  # their source
MONITORING = "monitoring_rollups"  # the phase whose runs count the traffic: all of it up to the time of its last run
_MONTH = 4 * WEEK  # days


@dataclass(frozen=True)
class Heard:
    """The time that can be spoken of: since when there is exposure, and until when all sources were heard and traffic counted."""

    start: datetime
    end: datetime


def heard(connection: Connection, product: Product, run: Run, kind: str) -> Heard | None:
    """What of the past counts for a theme of `kind`. None where a source was never heard, or nothing was served."""
    if product.outcome.exposure == "requests":
        first = connection.scalar(select(func.min(rollups.c.minute)).where(rollups.c.product == product.name))
        counted = connection.scalar(select(func.max(phase_runs.c.at)).where(
            phase_runs.c.phase == MONITORING,
            or_(phase_runs.c.key == product.name, phase_runs.c.key.startswith(f"{product.name}|"))))
    else:
        first = connection.scalar(select(func.min(voices.c.written_at)).where(voices.c.product == product.name))
        counted = run.at
    sources = [OPERATIONS] if kind == OPERATION else [source.name for source in product.voices.sources]
    listened: dict[str, datetime] = {row.source: row.at for row in connection.execute(
        select(intakes.c.source, func.max(intakes.c.at).label("at"))
        .where(intakes.c.product == product.name, intakes.c.error.is_(None)).group_by(intakes.c.source))}
    if first is None or counted is None or not sources or not listened.keys() >= set(sources):
        return None
    return Heard(first, min(run.at, counted, *(listened[source] for source in sources)))


class History:
    """What was heard of themes of one origin (customers, or operations), as far as it can be spoken of (`heard`).

    `changed` are the times at which a release may have changed a theme's rate, by theme.
    """

    def __init__(self, connection: Connection, product: Product, known: Heard, kind: str,
                 changed: dict[str, list[datetime]]) -> None:
        self.known = known
        self._connection, self._product = connection, product
        self._origin = "operation" if kind == OPERATION else "customer"
        self._served: dict[tuple[datetime, datetime], float] = {}
        self._written: dict[str, list[datetime]] = {}
        self.season = self._season(changed)

    def arm(self, theme: str, span: Span) -> Arm:
        """The complaints of a theme within `span` (praise is none), and its exposure: requests, or days."""
        count = bisect_left(times := self.complaints(theme), span.end) - bisect_left(times, span.start)
        return Arm(max(count, 0), self.exposure(span), self._seasonal(span))

    def complaints(self, theme: str) -> list[datetime]:
        """When each complaint of a theme was written, in order of time."""
        if theme not in self._written:
            self._written[theme] = list(self._connection.scalars(
                select(voices.c.written_at).join(theme_voices, voices.c.id == theme_voices.c.voice_id)
                .where(theme_voices.c.theme_id == theme, *self._complain()).order_by(voices.c.written_at)))
        return self._written[theme]

    def exposure(self, span: Span) -> float:
        """Requests or days within `span`."""
        if self._product.outcome.exposure == "days":
            return span.days
        if (span.start, span.end) not in self._served:
            self._served[span.start, span.end] = float(self._connection.scalar(select(func.sum(rollups.c.requests)).where(
                rollups.c.product == self._product.name, rollups.c.minute >= span.start, rollups.c.minute < span.end)) or 0)
        return self._served[span.start, span.end]

    def daily(self) -> float:
        """Exposure of a day, as it was in the last four weeks."""
        span = Span(max(self.known.start, self.known.end - _MONTH * DAY), self.known.end)
        return self.exposure(span) / span.days if span.days else 0.0

    def _complain(self) -> tuple[ColumnElement[bool], ...]:
        return voices.c.origin == self._origin, voices.c.kind != "praise"

    def _seasonal(self, span: Span) -> float:
        """The mean of the factors of the days of `span`, each as heavy as its exposure."""
        if not self.season.known or not span.days:
            return 1.0
        total, weighted = 0.0, 0.0
        at = span.start
        while at < span.end:
            end = min(midnight(at) + DAY, span.end)
            served = self.exposure(Span(at, end))
            total, weighted = total + served, weighted + served * self.season.factors[at.weekday()]
            at = end
        return weighted / total if total else 1.0

    def _season(self, changed: dict[str, list[datetime]]) -> Season:
        if not (spans := cells(self.known.start, self.known.end)):
            return Season()
        edges = np.array([span.start.timestamp() for span in spans] + [spans[-1].end.timestamp()])
        written = defaultdict[str, list[float]](list)
        for theme, at in self._connection.execute(
                select(theme_voices.c.theme_id, voices.c.written_at).join(voices, voices.c.id == theme_voices.c.voice_id)
                .where(voices.c.product == self._product.name, *self._complain(),
                       voices.c.written_at >= spans[0].start, voices.c.written_at < spans[-1].end)):
            written[theme].append(at.timestamp())
        if not written:
            return Season()
        names = sorted(written)
        counts = np.vstack([np.histogram(written[name], edges)[0] for name in names]).astype(float)
        breaks = np.vstack([np.histogram([at.timestamp() for at in changed.get(name, [])], edges)[0] for name in names]) > 0
        return season(counts, np.array([self.exposure(span) for span in spans]), spans, breaks)


def later(start: datetime, days: float) -> datetime:
    """`days` after `start`, to the minute above."""
    return start + timedelta(minutes=int(days * 24 * 60) + 1)
