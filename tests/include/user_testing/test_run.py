"""A candidate is shown to a person, and what the person says is recorded."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from include.errors import InputError
from include.key import Key
from include.ledger.runs import Result, Run
from include.ledger.tables import commit_stories, commits, decisions, phase_runs, releases
from include.user_testing.run import ask, record
from tests import rows
from tests.conftest import NOW
from tests.crash import ledger_after_kills

RUN = Run("user_testing", "run-1", Key("shop", "1.1.0"), NOW)
PERSON = rows.product(user_testing={"by": "person"})
YES = {"accepted": True, "by": "Ada L. <ada>", "note": "works"}
NO = {"accepted": False, "by": "ada", "note": "does not"}


def stage(engine: Engine) -> None:
    """Two releases; the second answers a story."""
    rows.theme(engine, "t", [NOW])
    rows.story(engine, "S-1", "t", title="coupon")
    rows.story(engine, "S-2", "t", title="other")
    for version, story in (("1.1.0", "S-1"), ("1.0.0", "S-2")):
        rows.release(engine, version)
        rows.put(engine, commits, {"product": "shop", "sha": version, "author": None, "at": NOW, "subject": "fix", "kind": "fix",
                                   "breaking": False, "release": f"shop|{version}"})
        rows.put(engine, commit_stories, {"product": "shop", "sha": version, "story_id": story})


def test_a_person_is_shown_what_the_release_promised(ledger: Engine) -> None:
    stage(ledger)
    question = ask(ledger, PERSON, RUN)
    assert (question["ask"], question["stories"]) == (True, ["S-1"])
    assert question["subject"] == "Try Tea shop 1.1.0: does it do what was promised?"
    assert "**coupon**" in question["body"] and "- [ ] 1\\. b" in question["body"] and "other" not in question["body"]
    assert ask(ledger, rows.product(), replace(RUN, run_id="run-2"))["ask"] is False


def test_a_release_without_stories_is_asked_about_too(ledger: Engine) -> None:
    rows.release(ledger, "1.1.0")
    question = ask(ledger, PERSON, RUN)
    assert question["ask"] is True and "No story is tied to this release" in question["body"]


@pytest.mark.parametrize(("decision", "word", "status", "publish"), [
    (YES, "accepted", "candidate", ["shop|1.1.0"]), (NO, "rejected", "rejected", [])])
def test_the_decision_is_recorded(ledger: Engine, decision: dict[str, object], word: str, status: str,
                                  publish: list[str]) -> None:
    stage(ledger)
    assert record(ledger, PERSON, RUN, decision) == {"accepted": decision["accepted"], "publish": publish}
    assert rows.get(ledger, decisions) == [{"subject": "shop|1.1.0", "gate": "user_testing", "decision": word,
                                            "by": decision["by"], "note": decision["note"], "at": NOW}]
    assert {row["version"]: row["status"] for row in rows.get(ledger, releases)} == {"1.0.0": "candidate", "1.1.0": status}
    assert rows.types(ledger) == ["approval.closed"]
    assert rows.trail_problems(ledger) == []


@pytest.mark.parametrize("key", [Key("shop", "9.9.9"), Key("shop")])
def test_an_unknown_release_is_refused(ledger: Engine, key: Key) -> None:
    stage(ledger)
    with pytest.raises(InputError, match="unknown release"):
        ask(ledger, PERSON, replace(RUN, key=key))
    with pytest.raises(InputError, match="unknown release"):
        record(ledger, PERSON, replace(RUN, key=key), YES)


def test_what_a_person_types_is_kept_as_plain_text(ledger: Engine) -> None:
    stage(ledger)
    record(ledger, PERSON, RUN, YES | {"note": "a\x00b\u202e\n" + "c" * 5000})
    (row,) = rows.get(ledger, decisions)
    assert row["note"].startswith("a b c") and len(row["note"]) == 2000


def test_what_ring_users_wrote_is_shown_with_the_story_that_it_is_about(ledger: Engine) -> None:
    stage(ledger)
    for text, version, theme in (("still <b>no</b> coupon", "1.1.0", "t"), ("pretty", "1.1.0", "other"), ("old", "1.0.0", "t")):
        rows.theme(ledger, theme, [NOW + timedelta(hours=1)], text=text, version=version)
    rows.put(ledger, phase_runs, {"phase": "user_testing.ring", "run_id": "run-1", "key": "shop|1.1.0", "at": NOW, "result": {
        "over": True, "why": "its time is over", "requests": 1234, "errors": 0}})
    body = ask(ledger, PERSON, RUN)["body"]
    assert "- a user of it wrote: still \\<b\\>no\\</b\\> coupon\n" in body.partition("**Beta ring**")[0]
    assert "**Beta ring**: its time is over; it met 1,234 requests, 0 failed" in body
    assert "Users of this version sent 2 voices" in body and "- a user of it wrote: pretty" in body.partition("**Beta ring**")[2]
    assert "old" not in body


def prepare(engine: Engine, folder: Path) -> None:
    stage(engine)


def scenario(engine: Engine, folder: Path) -> list[Result]:
    return [ask(engine, PERSON, RUN), record(engine, PERSON, RUN, NO)]


def test_a_kill_changes_nothing(migrated: Path, tmp_path: Path) -> None:
    assert ledger_after_kills(migrated, tmp_path, f"{__name__}:scenario") > 20
