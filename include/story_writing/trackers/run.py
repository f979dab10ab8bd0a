"""The mirror: every story an issue, what people do there followed, nothing of theirs overwritten.

What the tracker says is the truth: an issue bears its story's mark, a comment what it told, so that a mirror that was killed
anywhere goes on without doing anything twice. The ledger keeps what was true at the last sync, for the three-way merge.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, select, update

from include.connection import Connections
from include.http_client import UnavailableError
from include.ledger import trail
from include.ledger.engine import reading, upsert
from include.ledger.runs import Result, Run, demand_leases, finish, lease, result_of
from include.ledger.tables import commit_stories, commits, cursors, deployments, outcomes, stories, tracker_issues
from include.parts.stories import Tracker as Site
from include.product import Product
from include.story_writing.trackers import opened, text
from include.story_writing.trackers.merge import SETTLED, Base, Move, merged
from include.story_writing.trackers.tracker import GoneError, Issue, RefusedError, Tracker

CONCLUSIVE = ("relieved", "worse", "unchanged")
LAG = timedelta(minutes=2)  # clocks differ, and news shows late in listings
Row = dict[str, Any]


@dataclass
class Told:
    """What a run of the mirror did: story ids, and counts."""

    created: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    commented: int = 0
    closed: list[str] = field(default_factory=list)
    opened_again: list[str] = field(default_factory=list)
    edited: list[str] = field(default_factory=list)
    gone: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    delayed: list[str] = field(default_factory=list)
    error: str | None = None


def mirror(engine: Engine, product: Product, run: Run, connections: Connections) -> Result:
    """Bring the product's stories and their issues together.

    Returns story ids: `created`, `updated`, `closed`, `opened_again` (issues); `edited` (a person changed our words: they stay);
    `gone` and `refused` (with the reason); `dropped` and `reopened` (stories that follow what a person did there);
    `commented` (a count); `delayed` (left for the next run, and why in `error`); and `publish`: the product where a story's
    status changed. Raises InputError where the token or the project is wrong.
    """
    site = product.stories.tracker
    if site is None:
        return {"publish": []}
    run = replace(run, phase=f"{run.phase}.trackers")
    holder = f"{run.phase} {run.run_id}"
    with lease(engine, f"tracker:{product.name}", holder):
        if known := result_of(engine, run):
            return known
        with opened(site, connections) as tracker:
            sync = Sync(engine, product, site, tracker, run)
            sync.all()
        with lease(engine, f"stories:{product.name}", holder):
            return finish(engine, run, sync.write)


class Sync:
    """One run of the mirror. `moves` are stories that follow their issue: what they were, and what they are to be."""

    def __init__(self, engine: Engine, product: Product, site: Site, tracker: Tracker, run: Run) -> None:
        self.tracker, self.site, self.run, self.told = tracker, site, run, Told()
        self.name = f"{site.kind} {site.url} {site.project}"
        self.rows: dict[str, Row] = {}
        self.moves: dict[str, tuple[str, str]] = {}
        self.cursor: datetime | None = None
        self.me = ""
        with reading(engine) as connection:
            self.stories = [dict(row) for row in connection.execute(
                select(stories).where(stories.c.product == product.name).order_by(stories.c.created_at, stories.c.id)).mappings()]
            self.known = {row["story_id"]: dict(row) for row in connection.execute(
                select(tracker_issues).join(stories, stories.c.id == tracker_issues.c.story_id)
                .where(stories.c.product == product.name, tracker_issues.c.tracker == self.name)).mappings()}
            since = connection.scalar(select(cursors.c.value).where(cursors.c.name == self._cursor))
            self.since = datetime.fromisoformat(since["since"]) if since else None
            self.news = _news(connection, product.name)
        tracker.etags.update(since["etags"] if since else {})

    @property
    def _cursor(self) -> str:
        return f"tracker {self.run.product} {self.name}"

    def all(self) -> None:
        """Sync every story; what the tracker is too busy for is left for the next run."""
        left = [story["id"] for story in self.stories]
        try:
            self.me = self.site.author or self.tracker.me()
            issues = self._issues()
            for story in self.stories:
                demand_leases()
                self._sync(story, issues.get(story["id"]))
                left.remove(story["id"])
        except UnavailableError as error:
            self.told.error, self.told.delayed, self.cursor = str(error), left, None

    def _issues(self) -> dict[str, Issue]:
        """The issues of our stories that are new or changed. An issue that bears a story's mark counts only where we wrote it:
        on a public project anybody may write a mark."""
        by_number = {row["number"]: story for story, row in self.known.items()}
        found: dict[str, Issue] = {}
        for issue in self._listed():
            mark = text.found(issue.body)
            story = by_number.get(issue.number) or (mark.story if mark and issue.author == self.me else None)
            first = story is not None and (story not in found or int(found[story].number) > int(issue.number))
            if story is not None and (issue.number in by_number or (story not in self.known and first)):
                found[story] = issue
            self.cursor = max(self.cursor or issue.changed_at, issue.changed_at)
        return found

    def _listed(self) -> Iterable[Issue]:
        if self.since is None:
            yield from self.tracker.labelled(self.site.labels[0])
        first = min((story["created_at"] for story in self.stories), default=self.run.at)
        yield from self.tracker.changed((self.since or first) - LAG)

    def _sync(self, story: Row, issue: Issue | None) -> None:
        row, new = self.known.get(story["id"]), text.draft(story, self.site.labels)
        try:
            if row is None and issue is None:
                if story["status"] not in SETTLED:
                    self._create(story, new)
            elif issue is not None or (row is not None and not row["gone"] and self._due(story, row, new)):
                self._meet(story, row, new, issue)
        except GoneError as error:
            self.told.gone[story["id"]] = str(error)
            if row is not None:
                self.rows[story["id"]] = row | {"gone": str(error), "at": self.run.at}
        except RefusedError as error:
            self.told.refused[story["id"]] = str(error)

    def _due(self, story: Row, row: Row, new: text.Draft) -> bool:
        return bool(row["words"] != new.words or row["status"] != story["status"] or set(row["labels"]) != new.labels
                    or self._untold(story, row))

    def _untold(self, story: Row, row: Row) -> list[tuple[str, str]]:
        return [(key, words) for key, words in self.news(story) if key not in row["told"]]

    def _create(self, story: Row, new: text.Draft) -> None:
        issue = self.tracker.create(new.title, new.block, new.labels)
        self.told.created.append(story["id"])
        row = self._row(story, issue, new) | {"status": story["status"], "labels": sorted(new.labels)}
        self.rows[story["id"]] = row
        self._comment(story, row, self._untold(story, row))

    def _row(self, story: Row, issue: Issue, new: text.Draft) -> Row:
        """A story's row where the ledger has none: what the issue was when we wrote it, open, as its mark tells."""
        mark = text.found(issue.body)
        return {"story_id": story["id"], "tracker": self.name, "number": issue.number, "url": issue.url,
                "words": mark.words if mark else new.words, "status": "ready", "state": "open", "seen": [],
                "labels": sorted(issue.labels & new.labels), "told": [], "edited_at": None, "gone": None, "at": self.run.at}

    def _meet(self, story: Row, row: Row | None, new: text.Draft, listed: Issue | None) -> None:
        issue = self._newest(row, new, listed)
        if issue.gone:
            raise GoneError(issue.gone)
        before = row or self._row(story, issue, new)
        base = Base(before["status"], before["state"], frozenset(before["seen"]))
        move = merged(base, story["status"], issue.state, issue.reason, issue.labels, self.site.not_wanted)
        if move.status:
            self.moves[story["id"]] = (story["status"], move.status)
            new = text.draft(story | {"status": move.status}, self.site.labels)
        words, proposed = self._words(story, before, new, issue)
        if words or move.state:  # at once: between reading and writing there is no time for a person's edit
            self.tracker.update(issue.number, **words, state=move.state, reason=move.reason)
        self._done(story, bool(words), move)
        after = before | {"url": issue.url, "gone": None, "status": move.status or story["status"],
                          "state": move.state or issue.state,
                          "seen": sorted(issue.labels - set(before["labels"]) - new.labels)}
        self.rows[story["id"]] = after  # what follows may be refused: what was done by then is known
        self._edited(story, after, issue)
        self._comment(story, after, proposed)
        after["words"] = new.words
        self._labels(after, new, issue)
        self._comment(story, after, self._untold(story, after))
        if after == row:
            del self.rows[story["id"]]
        else:
            after["at"] = self.run.at

    def _done(self, story: Row, words: bool, move: Move) -> None:
        if words:
            self.told.updated.append(story["id"])
        if move.state:
            (self.told.closed if move.state == "closed" else self.told.opened_again).append(story["id"])

    def _newest(self, row: Row | None, new: text.Draft, listed: Issue | None) -> Issue:
        """The issue, read just before its words are written."""
        mark = text.found(listed.body) if listed else None
        if listed is not None and mark is not None and mark.words == new.words:
            return listed
        number = listed.number if listed is not None else row["number"] if row is not None else ""
        return self.tracker.issue(number)

    def _words(self, story: Row, row: Row, new: text.Draft, issue: Issue) -> tuple[dict[str, str], list[tuple[str, str]]]:
        """What to write (title, body) where our words are still ours; and where a person changed them, the new ones as a
        comment's proposal."""
        mark, title_ours = _ours(story, issue)
        body = text.replaced(issue.body, mark, new.block) if mark else ""
        fits = 0 < len(body) <= self.tracker.limit
        words = {"body": body} | ({"title": new.title} if title_ours else {}) \
            if mark and mark.words != new.words and fits else {}
        proposed = row["words"] != new.words and not (title_ours and fits)
        return words, [text.proposal(story, new)] if proposed else []

    def _edited(self, story: Row, row: Row, issue: Issue) -> None:
        """Note whether a person has changed our words."""
        _, untouched = _ours(story, issue)
        row["edited_at"] = None if untouched else row["edited_at"] or self.run.at
        if not untouched:
            self.told.edited.append(story["id"])

    def _labels(self, row: Row, new: text.Draft, issue: Issue) -> None:
        """Ours are put on once and taken off when they no longer hold; one that a person took off stays off."""
        ours = set(row["labels"])
        add, remove = new.labels - ours - issue.labels, (ours - new.labels) & issue.labels
        if add or remove:
            self.tracker.relabel(issue.number, add, remove)
        row["labels"] = sorted(new.labels)

    def _comment(self, story: Row, row: Row, pending: list[tuple[str, str]]) -> None:
        """Say each thing once, though the ledger may not know any more that it was said."""
        pending = [(key, words) for key, words in pending if key not in row["told"]]
        if not pending:
            return
        said = [words for author, words in self.tracker.comments(row["number"]) if author == self.me]
        for key, words in pending:
            if not any(text.told(story["id"], key) in earlier for earlier in said):
                self.tracker.comment(row["number"], words)
                self.told.commented += 1
            row["told"] = [*row["told"], key]

    def write(self, connection: Connection) -> Result:
        """Write what was synced. A story that changed meanwhile is not moved: the next run meets it as it is then."""
        moved = {"dropped": list[str](), "reopened": list[str]()}
        for story, (before, after) in sorted(self.moves.items()):
            if story not in self.rows:
                continue
            done = connection.execute(update(stories).where(stories.c.id == story, stories.c.status == before)
                                      .values(status=after, updated_at=self.run.at)).rowcount
            if done:
                moved[after].append(story)
            else:
                self._not_moved(story, before)
        upsert(connection, tracker_issues, [self.rows[story] for story in sorted(self.rows)])
        if self.cursor is not None:
            value = {"since": self.cursor.isoformat(), "etags": self.tracker.etags}
            upsert(connection, cursors, [{"name": self._cursor, "value": value}])
        trail.record(connection, self.run, [trail.event(self.run, "ticket.closed", story, {
            "uri": f"/closed-loop/{self.run.product}/stories/{story}", "resolution": "withdrawn"}) for story in moved["dropped"]])
        changed = moved["dropped"] or moved["reopened"]
        return vars(self.told) | moved | {"publish": [self.run.product] if changed else []}

    def _not_moved(self, story: str, before: str) -> None:
        self.cursor = None
        known = self.known.get(story)
        base = {name: known[name] for name in ("state", "seen", "status")} if known else \
            {"state": "open", "seen": [], "status": before}
        self.rows[story] |= base


