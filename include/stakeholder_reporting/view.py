"""What several audiences ask of the ledger, as it stood at a report's time."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from semver import Version
from sqlalchemy import ColumnElement, Connection, distinct, func, select

from include.ledger.tables import commit_stories, commits, deployments, releases, stories, story_themes, theme_voices, voices
from include.product import Product
from include.stakeholder_reporting.model import Chart, text
from include.stakeholder_reporting.model import Row as Line

WEEK, WEEKS = timedelta(days=7), 12
SHIPPED = ("released", "resolved", "reopened")
QUIET = ("security", "debt")  # categories of stories that nobody asked for, and that aren't told outside
COMPLAINT = (voices.c.origin == "customer", voices.c.kind != "praise")
_PERSON = func.coalesce(voices.c.author, voices.c.erasure, voices.c.id)  # nobody known: a person by itself


@dataclass(frozen=True)
class View:
    """A product's ledger in the time from `since` to `at`."""

    connection: Connection
    product: Product
    since: datetime
    at: datetime

    @property
    def name(self) -> str:
        return self.product.name

    def count(self, *where: ColumnElement[bool]) -> int:
        """How many rows of one table fulfil the conditions."""
        return self.connection.scalar(select(func.count()).where(*where)) or 0

    def heard(self, since: datetime, until: datetime) -> int:
        """Complaints that were written after `since`, up to `until`."""
        return self.count(voices.c.product == self.name, voices.c.written_at > since, voices.c.written_at <= until, *COMPLAINT)


@dataclass(frozen=True)
class Shipped:
    """A story that reached production, with the release that brought it, and how many customers had asked for it."""

    story: str
    title: str
    kind: str
    category: str | None
    version: str
    at: datetime
    customers: int

    @property
    def wish(self) -> bool:
        """Whether customers asked for it."""
        return self.category not in QUIET and self.kind != "operation"

    def row(self) -> Line:
        return {"id": f"{self.story} {self.version}", "title": self.title, "version": self.version, "on": self.at.isoformat(),
                "customers": self.customers}


def shipped(view: View) -> list[Shipped]:
    """The stories that reached production within the time and are there still, newest first."""
    brought = {story: row for row in _deployed(view) if row.finished_at > view.since for story in _stories_of(view, row)}
    rows = view.connection.execute(select(stories).where(stories.c.id.in_(brought), stories.c.status.in_(SHIPPED))).all()
    asked = customers(view, brought)
    found = [Shipped(row.id, text(row.title), row.kind, row.category, brought[row.id].version, brought[row.id].finished_at,
                     asked.get(row.id, 0)) for row in rows]
    return sorted(found, key=lambda item: (-item.at.timestamp(), item.story))


def released(view: View) -> list[Any]:
    """The deployments of the time that brought a newer version, which was not taken back; newest first."""
    return [row for row in reversed(_deployed(view)) if row.finished_at > view.since]


def _deployed(view: View) -> list[Any]:
    rows = view.connection.execute(
        select(deployments.c.version, deployments.c.previous, deployments.c.finished_at)
        .join(releases, (releases.c.product == deployments.c.product) & (releases.c.version == deployments.c.version))
        .where(deployments.c.product == view.name, deployments.c.status == "succeeded", releases.c.status != "rolled_back",
               deployments.c.finished_at <= view.at)
        .order_by(deployments.c.finished_at, deployments.c.id)).all()
    return [row for row in rows if not row.previous or Version.parse(row.version) > Version.parse(row.previous)]


def _stories_of(view: View, deployment: Any) -> list[str]:
    """The stories of the commits that a deployment brought: those of its version and of the ones that it skipped."""
    low = Version.parse(deployment.previous) if deployment.previous else None
    high = Version.parse(deployment.version)
    keys = [row.key for row in view.connection.execute(select(releases.c.key, releases.c.version)
                                                       .where(releases.c.product == view.name))
            if (low is None or Version.parse(row.version) > low) and Version.parse(row.version) <= high]
    return list(view.connection.scalars(
        select(commit_stories.c.story_id).distinct()
        .join(commits, (commits.c.product == commit_stories.c.product) & (commits.c.sha == commit_stories.c.sha))
        .where(commits.c.product == view.name, commits.c.release.in_(keys)).order_by(commit_stories.c.story_id)))


def customers(view: View, ids: Collection[str]) -> dict[str, int]:
    """How many customers asked for each story: people who complained in its themes."""
    rows = view.connection.execute(
        select(story_themes.c.story_id, func.count(distinct(_PERSON)))
        .join(theme_voices, theme_voices.c.theme_id == story_themes.c.theme_id)
        .join(voices, voices.c.id == theme_voices.c.voice_id)
        .where(story_themes.c.story_id.in_(ids), *COMPLAINT, voices.c.written_at <= view.at)
        .group_by(story_themes.c.story_id))
    return {row[0]: row[1] for row in rows}


def weeks(view: View) -> Chart:
    """Complaints in each of the last twelve weeks, with the releases that came in it."""
    came = _deployed(view)
    rows = list[Line]()
    for start in (view.at - WEEK * number for number in range(WEEKS, 0, -1)):
        names = [row.version for row in came if start < row.finished_at <= start + WEEK]
        rows.append({"start": start.isoformat(), "count": view.heard(start, start + WEEK), "releases": ", ".join(names) or None})
    return Chart("complaints", "weeks", tuple(rows))
