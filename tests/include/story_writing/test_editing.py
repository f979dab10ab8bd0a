"""People edit stories: what they write stays, themes only propose, and the history is kept."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from include.errors import InputError
from include.key import Key
from include.ledger.runs import Result, Run
from include.ledger.tables import stories, story_revisions, story_themes, themes
from include.story_writing.editing import edit
from include.story_writing.rules import story_id
from include.story_writing.run import write
from tests import rows
from tests.conftest import NOW
from tests.crash import ledger_after_kills
from tests.include.story_writing.test_run import DAYS, RUN, again, only, set_story, set_theme

T = story_id("t")
COUPON = {1: 0.8, 2: 0.6}


def ask(engine: Engine, n: int, action: str = "edit", story: str = T, **fields: Any) -> Result:
    run = Run("edit_story", f"form-{n}", Key("shop"), NOW + timedelta(hours=n))
    return edit(engine, rows.product(), run, "kim", {"story": story, "action": action} | fields)


def heard(engine: Engine) -> None:
    rows.theme(engine, "t", DAYS, name="coupon")
    write(engine, rows.product(), RUN)


def revisions(engine: Engine, story: str = T) -> list[tuple[int, str, str, str]]:
    return [(row["revision"], row["status"], row["who"], row["words"]["title"])
            for row in rows.get(engine, story_revisions, story_id=story)]


def test_words_of_a_person_stay_and_the_history_is_kept(ledger: Engine) -> None:
    heard(ledger)
    result = ask(ledger, 1, title="Coupon at checkout", effort_days=4, due="2026-12-31", category="law", note="the shop asked")
    assert result == {"story": T, "status": "ready", "revision": 2, "quality": [], "publish": ["shop"]}
    written = {name: only(ledger)[name] for name in ("title", "effort_days", "category", "edited_by")}
    assert written == {"title": "Coupon at checkout", "effort_days": 4.0, "category": "law", "edited_by": "kim"}
    assert revisions(ledger) == [(1, "superseded", "story_writing", "coupon"), (2, "current", "kim", "Coupon at checkout")]
    kept = rows.get(ledger, story_revisions, revision=2)[0]
    assert (kept["why"], kept["words"]["due_at"][:10], kept["words"]["themes"]) == ("the shop asked", "2026-12-31", ["t"])
    assert rows.types(ledger) == ["ticket.created", "ticket.updated"]
    assert rows.trail_problems(ledger) == []


def test_a_theme_that_changes_proposes_and_a_person_takes_or_refuses_it(ledger: Engine) -> None:
    heard(ledger)
    ask(ledger, 1, title="Coupon at checkout")
    set_theme(ledger, "t", name="voucher")
    assert again(ledger, 2)["proposed"] == [T]
    assert only(ledger)["title"] == "Coupon at checkout"
    assert again(ledger, 3)["proposed"] == []
    assert ask(ledger, 4, "refuse")["publish"] == []
    assert again(ledger, 5)["proposed"] == []  # a person has said no to these words
    set_theme(ledger, "t", name="vouchers")
    again(ledger, 6)
    set_theme(ledger, "t", name="all vouchers")
    assert again(ledger, 7)["proposed"] == [T]
    assert ask(ledger, 8, "accept")["revision"] == 5
    assert only(ledger)["title"] == "all vouchers"
    assert revisions(ledger) == [
        (1, "superseded", "story_writing", "coupon"), (2, "superseded", "kim", "Coupon at checkout"),
        (3, "refused", "story_writing", "voucher"), (4, "superseded", "story_writing", "vouchers"),
        (5, "current", "story_writing", "all vouchers")]
    assert rows.get(ledger, story_revisions, revision=5)[0]["decided_by"] == "kim"
    assert again(ledger, 9)["publish"] == []
    with pytest.raises(InputError, match="nothing is proposed"):
        ask(ledger, 10, "accept")


def test_a_story_that_fails_is_a_draft_until_it_is_mended(ledger: Engine) -> None:
    rows.theme(ledger, "t", DAYS, name="{noformat}")
    assert list(write(ledger, rows.product(), RUN)["drafts"]) == [T]
    assert {item["severity"] for item in only(ledger)["quality"]} == {"error"}
    result = ask(ledger, 1, title="Coupon refused", want="my coupon to be taken off the price")
    assert (result["status"], result["quality"]) == ("ready", [])
    assert ask(ledger, 2, acceptance="it works")["status"] == "draft"
    assert "no Gherkin" in only(ledger)["quality"][0]["message"]


def test_what_is_scoped_must_stay_fit_and_what_is_released_stays(ledger: Engine) -> None:
    heard(ledger)
    set_story(ledger, T, status="scoped")
    with pytest.raises(InputError, match="would not be fit"):
        ask(ledger, 1, acceptance="it works")
    assert (only(ledger)["revision"], only(ledger)["edited_by"]) == (1, None)  # nothing of it was written
    assert ask(ledger, 2, title="Coupons")["status"] == "scoped"
    set_story(ledger, T, status="released")
    for action, fields in (("edit", {"title": "x"}), ("drop", {}), ("split", {"title": "x", "want": "y"})):
        with pytest.raises(InputError, match="released"):
            ask(ledger, 3, action, **fields)


def test_a_part_is_a_story_of_its_own_for_the_same_theme(ledger: Engine) -> None:
    heard(ledger)
    result = ask(ledger, 1, "split", title="Coupon on the phone", want="my coupon to be taken on the phone", effort_days=1)
    part = rows.get(ledger, stories, id=result["story"])[0]
    assert (part["part_of"], part["status"], part["effort_days"], part["evidence"]["voices"]) == (T, "ready", 1.0, 10)
    assert {row["story_id"] for row in rows.get(ledger, story_themes, theme_id="t")} == {T, part["id"]}
    rows.theme(ledger, "t", DAYS, name="other")
    assert again(ledger, 2)["proposed"] == []
    assert rows.get(ledger, stories, id=part["id"])[0]["evidence"]["voices"] == 20
    assert rows.get(ledger, stories, id=part["id"])[0]["title"] == "Coupon on the phone"
    with pytest.raises(InputError, match="bears it already"):
        ask(ledger, 3, "split", title="Coupon on the phone", want="z")


def test_a_person_ties_themes_and_parts_them_again(ledger: Engine) -> None:
    rows.theme(ledger, "t", DAYS, name="coupon")
    rows.theme(ledger, "u", DAYS, name="voucher", author="one and the same")
    write(ledger, rows.product(), RUN)
    ask(ledger, 1, themes=["t", "u"])
    ask(ledger, 2, "drop", story_id("u"))
    story = rows.get(ledger, stories, id=T)[0]
    assert (story["evidence"]["voices"], story["evidence"]["authors"], story["metric"]["themes"]) == (20, 11, ["t", "u"])
    assert again(ledger, 3)["created"] == []
    ask(ledger, 4, themes=["t"])
    assert rows.get(ledger, stories, id=T)[0]["evidence"]["voices"] == 10
    assert ask(ledger, 5, "restore", story_id("u"))["status"] == "ready"
    with pytest.raises(InputError, match="has no theme x"):
        ask(ledger, 6, themes=["t", "x"])


def test_one_trouble_in_two_languages_is_one_story_until_a_person_parts_them(ledger: Engine) -> None:
    state = {"columns": list(COUPON), "weights": list(COUPON.values())}
    rows.theme(ledger, "t", DAYS, name="coupon", state=state)
    rows.theme(ledger, "k", DAYS[:4], name="쿠폰이 안 돼요", language="ko", state=state)
    assert write(ledger, rows.product(), RUN)["created"] == [T]
    assert (only(ledger)["evidence"]["voices"], only(ledger)["metric"]["themes"]) == (14, ["k", "t"])
    ask(ledger, 1, themes=["t"])
    assert again(ledger, 2)["created"] == [story_id("k")]
    assert again(ledger, 3)["publish"] == []


def test_a_dropped_story_frees_its_theme_and_stays_dropped(ledger: Engine) -> None:
    heard(ledger)
    set_story(ledger, T, status="scoped")
    set_theme(ledger, "t", status="planned")
    assert ask(ledger, 1, "drop", note="not ours")["status"] == "dropped"
    assert rows.get(ledger, themes)[0]["status"] == "open"
    assert again(ledger, 2)["publish"] == []
    assert rows.types(ledger) == ["ticket.closed", "ticket.created"]


def test_a_story_of_nobody_is_named(ledger: Engine) -> None:
    with pytest.raises(InputError, match="shop has no story S-0000000000"):
        ask(ledger, 1, story="S-0000000000", title="x")


def prepare(engine: Engine, folder: Path) -> None:
    rows.theme(engine, "t", DAYS, name="coupon")
    rows.theme(engine, "u", DAYS, name="voucher")
    write(engine, rows.product(), replace(RUN, run_id="before"))


def scenario(engine: Engine, folder: Path) -> Result:
    return ask(engine, 1, title="Coupon at checkout", themes=["t", "u"], due="2026-12-31")


def test_a_kill_changes_nothing(migrated: Path, tmp_path: Path) -> None:
    assert ledger_after_kills(migrated, tmp_path, f"{__name__}:scenario", at_most=10) > 8
