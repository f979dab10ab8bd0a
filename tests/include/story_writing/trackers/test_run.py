"""The mirror against servers like GitHub's and GitLab's: every story an issue once, people followed, nobody overwritten."""

import json
import os
import shutil
import signal
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, update

from include import http_client
from include.connection import Connection
from include.errors import InputError
from include.key import Key
from include.ledger.engine import connect, writing
from include.ledger.runs import Result, Run
from include.ledger.tables import commit_stories, commits, outcomes, stories, tracker_issues
from include.story_writing.run import write
from include.story_writing.trackers.run import mirror
from tests import rows
from tests.conftest import NOW
from tests.crash import ledger_after_kills
from tests.include.story_writing.trackers.forge import TOKEN, Forge, GitHub, GitLab, Ticket
from tests.server import Reply

RUN = Run("story_writing", "run-0", Key("shop"), NOW)
CONNECTION = Connection("http", password=TOKEN)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_client, "FIRST_WAIT", 0.001)


@pytest.fixture(params=[GitHub, GitLab])
def forge(request: pytest.FixtureRequest) -> Iterator[Forge]:
    with request.param().up() as forge:
        yield forge


@pytest.fixture
def github() -> Iterator[Forge]:
    with GitHub().up() as forge:
        yield forge


def sync(engine: Engine, forge: Forge, n: int, **fields: Any) -> Result:
    product = rows.product(stories=forge.settings(**fields))
    return mirror(engine, product, replace(RUN, run_id=f"run-{n}", at=NOW + timedelta(hours=n)), lambda _: CONNECTION)


def change(engine: Engine, story: str, **values: Any) -> None:
    with writing(engine) as connection:
        connection.execute(update(stories).where(stories.c.id == story).values(**values))


def status(engine: Engine, story: str) -> str:
    [row] = rows.get(engine, stories, id=story)
    return str(row["status"])


def shipped(engine: Engine, story: str, version: str) -> None:
    rows.put(engine, commits, {"product": "shop", "sha": f"sha{version}", "author": None, "at": NOW, "subject": "fix",
                               "kind": "fix", "breaking": False, "release": f"shop|{version}"})
    rows.put(engine, commit_stories, {"product": "shop", "sha": f"sha{version}", "story_id": story})
    rows.deployment(engine, version, NOW, NOW)


def measured(engine: Engine, story: str, version: str, verdict: str) -> None:
    rows.put(engine, outcomes, {
        "story_id": story, "theme_id": "t", "release": f"shop|{version}", "exposure": "days", "before_voices": 40,
        "before_exposure": 10.0, "after_voices": 10, "after_exposure": 10.0, "effect": 0.25, "low": 0.12, "high": 0.48,
        "verdict": verdict, "at": NOW})


def one(engine: Engine, forge: Forge, **fields: Any) -> Ticket:
    """One mirrored story, S-1."""
    rows.theme(engine, "t", [NOW])
    rows.story(engine, "S-1", "t", **fields)
    sync(engine, forge, 0)
    return forge.of("S-1")


def test_without_a_tracker_nothing_is_done(ledger: Engine) -> None:
    rows.story(ledger, "S-1")
    assert mirror(ledger, rows.product(), RUN, lambda _: CONNECTION) == {"publish": []}


def test_a_story_becomes_an_issue_once(ledger: Engine, forge: Forge) -> None:
    rows.story(ledger, "S-1", title="Coupon is refused")
    rows.story(ledger, "S-2", language="ko", title="쿠폰이 안 먹어요", role="가게 고객", want="“쿠폰” 문제를 더는 겪지 않기를",
               reason="하려던 일을 끝까지 마칠 수 있도록")
    rows.story(ledger, "S-3", status="dropped")
    result = sync(ledger, forge, 0)
    assert result["created"] == ["S-1", "S-2"]
    assert [(ticket.title, sorted(ticket.labels)) for ticket in forge.tickets] == [
        ("Coupon is refused", ["closed-loop", "status: ready", "story: bug"]),
        ("쿠폰이 안 먹어요", ["closed-loop", "status: ready", "story: bug"])]
    assert "As a customer, I want it to work, so that I can go on." in forge.tickets[0].body
    assert "하려던 일을 끝까지 마칠 수 있도록, “쿠폰” 문제를 더는 겪지 않기를 바랍니다." in forge.tickets[1].body
    assert [(row["number"], row["state"]) for row in rows.get(ledger, tracker_issues)] == [("1", "open"), ("2", "open")]
    before = len(forge.writes())
    again = sync(ledger, forge, 1)
    assert (again["created"], again["publish"], len(forge.writes())) == ([], [], before)
    assert sync(ledger, forge, 1) == again


