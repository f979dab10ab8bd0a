"""What testers type into the form, read line by line."""

from hypothesis import given
from hypothesis import strategies as st

from include.user_testing.criteria import Criterion
from include.user_testing.said import offered, said

ONE, TWO = (Criterion("S-0123456789", number, f"c{number}", ()) for number in (1, 2))


def read(text: str) -> list[tuple[Criterion | None, str, str]]:
    return [(item.criterion, item.verdict, item.why) for item in said(text, [ONE, TWO])]


def test_an_empty_form_says_nothing() -> None:
    assert offered([ONE, TWO]) == "S-0123456789/1: \nS-0123456789/2: "
    assert read(offered([ONE, TWO])) == []


def test_a_line_says_works_or_fails_or_what_was_seen() -> None:
    assert read("S-0123456789/1: works\nS-0123456789/2: Fails: no discount") == [
        (ONE, "pass", ""), (TWO, "fail", "no discount")]
    assert read("S-0123456789/2: 실패 - 할인이 없다\nS-0123456789/1: slow, but fine") == [
        (TWO, "fail", "할인이 없다"), (ONE, "comment", "slow, but fine")]


def test_what_names_no_criterion_is_of_the_release() -> None:
    assert read("S-0123456789/9: works\nI like it") == [(None, "comment", "S-0123456789/9: works I like it")]


def test_one_fails_is_enough() -> None:
    assert read("S-0123456789/1: fails once\nS-0123456789/1: works now") == [(ONE, "fail", "once now")]


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    for item in said(text, [ONE, TWO]):
        assert item.verdict in ("pass", "fail", "comment") and len(item.why) <= 1000
