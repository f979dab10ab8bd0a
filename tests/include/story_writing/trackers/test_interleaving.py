"""Any interleaving of what people, the ledger and the mirror do comes to rest, makes no second issue, and loses nobody's words.

People act between runs and between any two requests of a run; requests fail before or after they were carried out, or all do.
Left out is one moment: an edit of the body between our last reading of it and our writing, two requests next to each other.
Neither tracker's API has a condition for a request that writes.
"""

import itertools
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from include import http_client
from include.ledger.engine import connect, writing
from include.ledger.runs import Result
from include.ledger.tables import commit_stories, commits, outcomes, stories, tracker_issues
from include.story_writing.trackers.merge import SETTLED
from include.story_writing.trackers.run import mirror
from tests import rows
from tests.conftest import NOW
from tests.include.story_writing.trackers.forge import Forge, GitHub, GitLab, Ticket
from tests.include.story_writing.trackers.test_run import CONNECTION, RUN
from tests.server import Asked, Reply

WORD = re.compile(r"zz\d+zz")
EXAMPLES = int(os.environ.get("CLOSED_LOOP_EXAMPLES", "15"))
DONE, LOST = Reply(status=502), Reply(b"{", cut=0)


class Play:
    """One story, its issue, and everybody who has a hand in it."""

    def __init__(self, file: Path, forge: Forge) -> None:
        self.engine, self.forge = connect(f"sqlite:///{file}"), forge
        self.words, self.runs = (f"zz{n}zz" for n in itertools.count()), itertools.count()
        self.said: set[str] = set()
        self.revision, self.first = 1, ""
        rows.theme(self.engine, "t", [NOW])
        rows.story(self.engine, "S-1", "t")

    # people, in the tracker

    @property
    def ticket(self) -> Ticket | None:
        return self.forge.tickets[0] if self.forge.tickets else None

    def person(self, what: str) -> None:
        """What a person does there; of what they take away themselves nothing needs to be kept."""
        ticket, known = self.ticket, bool(rows.get(self.engine, tracker_issues))
        if ticket is None or (what in ("replace", "unmark") and not known):
            return  # one who takes the mark off an issue that the ledger hasn't heard of yet asks for another one
        self.first = self.first or ticket.body
        word = next(self.words)
        body = ticket.body
        match what:
            case "before":
                self.forge.touch(ticket, body=f"{word}\r\n\r\n{body}")
            case "after":
                self.forge.touch(ticket, body=f"{body}\n\n{word}")
            case "inside":
                self.forge.touch(ticket, body=body.replace("As a", f"{word} As a"))
            case "lines":
                self.forge.touch(ticket, body=body.replace("\r\n", "\n").replace("\n", "\r\n"))
            case "replace":
                self.forge.touch(ticket, body=word)
            case "unmark":
                self.forge.touch(ticket, body=body.replace("<!-- closed-loop", f"<!-- {word}"))
            case "restore":
                self.forge.touch(ticket, body=self.first)
            case "title":
                self.forge.touch(ticket, title=word)
            case "say":
                self.forge.touch(ticket, comments=[*ticket.comments, ("mina", word)])
            case "no" | "done":
                self.forge.close(ticket, {"no": "not_planned", "done": "completed"}[what])
            case "open":
                self.forge.reopen(ticket)
            case "label":
                self.forge.touch(ticket, labels=[*ticket.labels, "wontfix", "mine"])
            case "unlabel":
                self.forge.touch(ticket, labels=[])
        self.said = self.there()

    def there(self) -> set[str]:
        return set() if self.ticket is None else set(WORD.findall(" ".join(
            [self.ticket.title, self.ticket.body, *(text for _, text in self.ticket.comments)])))

    # the other phases, in the ledger

    def ledger(self, what: str) -> None:
        if what == "revision":
            self.revision += 1
            self.story(revision=self.revision, want=f"wish {self.revision}", title=f"title {self.revision}")
        elif what == "deployed":
            self.put_release()
        elif what == "measured":
            self.put_release()
            rows.put(self.engine, outcomes, {
                "story_id": "S-1", "theme_id": "t", "release": "shop|1.0.0", "exposure": "days", "before_voices": 40,
                "before_exposure": 10.0, "after_voices": 10, "after_exposure": 10.0, "effect": 0.25, "low": 0.12, "high": 0.48,
                "verdict": "relieved", "at": NOW})
        else:
            self.story(status=what)

    def put_release(self) -> None:
        rows.put(self.engine, commits, {"product": "shop", "sha": "a", "author": None, "at": NOW, "subject": "fix", "kind": "fix",
                                        "breaking": False, "release": "shop|1.0.0"})
        rows.put(self.engine, commit_stories, {"product": "shop", "sha": "a", "story_id": "S-1"})
        rows.deployment(self.engine, "1.0.0", NOW, NOW)

    def story(self, **values: Any) -> None:
        with writing(self.engine) as connection:
            connection.execute(update(stories).where(stories.c.id == "S-1").values(**values))

    # the mirror

    def sync(self) -> Result:
        n = next(self.runs)
        product = rows.product(stories=self.forge.settings())
        result = mirror(self.engine, product, replace(RUN, run_id=f"run-{n}", at=NOW + timedelta(hours=n)), lambda _: CONNECTION)
        assert self.said <= self.there(), f"lost: {self.said - self.there()}"
        return result

    def sync_with(self, at: int, what: str) -> Result:
        """A run in whose `at`-th request something happens: it fails before or after it was carried out, or a person acts. Or the
        tracker is down from then on."""
        count = itertools.count()

        def now(asked: Asked, reply: Reply | None) -> Reply | None:
            if what in ("fail", "lost", "down"):
                return reply
            self.person(what)
            return None

        def before(asked: Asked) -> Reply | None:
            number = next(count)
            self.hit = number == at
            if what == "down":
                return DONE if number >= at else None
            writes_body = asked.method in {"PATCH", "PUT"} and {"body", "description"} & set(asked.body or {})
            if self.hit and what != "lost" and not writes_body:
                self.hit = False
                return now(asked, DONE)
            return None

        self.forge.before, self.forge.after = before, lambda asked: now(asked, LOST) if self.hit else None
        try:
            return self.sync()
        finally:
            self.forge.before = self.forge.after = lambda asked: None