def test_a_new_revision_updates_title_body_and_labels(ledger: Engine, forge: Forge) -> None:
    ticket = one(ledger, forge)
    forge.touch(ticket, labels=[*ticket.labels, "mine"])
    change(ledger, "S-1", title="Better words", want="more", revision=2, status="scoped")
    assert sync(ledger, forge, 1)["updated"] == ["S-1"]
    assert (ticket.title, "I want more, so" in ticket.body) == ("Better words", True)
    assert sorted(ticket.labels) == ["closed-loop", "mine", "status: scoped", "story: bug"]


def test_with_the_writing_of_stories_it_comes_to_rest(ledger: Engine, forge: Forge) -> None:
    """A story that a person dropped there stays dropped, and its theme gets no other one."""
    rows.theme(ledger, "t", [NOW - timedelta(days=n) for n in range(9)], name="coupon is refused at checkout")

    def turn(n: int) -> tuple[list[str], Result]:
        run = replace(RUN, run_id=f"run-{n}", at=NOW + timedelta(hours=n))
        published = write(ledger, rows.product(stories=forge.settings()), run)["publish"]
        return published, sync(ledger, forge, n)

    published, result = turn(0)
    assert (published, len(result["created"])) == (["shop"], 1)
    [ticket] = forge.tickets
    forge.touch(ticket, labels=[*ticket.labels, "wontfix"])
    assert turn(1)[1]["publish"] == ["shop"]
    for n in (2, 3):
        published, result = turn(n)
        assert (published, result["publish"], result["error"]) == ([], [], None)
    assert (len(forge.tickets), ticket.state) == (1, "closed")
    assert [row["status"] for row in rows.get(ledger, stories)] == ["dropped"]


def test_figures_alone_are_not_worth_an_edit(ledger: Engine, forge: Forge) -> None:
    one(ledger, forge)
    before = len(forge.writes())
    change(ledger, "S-1", evidence={"voices": 99, "people": 50, "told": {}})
    sync(ledger, forge, 1)
    assert len(forge.writes()) == before


def test_what_is_written_around_our_words_stays(ledger: Engine, forge: Forge) -> None:
    ticket = one(ledger, forge)
    around = f"Mina: seen it too\r\n\r\n{ticket.body}\r\n\r\n- [ ] ask 지우"
    forge.touch(ticket, body=around.replace("\r\n", "\n").replace("\n", "\r\n"))  # as a browser sends a text
    change(ledger, "S-1", want="more", revision=2)
    result = sync(ledger, forge, 1)
    assert (result["updated"], result["edited"]) == (["S-1"], [])
    assert ticket.body.startswith("Mina: seen it too\r\n\r\n<!-- closed-loop: S-1 ")
    assert ticket.body.endswith("<!-- /closed-loop -->\r\n\r\n- [ ] ask 지우")
    assert "I want more" in ticket.body


@pytest.mark.parametrize("edit", ["text", "mark", "title", "all"])
def test_words_that_a_person_changed_are_kept_and_the_new_ones_proposed(ledger: Engine, forge: Forge, edit: str) -> None:
    ticket = one(ledger, forge)
    edits = {"text": {"body": ticket.body.replace("it to work", "it to work on Sundays")},
             "mark": {"body": ticket.body.replace("<!-- closed-loop: S-1", "<!-- ")}, "title": {"title": "My own title"},
             "all": {"body": "Mine.", "title": "My own title"}}
    forge.touch(ticket, **edits[edit])
    kept = (ticket.title, ticket.body)
    assert sync(ledger, forge, 1)["edited"] == ["S-1"]
    assert rows.get(ledger, tracker_issues)[0]["edited_at"] is not None
    change(ledger, "S-1", title="Newest title", want="more", revision=2)
    for n in (2, 3):
        assert sync(ledger, forge, n)["edited"] == ["S-1"]
    assert ticket.title == kept[0] if edit in ("title", "all") else "Newest title"
    assert ticket.body == kept[1] if edit != "title" else "I want more" in ticket.body
    [(author, comment)] = ticket.comments
    assert (author, "Newest title" in comment, "I want more" in comment) == (forge.me, True, True)