def _ours(story: Row, issue: Issue) -> tuple[text.Found | None, bool]:
    """Our block in an issue, if nobody changed it; and whether nobody changed the title either."""
    mark = text.found(issue.body)
    if mark is None or not mark.intact or mark.story != story["id"]:
        return None, False
    return mark, text.title_kept(issue.title, mark)


def _news(connection: Connection, product: str) -> Any:
    """A function from a story to the comments that it should have: key and text, in the order of time."""
    shipped = connection.execute(
        select(commit_stories.c.story_id, commits.c.release, deployments.c.version, deployments.c.finished_at)
        .join(commits, (commits.c.product == commit_stories.c.product) & (commits.c.sha == commit_stories.c.sha))
        .join(deployments, deployments.c.product == commit_stories.c.product)
        .where(commit_stories.c.product == product, commits.c.release.is_not(None), deployments.c.status == "succeeded",
               deployments.c.finished_at.is_not(None))
        .order_by(deployments.c.finished_at, deployments.c.id)).all()
    measured = [dict(row) for row in connection.execute(
        select(outcomes).join(stories, stories.c.id == outcomes.c.story_id)
        .where(stories.c.product == product, outcomes.c.verdict.in_(CONCLUSIVE))
        .order_by(outcomes.c.at, outcomes.c.release, outcomes.c.theme_id)).mappings()]

    def of(story: Row) -> list[tuple[str, str]]:
        first: dict[str, str] = {}
        for row in shipped:
            if row.story_id == story["id"] and row.release == f"{product}|{row.version}":
                first.setdefault(row.release, f"{row.finished_at:%Y-%m-%d}")
        return [*(text.deployed(story, release, at) for release, at in first.items()),
                *(text.outcome(story, row) for row in measured if row["story_id"] == story["id"])]

    return of
