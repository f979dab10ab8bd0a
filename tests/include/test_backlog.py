"""The phases hand over to one another through the ledger: from a theme to its relief, back when it returns, and then to rest."""

from datetime import datetime, timedelta

from sqlalchemy import Engine, update

from include.key import Key
from include.ledger.engine import writing
from include.ledger.runs import Result, Run
from include.ledger.tables import commit_stories, commits, intakes, phase_runs, releases, stories, themes
from include.outcome_review.run import review
from include.scope_planning.run import decide, propose
from include.story_writing.run import write
from include.user_testing.run import ask, record
from tests import rows
from tests.conftest import NOW

SHOP = rows.product(voices={"sources": [{"name": "reviews", "path": "reviews.csv", "format": "csv"}]}, planning={"capacity": 3})
MINUTE = timedelta(minutes=1)
YES = {"accepted": True, "by": "automatic", "note": ""}


class Loop:
    """The phases of the backlog, run one after the other as their events would."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.runs = engine, 0

    def run(self, phase: str, at: datetime, version: str | None = None) -> Run:
        self.runs += 1
        return Run(phase, f"run-{self.runs}", Key("shop", version), at)

    def plan(self, at: datetime) -> tuple[list[str], list[str]]:
        """What story_writing and, where it is woken, scope_planning publish."""
        told = write(self.engine, SHOP, self.run("story_writing", at))["publish"]
        if not told:
            return told, []
        planning = self.run("scope_planning", at)
        propose(self.engine, SHOP, planning)
        return told, decide(self.engine, SHOP, planning, YES)["publish"]

    def release(self, version: str, story: str, at: datetime) -> None:
        """A release with a commit for `story` is tried out and deployed."""
        rows.release(self.engine, version)
        rows.put(self.engine, commits, {"product": "shop", "sha": version, "author": None, "at": at, "subject": "fix",
                                        "kind": "fix", "breaking": False, "release": f"shop|{version}"})
        rows.put(self.engine, commit_stories, {"product": "shop", "sha": version, "story_id": story})
        trying = self.run("user_testing", at, version)
        assert ask(self.engine, SHOP, trying)["stories"] == [story]
        assert record(self.engine, SHOP, trying, YES)["publish"] == [f"shop|{version}"]
        rows.deployment(self.engine, version, at, at)
        with writing(self.engine) as connection:
            connection.execute(update(stories).where(stories.c.id == story).values(status="released"))
            connection.execute(update(releases).where(releases.c.version == version).values(status="deployed"))

    def use(self, start: datetime, minutes: int, complaints: int, version: str) -> Result:
        """The shop is used for a while, some write, all is heard and counted, and the outcome is reviewed."""
        end = start + minutes * MINUTE
        status = rows.get(self.engine, themes, id="t")
        rows.theme(self.engine, "t", [start + n * (end - start) / complaints for n in range(complaints)], first_seen=NOW,
                   status=status[0]["status"] if status else "open")
        rows.traffic(self.engine, start, minutes, requests=20, version=version)
        rows.put(self.engine, intakes, {"run_id": f"{end}", "product": "shop", "source": "reviews", "read": 0, "stored": 0,
                                        "duplicates": 0, "quarantined": 0, "error": None, "at": end})
        rows.put(self.engine, phase_runs, {"phase": "monitoring_rollups", "run_id": f"{end}", "key": "shop", "at": end,
                                           "result": {}})
        return review(self.engine, SHOP, self.run("outcome_review", end))

    def statuses(self) -> tuple[str, str]:
        return rows.get(self.engine, stories)[0]["status"], rows.get(self.engine, themes)[0]["status"]


def test_from_a_theme_to_relief_and_back_and_to_rest(ledger: Engine) -> None:
    loop, at = Loop(ledger), NOW
    assert loop.use(at, 60, 60, "1.0.0")["measured"] == 0
    at += 60 * MINUTE
    assert loop.plan(at) == (["shop"], ["shop"])
    assert loop.statuses() == ("scoped", "planned")
    assert loop.plan(at) == ([], [])
    (story,) = [row["id"] for row in rows.get(ledger, stories)]

    loop.release("1.1.0", story, at)
    assert loop.use(at, 60, 120, "1.1.0")["reopened"] == [story]  # it made things worse
    at += 60 * MINUTE
    assert loop.statuses() == ("reopened", "reopened")
    assert loop.plan(at) == (["shop"], ["shop"])
    assert loop.statuses() == ("scoped", "planned")
    assert loop.plan(at) == ([], [])

    loop.release("1.2.0", story, at)
    assert loop.use(at, 60, 0, "1.2.0")["resolved"] == [story]
    at += 60 * MINUTE
    assert loop.statuses() == ("resolved", "resolved")
    assert loop.plan(at) == ([], [])

    assert loop.use(at, 60, 120, "1.2.0")["reopened"] == [story]  # the relief did not last
    at += 60 * MINUTE
    assert loop.plan(at) == (["shop"], ["shop"])
    assert loop.use(at, 60, 120, "1.2.0")["reopened"] == []  # nothing shipped meanwhile
    assert loop.plan(at + 60 * MINUTE) == ([], [])
    assert loop.statuses() == ("scoped", "planned")
    assert rows.trail_problems(ledger) == []