def test_words_that_a_person_gave_back_are_ours_again(ledger: Engine, forge: Forge) -> None:
    ticket = one(ledger, forge)
    ours = ticket.body
    forge.touch(ticket, body="Mine.")
    change(ledger, "S-1", want="more", revision=2)
    sync(ledger, forge, 1)
    forge.touch(ticket, body=ours)
    result = sync(ledger, forge, 2)
    assert (result["updated"], result["edited"]) == (["S-1"], [])
    assert "I want more" in ticket.body
    assert rows.get(ledger, tracker_issues)[0]["edited_at"] is None


def test_an_edit_between_listing_and_writing_is_seen(ledger: Engine, github: Forge) -> None:
    ticket = one(ledger, github)
    change(ledger, "S-1", want="more", revision=2)

    def meanwhile(asked: Any) -> None:
        if asked.query.get("sort") == "updated":
            github.touch(ticket, body="Mine.")

    github.after = meanwhile
    assert sync(ledger, github, 1)["edited"] == ["S-1"]
    assert ticket.body == "Mine."


def test_deployed_and_outcome_are_told_once(ledger: Engine, forge: Forge) -> None:
    forge.page_size = 1
    ticket = one(ledger, forge)
    forge.touch(ticket, comments=[("mina", "first"), ("mina", "<!-- closed-loop: S-1 told deployed shop|1.0.1 -->")])
    shipped(ledger, "S-1", "1.0.1")
    change(ledger, "S-1", status="released")
    assert sync(ledger, forge, 1)["commented"] == 1
    measured(ledger, "S-1", "1.0.1", "too early")
    assert sync(ledger, forge, 2)["commented"] == 0
    measured(ledger, "S-1", "1.0.1", "relieved")
    change(ledger, "S-1", status="resolved")
    for n in (3, 4):
        sync(ledger, forge, n)
    said = [text for who, text in ticket.comments if who == forge.me]
    assert len(said) == 2
    assert "Release **1.0.1** answers this; it was deployed on 2026-03-02." in said[0]
    assert "since release 1.0.1: **relieved**. Complaints come 0.25 (0.12–0.48) times as often" in said[1]
    assert ticket.state == "closed"
    assert ticket.reason == ("completed" if forge.kind == "github" else None)
    change(ledger, "S-1", status="reopened")
    assert sync(ledger, forge, 5)["opened_again"] == ["S-1"]
    assert ticket.state == "open"


def test_a_dropped_story_closes_its_issue_as_not_planned(ledger: Engine, forge: Forge) -> None:
    ticket = one(ledger, forge)
    change(ledger, "S-1", status="dropped")
    result = sync(ledger, forge, 1)
    assert (result["closed"], result["dropped"], result["publish"]) == (["S-1"], [], [])
    assert (ticket.state, ticket.reason) == ("closed", "not_planned" if forge.kind == "github" else None)


def test_a_person_drops_and_reopens_a_story_there(ledger: Engine, forge: Forge) -> None:
    ticket = one(ledger, forge, status="scoped")
    forge.close(ticket, "not_planned" if forge.kind == "github" else "duplicate")
    result = sync(ledger, forge, 1)
    assert (result["dropped"], result["publish"], status(ledger, "S-1")) == (["S-1"], ["shop"], "dropped")
    assert rows.types(ledger) == ["ticket.closed"]
    assert rows.trail_problems(ledger) == []
    assert sync(ledger, forge, 2)["publish"] == []
    forge.reopen(ticket)
    result = sync(ledger, forge, 3)
    assert (result["reopened"], result["publish"], status(ledger, "S-1")) == (["S-1"], ["shop"], "reopened")
    assert sync(ledger, forge, 4)["publish"] == []
    assert ticket.state == "open"


