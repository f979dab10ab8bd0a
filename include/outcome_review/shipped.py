"""What the ledger knows about shipped stories, and which deployments brought them."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from semver import Version
from sqlalchemy import Connection, Row, func, select

from include.ledger.tables import commit_stories, commits, deployments, rollups, stories, story_themes, theme_events, themes
from include.outcome_review.windows import Shipment, minute

SHIPPED = ("released", "resolved", "reopened")


@dataclass(frozen=True)
class Case:
    """A shipped story and one of its themes, with when the theme was last resolved and reopened."""

    story: str
    story_status: str
    theme: str
    theme_kind: str
    theme_status: str
    resolved_at: datetime | None
    reopened_at: datetime | None


def cases(connection: Connection, product: str) -> list[Case]:
    """Every shipped story with each of its themes; a theme that was merged is followed by the one that took it in."""
    last = {(row.theme_id, row.kind): row.at for row in connection.execute(
        select(theme_events.c.theme_id, theme_events.c.kind, func.max(theme_events.c.at).label("at"))
        .join(themes, themes.c.id == theme_events.c.theme_id).where(themes.c.product == product)
        .group_by(theme_events.c.theme_id, theme_events.c.kind))}
    found = connection.execute(
        select(stories.c.id, stories.c.status, themes.c.id, themes.c.kind, themes.c.status)
        .join(story_themes, story_themes.c.story_id == stories.c.id).join(themes, themes.c.id == story_themes.c.theme_id)
        .where(stories.c.product == product, stories.c.status.in_(SHIPPED), themes.c.status != "merged")
        .order_by(stories.c.id, themes.c.id))
    return [Case(*row, last.get((row[2], "resolved")), last.get((row[2], "reopened"))) for row in found]


def shipments(connection: Connection, product: str) -> dict[str, list[Shipment]]:
    """The deployments that brought each story, in order of time: for each release with a commit of it, the first successful
    deployment of that version or a later one that was not rolled back."""
    every = connection.execute(select(deployments).where(deployments.c.product == product)
                               .order_by(deployments.c.started_at, deployments.c.id)).all()
    versions: dict[str, set[Version]] = defaultdict(set)
    for story, release in connection.execute(
            select(commit_stories.c.story_id, commits.c.release)
            .join(commits, (commits.c.product == commit_stories.c.product) & (commits.c.sha == commit_stories.c.sha))
            .where(commit_stories.c.product == product, commits.c.release.is_not(None))):
        versions[story].add(Version.parse(release.partition("|")[2]))
    return {story: [_shipment(connection, every, index) for index in sorted({_first(every, wanted) for wanted in needed})
                    if index < len(every)]
            for story, needed in versions.items()}


def deployed(connection: Connection, product: str) -> list[tuple[datetime, str]]:
    """When each successful deployment of the product began (its minute), and of which release, in order of time."""
    found = connection.execute(select(deployments.c.started_at, deployments.c.version).where(
        deployments.c.product == product, deployments.c.status == "succeeded")
        .order_by(deployments.c.started_at, deployments.c.id))
    return [(minute(row.started_at), f"{product}|{row.version}") for row in found]


def _first(every: Sequence[Row[Any]], wanted: Version) -> int:
    """The index of the first successful deployment of `wanted` or a later version, since a person last rolled back to before it;
    past the end where there is none."""
    back = [index for index, row in enumerate(every)
            if row.kind == "rollback" and row.status == "succeeded" and Version.parse(row.version) < wanted]
    return next((index for index, row in enumerate(every) if index > max(back, default=-1)
                 and row.status == "succeeded" and row.finished_at and Version.parse(row.version) >= wanted), len(every))


def _shipment(connection: Connection, every: Sequence[Row[Any]], index: int) -> Shipment:
    row = every[index]
    mixed = select(func.max(rollups.c.minute)).where(
        rollups.c.product == row.product, rollups.c.version == row.previous, rollups.c.requests > 0,
        rollups.c.minute >= minute(row.started_at))
    if index + 1 < len(every):
        mixed = mixed.where(rollups.c.minute < minute(every[index + 1].started_at))
    return Shipment(f"{row.product}|{row.version}", row.started_at, row.finished_at, connection.scalar(mixed))
