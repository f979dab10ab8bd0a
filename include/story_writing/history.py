"""Every wording that a story had or was offered, in the ledger: who wrote it, when, why, and who decided on it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select, update

from include.ledger.engine import upsert
from include.ledger.runs import Run
from include.ledger.tables import stories, story_revisions
from include.story_writing.rules import Row

TEXT = ("title", "role", "want", "reason", "acceptance")
CURRENT, SUPERSEDED, PROPOSED, REFUSED = "current", "superseded", "proposed", "refused"
PHASE = "story_writing"

Ties = set[tuple[str, str]]  # (theme, story)


@dataclass(frozen=True)
class Revision:
    """A wording of `story`. `words` are what people may edit, as plain JSON values."""

    story: str
    revision: int
    status: str
    words: Row
    why: str
    who: str


def words_of(row: Mapping[str, Any], themes: Iterable[str]) -> Row:
    """What of a story's row people may edit, with the themes that it answers."""
    due: datetime | None = row["due_at"]
    return {name: row[name] for name in (*TEXT, "effort_days", "category")} | {
        "due_at": due.isoformat() if due else None, "themes": sorted(themes)}


def last_numbers(connection: Connection, product: str) -> dict[str, int]:
    """The highest number of a revision of each story."""
    found = connection.execute(select(story_revisions.c.story_id, func.max(story_revisions.c.revision).label("last"))
                               .join(stories, stories.c.id == story_revisions.c.story_id)
                               .where(stories.c.product == product).group_by(story_revisions.c.story_id))
    return {row.story_id: row.last for row in found}


def offered(connection: Connection, product: str) -> dict[str, list[Revision]]:
    """What was proposed for each story, by number: still open, taken or refused."""
    found: dict[str, list[Revision]] = {}
    for row in connection.execute(
            select(story_revisions).join(stories, stories.c.id == story_revisions.c.story_id)
            .where(stories.c.product == product, story_revisions.c.who == PHASE)
            .order_by(story_revisions.c.story_id, story_revisions.c.revision)):
        found.setdefault(row.story_id, []).append(
            Revision(row.story_id, row.revision, row.status, row.words, row.why, row.who))
    return found


def untied(connection: Connection, product: str, ties: Ties) -> Ties:
    """Themes and stories that a person has parted: those that were tied in an earlier wording, and aren't in `ties`."""
    found = connection.execute(select(story_revisions.c.story_id, story_revisions.c.words)
                               .join(stories, stories.c.id == story_revisions.c.story_id)
                               .where(stories.c.product == product, stories.c.edited_by.is_not(None)))
    return {(theme, row.story_id) for row in found for theme in row.words["themes"]} - ties


def open_proposal(connection: Connection, story: str) -> Revision | None:
    """The words that wait for a person's decision on `story`."""
    row = connection.execute(select(story_revisions).where(
        story_revisions.c.story_id == story, story_revisions.c.status == PROPOSED)
        .order_by(story_revisions.c.revision.desc())).first()
    return Revision(story, row.revision, PROPOSED, row.words, row.why, row.who) if row else None


def keep(connection: Connection, run: Run, revisions: Iterable[Revision]) -> None:
    """Write new revisions. A current one takes the place of the one before, a proposed one that of an open proposal."""
    new = list(revisions)
    for status in (CURRENT, PROPOSED):
        of_status = [one.story for one in new if one.status == status]
        connection.execute(update(story_revisions).where(
            story_revisions.c.story_id.in_(of_status), story_revisions.c.status == status).values(status=SUPERSEDED))
    upsert(connection, story_revisions, [{
        "story_id": one.story, "revision": one.revision, "status": one.status, "words": one.words, "why": one.why,
        "who": one.who, "at": run.at, "decided_by": None, "decided_at": None} for one in new])


def keep_unkept(connection: Connection, rows: Iterable[tuple[Row, Row]]) -> None:
    """Keep the words (second of each pair) of stories (first) as they are now, where no history was kept of them yet."""
    upsert(connection, story_revisions, [{
        "story_id": row["id"], "revision": row["revision"], "status": CURRENT, "words": words, "why": "as it was found",
        "who": row["edited_by"] or PHASE, "at": row["updated_at"], "decided_by": None, "decided_at": None}
        for row, words in rows], keep=True)


def decide(connection: Connection, run: Run, revision: Revision, status: str, who: str) -> None:
    """Record that a person took or refused a proposal."""
    if status == CURRENT:
        connection.execute(update(story_revisions).where(
            story_revisions.c.story_id == revision.story, story_revisions.c.status == CURRENT).values(status=SUPERSEDED))
    connection.execute(update(story_revisions).where(
        story_revisions.c.story_id == revision.story, story_revisions.c.revision == revision.revision)
        .values(status=status, decided_by=who, decided_at=run.at))