def test_a_label_that_says_no_drops_the_story(ledger: Engine, forge: Forge) -> None:
    ticket = one(ledger, forge)
    forge.touch(ticket, labels=[*ticket.labels, "Won't Fix"])
    assert sync(ledger, forge, 1)["dropped"] == ["S-1"]
    assert ticket.state == "closed"
    assert sync(ledger, forge, 2)["publish"] == []
    forge.reopen(ticket)
    assert sync(ledger, forge, 3)["reopened"] == ["S-1"]
    assert sync(ledger, forge, 4)["publish"] == []
    assert (ticket.state, status(ledger, "S-1")) == ("open", "reopened")


def test_closed_as_done_there_settles_nothing_and_is_not_undone(ledger: Engine, forge: Forge) -> None:
    ticket = one(ledger, forge)
    forge.close(ticket, "completed")
    assert sync(ledger, forge, 1)["publish"] == []
    change(ledger, "S-1", status="scoped")
    sync(ledger, forge, 2)
    assert (ticket.state, status(ledger, "S-1")) == ("closed", "scoped")


def test_a_label_of_ours_that_a_person_took_off_stays_off(ledger: Engine, forge: Forge) -> None:
    ticket = one(ledger, forge)
    forge.touch(ticket, labels=["status: ready"])
    change(ledger, "S-1", status="scoped")
    for n in (1, 2):
        sync(ledger, forge, n)
    assert ticket.labels == ["status: scoped"]


def test_a_story_that_changed_meanwhile_is_met_again(ledger: Engine, github: Forge) -> None:
    ticket = one(ledger, github)
    github.close(ticket, "not_planned")

    def released(asked: Any) -> None:
        change(ledger, "S-1", status="scoped")

    github.after = released
    assert sync(ledger, github, 1)["dropped"] == []
    github.after = lambda asked: None
    assert sync(ledger, github, 2)["dropped"] == ["S-1"]


@pytest.mark.parametrize("what", ["deleted", "moved"])
def test_an_issue_that_is_gone_is_left_alone(ledger: Engine, forge: Forge, what: str) -> None:
    ticket = one(ledger, forge)
    rows.story(ledger, "S-2")
    forge.touch(ticket, **{what: True})
    change(ledger, "S-1", want="more", revision=2)
    result = sync(ledger, forge, 1)
    assert result["created"] == ["S-2"]  # others go on
    expected = {("github", "deleted"): "deleted", ("gitlab", "deleted"): "not found", ("github", "moved"): "moved to",
                ("gitlab", "moved"): "moved to"}[forge.kind, what]
    assert expected in result["gone"]["S-1"]
    result = sync(ledger, forge, 2)
    assert (result["gone"], result["created"], len(forge.tickets)) == ({}, [], 2)


def test_a_locked_issue_refuses_comments_and_is_followed_all_the_same(ledger: Engine, forge: Forge) -> None:
    ticket = one(ledger, forge)
    forge.touch(ticket, locked=True)
    shipped(ledger, "S-1", "1.0.1")
    change(ledger, "S-1", status="resolved")
    result = sync(ledger, forge, 1)
    assert "HTTP 403" in result["refused"]["S-1"]
    assert ticket.state == "closed"
    forge.touch(ticket, locked=False)
    assert sync(ledger, forge, 2)["commented"] == 1


def test_a_strangers_mark_is_no_issue_of_ours(ledger: Engine, forge: Forge) -> None:
    ticket = one(ledger, forge)
    rows.story(ledger, "S-2")
    forge.add("Mine", ticket.body.replace("S-1", "S-2"), author="mallory", labels=["closed-loop"])
    assert sync(ledger, forge, 1)["created"] == ["S-2"]
    assert forge.tickets[1].title == "Mine"


def test_pull_requests_and_other_issues_are_passed_over(ledger: Engine, github: Forge) -> None:
    github.page_size = 2
    for n in range(5):
        github.add(f"other {n}", pull=n % 2 == 0)
    one(ledger, github)
    assert [ticket.title for ticket in github.tickets[5:]] == ["story S-1"]
    assert sync(ledger, github, 1)["created"] == []


