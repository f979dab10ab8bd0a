"""What was found of a release's criteria, in the ledger: by its scenarios, by the people who accept it, by others who try it."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, select

from include.errors import InputError
from include.ledger.engine import upsert
from include.ledger.runs import Run
from include.ledger.tables import commit_stories, commits, releases, stories, test_results
from include.markup import plain
from include.user_testing.binding import Bound
from include.user_testing.criteria import Criterion, Promise

SCENARIOS = "scenarios"
WHOLE = "-"  # in place of a criterion's id: the release as a whole


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