PEOPLE = ("before", "after", "inside", "lines", "replace", "unmark", "restore", "title", "say", "no", "done", "open", "label",
          "unlabel")
LEDGER = ("revision", "revision", "revision", "revision", "deployed", "measured", "draft", "ready", "scoped", "released",
          "resolved", "reopened", "dropped")
EDITS = ("before", "after", "inside", "title")
ACT = st.one_of(st.sampled_from(PEOPLE).map(lambda what: ("person", what)),
                st.sampled_from(LEDGER).map(lambda what: ("ledger", what)),
                st.sampled_from(EDITS).map(lambda what: ("person", what)), st.just(("ledger", "revision")))
ACTS = st.lists(ACT, min_size=1, max_size=4)
SYNC = st.one_of(st.just(("sync",)), st.tuples(
    st.just("sync_with"), st.integers(0, 12), st.sampled_from(("fail", "lost", "down", *PEOPLE))))
TURNS = st.lists(st.tuples(ACTS, SYNC), min_size=1, max_size=5)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_client, "FIRST_WAIT", 0.0001)


@pytest.fixture
def play(migrated: Path, tmp_path: Path) -> Iterator[Callable[[type[Forge]], Play]]:
    """A new play for each example."""
    number = itertools.count()

    def begin(forge: type[Forge]) -> Play:
        file = tmp_path / f"{next(number)}.db"
        shutil.copy(migrated, file)
        return Play(file, forge())

    return begin


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(forge=st.sampled_from([GitHub, GitLab]), turns=TURNS)
def test_it_comes_to_rest_and_no_persons_word_is_lost(play: Callable[[type[Forge]], Play], forge: type[Forge],
                                                       turns: list[tuple[list[tuple[str, str]], tuple[Any, ...]]]) -> None:
    it = play(forge)
    with it.forge.up():
        for acts, sync in [([], ("sync",)), *turns]:
            for name, *what in [*acts, sync]:
                getattr(it, name)(*what)
        for _ in range(3):  # a person's last deed is followed, what follows from it done, and seen in the listing
            result = it.sync()
        before = (len(it.forge.writes()), rows.get(it.engine, tracker_issues), rows.get(it.engine, stories))
        result = it.sync()
        assert (result["publish"], result["error"], result["refused"]) == ([], None, {})
        assert (len(it.forge.writes()), rows.get(it.engine, tracker_issues), rows.get(it.engine, stories)) == before
        assert len(it.forge.tickets) <= 1
        [story] = rows.get(it.engine, stories)
        if it.ticket is not None:
            event(f"{story['status']}, {it.ticket.state}")
            assert it.ticket.state == "closed" or story["status"] not in SETTLED
            told = [text.splitlines()[0] for who, text in it.ticket.comments if who == it.forge.me]
            assert len(told) == len(set(told))
    it.engine.dispose()