def test_a_lost_ledger_finds_its_issues_again(ledger: Engine, forge: Forge) -> None:
    ticket = one(ledger, forge)
    forge.close(ticket, "not_planned")
    with writing(ledger) as connection:
        connection.execute(tracker_issues.delete())
    result = sync(ledger, forge, 1)
    assert (result["created"], len(forge.tickets)) == ([], 1)
    assert result["dropped"] == (["S-1"] if forge.kind == "github" else [])


HOSTILE = ("@everyone #1 !2 &3 ~bug %4 GH-5 https://github.com/a/b/issues/6 www.evil.kr <!-- /closed-loop --> "
           "<!-- closed-loop: S-9 words=a title=b text=c --> [x](javascript:1) ![](http://t/x.png) <img src=x> `code` ```` "
           "/close\n/assign @root\n# big")


def test_a_voice_pings_nobody(ledger: Engine, forge: Forge) -> None:
    ticket = one(ledger, forge, title=HOSTILE, role=HOSTILE, want=HOSTILE, reason=HOSTILE, acceptance=f"Feature: x\n  {HOSTILE}",
                 quality=[{"rule": "atomic", "severity": "error", "message": HOSTILE}], status="draft")
    for wording in (ticket.title, ticket.body):
        for active in ("@everyone", "@root", "#1", "!2", "&3", "~bug", "%4", "GH-5", "://github", "www.evil", "<img"):
            assert active not in wording
        assert "\n/close" not in wording
    assert (ticket.body.count("<!-- closed-loop"), ticket.body.count("<!-- /closed-loop -->")) == (1, 1)
    assert "`````gherkin" in ticket.body
    assert len(ticket.title) <= 255
    assert sync(ledger, forge, 1)["edited"] == []


def test_the_longest_story_fits(ledger: Engine, forge: Forge) -> None:
    ticket = one(ledger, forge, title="*" * 9000, want="*" * 90_000, acceptance="*" * 200_000)
    assert len(ticket.body) < 65_536
    forge.touch(ticket, body="x" * (forge.longest - len(ticket.body)) + ticket.body)
    change(ledger, "S-1", role="a customer who writes more than before", revision=2)
    sync(ledger, forge, 1)
    if forge.kind == "github":  # there is no room for more, so it is said in a comment
        assert len(ticket.comments) == 1


def test_where_nothing_happened_nothing_is_sent_again(ledger: Engine, forge: Forge) -> None:
    ticket = one(ledger, forge)
    answers: list[int] = []
    forge.after = lambda asked: answers.append(forge.route(asked).status) if asked.path.endswith("/issues") else None
    for n in range(1, 5):
        sync(ledger, forge, n)
    assert answers == [200, 200, 200, 304, 304]  # the first time, all that bear our label too
    forge.touch(ticket, labels=["wontfix"])
    assert sync(ledger, forge, 5)["dropped"] == ["S-1"]


