"""Which reports are due. Pure rules."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from croniter import croniter

from include.parts.reports import Audience, Language, Report

Cause = Literal["schedule", "release", "hand"]
FIRST = timedelta(days=28)  # that a first report looks back
PERIODS = {"last": None, "week": 7, "month": 30, "quarter": 90}  # what the form offers, in days


@dataclass(frozen=True)
class Wanted:
    """A report that a person asked for: about the last `days` (None: since the last report), in `language`; `send` it to those
    who get it regularly, too."""

    audience: Audience
    language: Language
    days: int | None
    send: bool
    by: str


def wanted(form: dict[str, Any], by: str) -> Wanted | None:
    """What `by` filled into the form; None where it names no audience, which means: what is due."""
    if not form.get("audience"):
        return None
    return Wanted(form["audience"], form["language"], PERIODS[form["period"]], form["send"], by)


def last_tick(cron: str, zone: str, at: datetime) -> datetime:
    """The newest moment, up to `at`, that a cron expression names in `zone`."""
    local = at.astimezone(ZoneInfo(zone)) + timedelta(seconds=1)
    found: datetime = croniter(cron, local).get_prev(datetime)
    return found


def due(report: Report, zone: str, at: datetime, last: datetime | None, released: bool) -> Cause | None:
    """Why a report is due at `at`, where it is. `last` is when it was last made (None: never, so its schedule begins now),
    `released`: a deployment was just done."""
    if released:
        return "release" if report.after_release else None
    if report.every and (last is None or last_tick(report.every, zone, at) > last):
        return "schedule"
    return None


def begin(days: int | None, at: datetime, last: datetime | None) -> datetime:
    """Where the time begins that a report is about."""
    return at - timedelta(days=days) if days else last or at - FIRST
