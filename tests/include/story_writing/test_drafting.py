"""An assistant's words are a proposal where they are fit, and nothing else changes; strangers' demands reach nothing."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai.models.test import TestModel
from sqlalchemy import Engine

from include.assistant import Assistant
from include.ledger.runs import Result
from include.ledger.tables import story_revisions
from include.story_writing.drafting import draft
from include.story_writing.rules import story_id
from include.story_writing.run import write
from tests import rows
from tests.crash import ledger_after_kills
from tests.include.story_writing.test_editing import T, ask, heard
from tests.include.story_writing.test_run import DAYS, RUN, again, only, set_theme

GOOD = {"title": "Coupon refused at checkout", "role": "customer of Tea shop", "want": "my coupon to be taken off the price",
        "reason": "I pay what was promised", "scenario": "A valid coupon counts", "given": "a basket of 20 euros",
        "when": "the customer enters a valid coupon", "then": "the total is lower by the coupon's value"}
KOREAN = {"title": "결제할 때 쿠폰이 거절됨", "role": "찻집 고객", "want": "쿠폰이 결제 금액에서 빠지기를",
          "reason": "약속된 값을 낼 수 있도록", "scenario": "올바른 쿠폰이 쓰인다", "given": "장바구니에 2만 원어치가 있고",
          "when": "고객이 쿠폰을 넣으면", "then": "쿠폰 값만큼 금액이 줄어든다"}


def saying(words: Mapping[str, Any]) -> Assistant:
    return Assistant(lambda: TestModel(custom_output_args=dict(words)))


def drafted(engine: Engine, words: Mapping[str, Any]) -> Result:
    return draft(engine, rows.product(), RUN, saying(words))


@pytest.mark.parametrize(("language", "words"), [("en", GOOD), ("ko", KOREAN)])
def test_words_wait_for_a_person(ledger: Engine, language: str, words: dict[str, str]) -> None:
    rows.theme(ledger, "t", DAYS, name="쿠폰" if language == "ko" else "coupon", language=language)
    write(ledger, rows.product(), RUN)
    before = only(ledger)
    assert drafted(ledger, words)["proposed"] == [T]
    assert only(ledger) == before
    assert draft(ledger, rows.product(), replace(RUN, run_id="next"), saying(words))["asked"] == 0
    assert ask(ledger, 1, "accept")["quality"] == []
    after = only(ledger)
    assert (after["title"], after["edited_by"], after["revision"]) == (words["title"], "kim", 2)
    assert words["then"] in after["acceptance"]
    assert [row["who"] for row in rows.get(ledger, story_revisions)] == ["story_writing", "assistant"]


@pytest.mark.parametrize("words", [
    {"want": "to pay and to get a receipt"}, {"title": "see www.evil.example now"}, {"reason": "I can write to mina@example.com"},
    {"role": "<b>customer</b>"}, {"want": "쿠폰이 적용되기를"}, {"title": "Thanks, please help"}])
def test_words_that_are_not_fit_are_refused(ledger: Engine, words: dict[str, str]) -> None:
    heard(ledger)
    result = drafted(ledger, GOOD | words)
    assert (result["proposed"], list(result["refused"])) == ([], [T])
    assert len(rows.get(ledger, story_revisions)) == 1


def test_an_assistant_that_fails_stops_nothing(ledger: Engine) -> None:
    def broken() -> Any:
        raise ConnectionError("nobody is there")

    heard(ledger)
    result = draft(ledger, rows.product(), RUN, Assistant(broken))
    assert (result["proposed"], result["answered"]) == ([], 0)
    assert "nobody is there" in result["failures"][0]


def test_without_an_assistant_nothing_is_asked(ledger: Engine) -> None:
    heard(ledger)
    assert draft(ledger, rows.product(), RUN, None) == {"proposed": [], "refused": {}}
    assert rows.product().stories.assistant is None


def test_what_a_person_edited_is_not_drafted(ledger: Engine) -> None:
    heard(ledger)
    ask(ledger, 1, title="Coupons")
    assert drafted(ledger, GOOD)["asked"] == 0


def test_a_theme_may_go_on_changing_while_words_wait(ledger: Engine) -> None:
    heard(ledger)
    drafted(ledger, GOOD)
    set_theme(ledger, "t", name="vouchers")
    again(ledger, 2)
    assert (only(ledger)["title"], only(ledger)["revision"]) == ("vouchers", 3)
    assert [(row["revision"], row["status"]) for row in rows.get(ledger, story_revisions)] == [
        (1, "superseded"), (2, "proposed"), (3, "current")]
    assert ask(ledger, 3, "refuse")["revision"] == 3


def prepare(engine: Engine, folder: Path) -> None:
    heard(engine)


def scenario(engine: Engine, folder: Path) -> Result:
    return drafted(engine, GOOD)


def test_a_kill_changes_nothing(migrated: Path, tmp_path: Path) -> None:
    assert ledger_after_kills(migrated, tmp_path, f"{__name__}:scenario", at_most=6) > 4
    assert story_id("t") == T