class TestFaults:
    """A tracker that is down delays only itself; a wrong token is said at once."""

    @pytest.mark.parametrize(("reply", "says"), [
        (Reply(status=503), "HTTP 503, 5 times"),
        (Reply(status=500), "HTTP 500, 5 times"),
        (Reply([], cut=1), "RemoteProtocolError"),
        (Reply(b"<html>maintenance</html>", headers={"Content-Type": "text/html"}), "no JSON; it says that it is text/html"),
        (Reply({"message": "odd"}), "no list"),
        (Reply([{"number": 1}]), "no issue"),
        (Reply(["x"]), "no issue"),
        (Reply(status=429, headers={"Retry-After": "9999"}), "longer than total_seconds"),
        (Reply({"message": "API rate limit exceeded"}, 403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "99999999999"}),
         "longer than total_seconds"),
        (Reply({"message": "You have exceeded a secondary rate limit."}, 403), "to wait 60 s more would be longer"),
        (Reply([], drip=0.4), "ReadTimeout"),
    ])
    def test_it_delays_only_itself(self, ledger: Engine, forge: Forge, reply: Reply, says: str) -> None:
        rows.story(ledger, "S-1")
        forge.before = lambda asked: reply if "issues" in asked.path else None
        result = sync(ledger, forge, 0, total_seconds=2, timeout_seconds=0.2)
        assert says in result["error"]
        assert (result["delayed"], result["created"], result["publish"]) == (["S-1"], [], [])
        forge.before = lambda asked: None
        result = sync(ledger, forge, 1)
        assert (result["created"], result["delayed"], result["error"]) == (["S-1"], [], None)

    def test_throttling_is_waited_for(self, ledger: Engine, forge: Forge) -> None:
        rows.story(ledger, "S-1")
        said: list[str] = []

        def throttle(asked: Any) -> Reply | None:
            said.append(asked.method)
            return Reply({"message": "slow down"}, 429, {"Retry-After": "0"}) if said.count(asked.method) == 1 else None

        forge.before = throttle
        assert sync(ledger, forge, 0)["created"] == ["S-1"]
        assert said.count("POST") == 2

    @pytest.mark.parametrize("late", [Reply(status=502), Reply({"a": 1}, cut=2), Reply(b"?")])
    def test_a_creation_whose_answer_is_lost_makes_no_second_issue(self, ledger: Engine, forge: Forge, late: Reply) -> None:
        rows.story(ledger, "S-1")
        rows.story(ledger, "S-2")
        forge.after = lambda asked: late if asked.method == "POST" else None
        assert sync(ledger, forge, 0)["delayed"] == ["S-1", "S-2"]
        assert len(forge.writes()) == 1
        forge.after = lambda asked: None
        assert sync(ledger, forge, 1)["created"] == ["S-2"]
        assert len(forge.tickets) == 2
        assert len(rows.get(ledger, tracker_issues)) == 2

    def test_a_revoked_token_names_its_connection(self, ledger: Engine, forge: Forge) -> None:
        rows.story(ledger, "S-1")
        forge.token = "another"
        with pytest.raises(InputError, match=r"HTTP 401: .* is the token of connection 'forge' revoked"):
            sync(ledger, forge, 0)

    def test_a_token_revoked_in_the_middle_loses_nothing(self, ledger: Engine, forge: Forge) -> None:
        for n in range(3):
            rows.story(ledger, f"S-{n}")

        def revoke(asked: Any) -> None:
            if asked.method == "POST":
                forge.token = "another"

        forge.after = revoke
        with pytest.raises(InputError, match=r"HTTP 401"):
            sync(ledger, forge, 0)
        forge.after, forge.token = (lambda asked: None), TOKEN
        assert sync(ledger, forge, 0)["created"] == ["S-1", "S-2"]
        assert len(forge.tickets) == 3

    def test_a_project_that_is_not_there(self, ledger: Engine, forge: Forge) -> None:
        rows.story(ledger, "S-1")
        with pytest.raises(InputError, match=r"HTTP 404: .*may connection 'forge' read and write the issues of 'no/such'"):
            sync(ledger, forge, 0, project="no/such")

    def test_issues_that_are_switched_off(self, ledger: Engine, github: Forge) -> None:
        rows.story(ledger, "S-1")
        github.before = lambda asked: Reply({"message": "Issues has been disabled in this repository."}, 410) \
            if "issues" in asked.path else None
        with pytest.raises(InputError, match="Issues has been disabled"):
            sync(ledger, github, 0)

    def test_one_story_that_is_refused_stops_no_other(self, ledger: Engine, forge: Forge) -> None:
        rows.story(ledger, "S-1", title="bad")
        rows.story(ledger, "S-2")
        refusal = Reply({"message": "Validation Failed", "errors": [{"field": "title", "code": "custom"}]}, 422)
        forge.before = lambda asked: refusal if asked.method == "POST" and asked.body.get("title") == "bad" else None
        result = sync(ledger, forge, 0)
        assert result["created"] == ["S-2"]
        assert "HTTP 422: Validation Failed; [{\"field\": \"title\"" in result["refused"]["S-1"]

    def test_a_private_address_must_be_meant(self, ledger: Engine, forge: Forge) -> None:
        rows.story(ledger, "S-1")
        with pytest.raises(InputError, match="which is not public"):
            sync(ledger, forge, 0, allow_hosts=[])
        assert forge.server.asked == []

    def test_between_writes_it_pauses(self, ledger: Engine, github: Forge, monkeypatch: pytest.MonkeyPatch) -> None:
        slept: list[float] = []
        monkeypatch.setattr("include.story_writing.trackers.rest.sleep", slept.append)
        for n in range(3):
            rows.story(ledger, f"S-{n}")
        sync(ledger, github, 0, pause_seconds=1)
        assert len(slept) == 2
        assert all(0.5 < seconds <= 1 for seconds in slept)


