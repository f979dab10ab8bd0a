"""Complaints and exposure over a span of time, and the time that was listened to."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, or_, select

from include.ledger.runs import Run
from include.ledger.tables import intakes, phase_runs, rollups, theme_voices, voices
from include.outcome_review.rates import Arm
from include.outcome_review.windows import Span
from include.product import Product

OPERATION = "operation"  # a theme of this kind is heard from signals, every other one from customers
OPERATIONS = "operations"  # their source
MONITORING = "monitoring_rollups"  # the phase whose runs count the traffic: all of it up to the time of its last run


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


def arm(connection: Connection, product: Product, theme: str, kind: str, span: Span) -> Arm:
    """The complaints of a theme within `span` (praise is none), and its exposure: requests, or days."""
    origin = "operation" if kind == OPERATION else "customer"
    count = connection.scalar(
        select(func.count()).select_from(theme_voices).join(voices, voices.c.id == theme_voices.c.voice_id)
        .where(theme_voices.c.theme_id == theme, voices.c.origin == origin, voices.c.kind != "praise",
               voices.c.written_at >= span.start, voices.c.written_at < span.end))
    if product.outcome.exposure == "days":
        return Arm(count or 0, span.days)
    requests = connection.scalar(select(func.sum(rollups.c.requests)).where(
        rollups.c.product == product.name, rollups.c.minute >= span.start, rollups.c.minute < span.end))
    return Arm(count or 0, float(requests or 0))
