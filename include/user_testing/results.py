"""What was found of a release's criteria, in the ledger: by its scenarios, by the people who accept it, by others who try it."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, func, select

from include.errors import InputError
from include.ledger.engine import upsert
from include.ledger.runs import Run
from include.ledger.tables import (
    commit_stories,
    commits,
    releases,
    stories,
    story_themes,
    test_results,
    theme_voices,
    voices,
)
from include.markup import plain
from include.user_testing.binding import Bound
from include.user_testing.criteria import Criterion, Promise

SCENARIOS = "scenarios"
WHOLE = "-"  # in place of a criterion's id: the release as a whole
MOST_VOICES = 20  # that are shown


def release_of(connection: Connection, run: Run) -> Row[Any]:
    """The release that the run's key names. Raises InputError for an unknown one."""
    release = connection.execute(select(releases).where(releases.c.key == str(run.key))).first()
    if release is None:
        raise InputError(f"unknown release {str(run.key)!r}: it was never built")
    return release


def promises_of(connection: Connection, run: Run) -> list[Promise]:
    """The stories whose commits came with the run's release."""
    tied = (select(commit_stories.c.story_id)
            .join(commits, (commits.c.product == commit_stories.c.product) & (commits.c.sha == commit_stories.c.sha))
            .where(commits.c.product == run.product, commits.c.release == str(run.key)))
    rows = connection.execute(select(stories).where(stories.c.product == run.product, stories.c.id.in_(tied))
                              .order_by(stories.c.id))
    return [Promise(row.id, row.title, row.acceptance) for row in rows]


def write(connection: Connection, run: Run, source: str, by: str, found: Sequence[Bound]) -> None:
    """Write what one `source` found; what it found before of the same criteria is replaced."""
    upsert(connection, test_results, [{
        "release": str(run.key), "criterion": item.criterion.id if item.criterion else WHOLE, "source": plain(source, 250),
        "product": run.product, "story_id": item.criterion.story if item.criterion else None,
        "name": plain(item.criterion.name) if item.criterion else "", "verdict": item.verdict, "why": plain(item.why, 2000),
        "by": plain(by, 250), "at": run.at} for item in found])


def known(connection: Connection, run: Run, criteria: Sequence[Criterion]) -> list[tuple[str, Bound]]:
    """What is known of the release, oldest first: who found it, and what."""
    by_id = {criterion.id: criterion for criterion in criteria}
    rows = connection.execute(select(test_results).where(test_results.c.release == str(run.key))
                              .order_by(test_results.c.at, test_results.c.source, test_results.c.criterion))
    return [(row.by, Bound(by_id.get(row.criterion), row.verdict, row.why)) for row in rows]


def heard(connection: Connection, run: Run, release: Row[Any], promises: Sequence[Promise]) -> tuple[int, list[tuple[str, str]]]:
    """What customers who used the release wrote, newest first: how many voices there are, and of the newest the id of the story
    whose themes they belong to ("": none of the release's) with their text."""
    theirs = (voices.c.product == run.product, voices.c.version == release.version, voices.c.written_at >= release.at,
              voices.c.origin == "customer", voices.c.erased_at.is_(None))
    newest = connection.execute(select(voices.c.id, voices.c.text).where(*theirs).order_by(
        voices.c.written_at.desc(), voices.c.id).limit(MOST_VOICES)).all()
    ids = [promise.id for promise in promises]
    about = {row.voice_id: row.story_id for row in connection.execute(
        select(theme_voices.c.voice_id, story_themes.c.story_id).join(
            story_themes, story_themes.c.theme_id == theme_voices.c.theme_id).where(
            theme_voices.c.voice_id.in_([row.id for row in newest]), story_themes.c.story_id.in_(ids)).order_by(
            story_themes.c.story_id.desc()))}
    count = connection.scalar(select(func.count()).select_from(voices).where(*theirs)) or 0
    return count, [(about.get(row.id, ""), row.text) for row in newest]