# Killed anywhere: the server keeps its issues in a file, and dies with the run.

with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    PORT: int = free.getsockname()[1]


def prepare(engine: Engine, folder: Path) -> None:
    rows.theme(engine, "t", [NOW])
    for story in ("S-1", "S-2", "S-3"):
        rows.story(engine, story, "t", status="scoped")
    with GitHub(folder / "forge.json", PORT).up() as forge:
        sync(engine, forge, -1)
        forge.close(forge.of("S-3"), "not_planned")
        forge.touch(forge.of("S-2"), body="mine", title="mine too")
    shipped(engine, "S-1", "1.0.1")
    measured(engine, "S-1", "1.0.1", "relieved")
    change(engine, "S-1", status="resolved", want="more", revision=2)
    change(engine, "S-2", want="more", revision=2)
    rows.story(engine, "S-4", "t")


def scenario(engine: Engine, folder: Path, kill_at: int = 0) -> list[Any]:
    """One run; killed once the server has carried out its `kill_at`-th request that writes, and before it answers."""
    with GitHub(folder / "forge.json", PORT).up() as forge:
        def kill(asked: Any) -> None:
            if kill_at and len(forge.writes()) == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

        forge.after = kill
        sync(engine, forge, 0)
        return [(t.title, t.body, sorted(t.labels), t.state, t.reason, t.comments) for t in forge.tickets] + [len(forge.writes())]


def test_a_kill_at_the_ledger_changes_nothing(migrated: Path, tmp_path: Path) -> None:
    module = f"{__name__}:without_count"
    assert ledger_after_kills(migrated, tmp_path, module, 24, ignore=("leases", "cursors", "phase_runs.result")) > 20


def without_count(engine: Engine, folder: Path) -> list[Any]:
    return scenario(engine, folder)[:-1]


def in_a_process(file: Path, folder: Path, kill_at: int = 0) -> tuple[bool, Any, Any]:
    """Whether the run was killed, and the issues and rows that it left."""
    answer = folder / "answer.json"
    if not (child := os.fork()):
        try:
            engine = connect(f"sqlite:///{file}")
            answer.write_text(json.dumps([scenario(engine, folder, kill_at), rows.get(engine, tracker_issues),
                                          rows.get(engine, stories)], default=str))
        finally:
            os._exit(0)
    killed = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    return killed, *((None, None) if killed else (json.loads(answer.read_text())[0], json.loads(answer.read_text())[1:]))


def test_a_kill_between_the_tracker_and_the_ledger_does_nothing_twice(migrated: Path, tmp_path: Path) -> None:
    def fresh(name: str) -> tuple[Path, Path]:
        shutil.copytree(tmp_path / "start", tmp_path / name)
        return tmp_path / name / "ledger.db", tmp_path / name

    (tmp_path / "start").mkdir()
    shutil.copy(migrated, tmp_path / "start" / "ledger.db")
    engine = connect(f"sqlite:///{tmp_path / 'start' / 'ledger.db'}")
    prepare(engine, tmp_path / "start")
    engine.dispose()
    killed, expected, ledger = in_a_process(*fresh("whole"))
    assert not killed
    writes = expected.pop()
    assert writes >= 9  # the four issues are created, updated, labelled, commented, closed
    for n in range(1, writes + 1):
        file, folder = fresh(f"kill{n}")
        assert in_a_process(file, folder, n)[0]
        killed, issues, after = in_a_process(file, folder)
        assert (killed, issues[:-1], after) == (False, expected, ledger), f"killed after request {n}"
