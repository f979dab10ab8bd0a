"""How well the loop turns for a product: from a complaint to its relief, and what was promised against what came of it."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from statistics import mean, median
from typing import Any

from sqlalchemy import ColumnElement, Connection, distinct, exists, func, select

from include.ledger.tables import notices, stories, story_themes, theme_events, theme_voices, themes, voices
from include.relief import reliefs

DAYS = 90  # that rates look back
SHIPPED = ("released", "resolved")  # a story that was reopened answers nobody
LIVE = ("open", "planned", "reopened")
_COMPLAINT = (voices.c.origin == "customer", voices.c.kind != "praise")


@dataclass(frozen=True)
class LoopMetrics:
    """The loop's own metrics, at a time. Shares and days are None where there is nothing to take them from.

    `days_to_relief`: median days from a theme's first complaint (a reopened one's: since it was reopened) to its verified
    relief, over the `relieved` reliefs of the last DAYS. `heard`, `understood`, `planned`, `answered`, `relieved_voices`:
    complaints of the last DAYS, those in a theme, in one with a story, in one whose story shipped, in one that is resolved.
    `told`, `replied`: customers who were told in that time, and those who answered. `oldest`: the live theme that waits longest
    without a shipped story, with its age in days. `predicted`, `realised`, `error`: mean share of the complaint rate that stories
    were to take away, that they took away, and mean absolute difference, over `measured` stories of all time.
    """

    days_to_relief: float | None
    relieved: int
    heard: int
    understood: int
    planned: int
    answered: int
    relieved_voices: int
    answered_share: float | None
    told: int
    replied: int
    oldest: dict[str, Any] | None
    predicted: float | None
    realised: float | None
    error: float | None
    measured: int

    def json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)


def loop_metrics(connection: Connection, product: str, at: datetime) -> LoopMetrics:
    """The metrics of `product` as they stand at `at`."""
    since = at - timedelta(days=DAYS)
    taken, relieved_themes = days_to_relief(connection, product, at)
    heard, understood, planned, answered, relieved = _funnel(connection, product, since, at)
    told, replied = connection.execute(
        select(func.count(notices.c.sent_at), func.count(notices.c.answer))
        .where(notices.c.product == product, notices.c.sent_at > since, notices.c.sent_at <= at)).one()
    found = reliefs(connection, product)
    return LoopMetrics(
        taken, relieved_themes, heard, understood, planned, answered, relieved,
        _rounded(answered / heard) if heard else None, told, replied, _oldest(connection, product, at),
        _rounded(mean(item.predicted for item in found)) if found else None,
        _rounded(mean(item.realised for item in found)) if found else None,
        _rounded(mean(abs(item.predicted - item.realised) for item in found)) if found else None, len(found))


def days_to_relief(connection: Connection, product: str, at: datetime) -> tuple[float | None, int]:
    """`days_to_relief` and `relieved` of the metrics at `at`, without the others, which take longer."""
    taken = _days_to_relief(connection, product, at - timedelta(days=DAYS), at)
    return _rounded(median(taken)) if taken else None, len(taken)


def _rounded(value: float) -> float:
    return round(value, 4)


def _days_to_relief(connection: Connection, product: str, since: datetime, at: datetime) -> list[float]:
    events = connection.execute(
        select(theme_events.c.theme_id, theme_events.c.kind, theme_events.c.at)
        .join(themes, themes.c.id == theme_events.c.theme_id)
        .where(themes.c.product == product, theme_events.c.kind.in_(("resolved", "reopened")), theme_events.c.at <= at)
        .order_by(theme_events.c.at, theme_events.c.run_id)).all()
    reopened = dict[str, datetime]()
    found = list[float]()
    for row in events:
        if row.kind == "reopened":
            reopened[row.theme_id] = row.at
        elif row.at > since and (first := reopened.get(row.theme_id) or _first_complaint(connection, row.theme_id)):
            found.append((row.at - first) / timedelta(days=1))
    return found


def _first_complaint(connection: Connection, theme: str) -> datetime | None:
    """When somebody complained first in a theme. (One at a time: for many at once a ledger would read all of its voices.)"""
    found: datetime | None = connection.scalar(
        select(func.min(voices.c.written_at)).join(theme_voices, theme_voices.c.voice_id == voices.c.id)
        .where(theme_voices.c.theme_id == theme, *_COMPLAINT))
    return found


def _funnel(connection: Connection, product: str, since: datetime, at: datetime) -> tuple[int, int, int, int, int]:
    """Complaints heard, in a theme, in one with a story, in one whose story shipped, in one that is resolved."""
    window = (voices.c.product == product, voices.c.written_at > since, voices.c.written_at <= at, *_COMPLAINT)
    themed = select(func.count(distinct(voices.c.id))).join(theme_voices, theme_voices.c.voice_id == voices.c.id).where(*window)

    def count(*where: ColumnElement[bool]) -> int:
        return connection.scalar(themed.where(*where)) or 0

    heard = connection.scalar(select(func.count()).select_from(voices).where(*window)) or 0
    resolved = theme_voices.c.theme_id.in_(select(themes.c.id).where(themes.c.product == product, themes.c.status == "resolved"))
    theme = theme_voices.c.theme_id
    return heard, count(), count(_storied(theme)), count(_storied(theme, *SHIPPED)), count(resolved)


def _storied(theme: ColumnElement[str], *statuses: str) -> ColumnElement[bool]:
    """Whether `theme` has a story that wasn't dropped, or one of these statuses."""
    found = stories.c.status.in_(statuses) if statuses else stories.c.status != "dropped"
    return exists().where(story_themes.c.theme_id == theme, stories.c.id == story_themes.c.story_id, found)


def _oldest(connection: Connection, product: str, at: datetime) -> dict[str, Any] | None:
    """No complaint of a theme is older than its first voice, so themes that were seen later than the oldest one need no look."""
    rows = connection.execute(
        select(themes.c.id, themes.c.name, themes.c.first_seen)
        .where(themes.c.product == product, themes.c.status.in_(LIVE), themes.c.kind != "praise",
               ~_storied(themes.c.id, *SHIPPED))
        .order_by(themes.c.first_seen, themes.c.id)).all()
    oldest: tuple[datetime, str, str] | None = None
    for row in rows:
        if oldest and row.first_seen > oldest[0]:
            break
        if first := _first_complaint(connection, row.id):
            oldest = min(oldest or (first, row.id, row.name), (first, row.id, row.name))
    return {"theme": oldest[1], "name": oldest[2], "days": _rounded((at - oldest[0]) / timedelta(days=1))} if oldest else None
