from typing import Any

import pytest
from sqlalchemy import Engine

from include.errors import InputError
from include.key import Key
from include.ledger.runs import Run
from include.ledger.tables import labels, theme_voices, themes, voices
from include.voc_aggregation.forms import correct_themes, correct_voices
from tests.conftest import NOW
from tests.rows import get, put, theme

SENT: dict[str, Any] = {"product": "shop", "voices": ["t1-0"], "kinds": [], "severity": "", "sentiment": ""}
ASKED: dict[str, Any] = {"product": "shop", "themes": ["t1"], "voices": [], "words": "", "name": ""}


def run(number: int = 1, phase: str = "correct_voices") -> Run:
    return Run(phase, f"manual{number}", Key("shop"), NOW)


def test_a_voice_is_what_the_person_says_and_what_is_left_empty_stays(ledger: Engine) -> None:
    theme(ledger, "t1", [NOW, NOW], state={"kinds": {"bug": 2}})
    form = SENT | {"voices": [" t1-0 ", "", "t1-1"], "kinds": ["question", "bug"]}
    assert correct_voices(ledger, run(), "kim", form) == {"publish": ["shop"], "changed": 2}
    assert [(row["kind"], row["kinds"], row["sentiment"]) for row in get(ledger, voices)] == [
        ("question", ["question", "bug"], -0.3)] * 2
    assert correct_voices(ledger, run(), "kim", form)["changed"] == 0
    assert {(row["label"], row["who"], row["at"]) for row in get(ledger, labels)} == {("question|bug", "kim", NOW)}
    with pytest.raises(InputError, match="no kind, severity or sentiment is given"):
        correct_voices(ledger, run(2), "kim", SENT)


def test_themes_are_merged_split_renamed_and_taken_back(ledger: Engine) -> None:
    for name in ("t1", "t2"):
        theme(ledger, name, [NOW, NOW], state={"group": "trouble", "kinds": {"bug": 2}, "languages": {"en": 2}, "columns": [1],
                                               "weights": [1.0]})
    put(ledger, voices, get(ledger, voices, id="t1-0")[0] | {"text": "the coupon fails"})
    for number, form in enumerate([{"action": "merge", "themes": ["t1", "t2"]}, {"action": "undo"},
                                   {"action": "rename", "name": "Coupons"}, {"action": "split", "words": "coupon"}]):
        assert correct_themes(ledger, run(number, "correct_themes"), "kim", ASKED | form)["publish"] == ["shop"]
        if number == 0:
            assert {row["theme_id"] for row in get(ledger, theme_voices)} == {"t2"}
    assert [row["name"] for row in get(ledger, themes, id="t1")] == ["Coupons"]
    assert sorted(row["size"] for row in get(ledger, themes)) == [1, 1, 2]


@pytest.mark.parametrize(("form", "message"), [
    ({"action": "rename", "themes": ["t1", "t2"]}, "rename: needs one theme, got t1, t2"),
    ({"action": "erase"}, "action: 'erase' is none of merge,"),
    ({"action": "undo", "themes": ["  "]}, "needs one theme, got none"),
    ({"action": "merge"}, "needs two themes"), ({"action": "split"}, "name either the voices or words")])
def test_a_wrong_form_says_what_is_wrong(ledger: Engine, form: dict[str, Any], message: str) -> None:
    theme(ledger, "t1", [NOW], state={"group": "trouble"})
    with pytest.raises(InputError, match=message):
        correct_themes(ledger, run(), "kim", ASKED | form)
