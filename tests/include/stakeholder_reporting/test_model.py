"""What changed since the last report: only what can be compared fairly."""

from hypothesis import given
from hypothesis import strategies as st

from include.stakeholder_reporting.model import SHOWN, Answer, Change, Figure, Section, Table, changes, text


def section(*figures: Figure, tables: tuple[Table, ...] = ()) -> tuple[Section, ...]:
    return (Section("runs", Answer("runs_well"), figures, tables),)


def table(*ids: str, state: str = "open", standing: bool = True) -> Table:
    return Table.of("themes", ("title", "theme_status"), [
        {"id": id, "title": f"theme {id}", "theme_status": state} for id in ids], "theme_status", standing)


def told(before: Table, now: Table) -> set[tuple[str, str | None]]:
    return {(change.kind, change.title) for change in changes(section(tables=(before,)), section(tables=(now,)))}


def test_what_came_what_went_and_what_changed_its_state() -> None:
    assert told(table("a", "b"), table("b", "c")) == {("gone", "theme a"), ("new", "theme c")}
    [change] = changes(section(tables=(table("a"),)), section(tables=(table("a", state="planned"),)))
    assert (change.kind, change.before, change.after) == ("state", "open", "planned")


def test_a_row_that_is_only_not_shown_is_neither_new_nor_gone() -> None:
    many = [str(n) for n in range(SHOWN + 1)]
    assert told(table(*many), table(*reversed(many))) == set()
    assert told(table(*many), table(*many[:2])) == {("gone", f"theme {id}") for id in many[2:SHOWN]}


def test_what_a_period_brought_is_not_gone_with_it() -> None:
    assert told(table("a", standing=False), table("b", standing=False)) == {("new", "theme b")}


def test_figures_say_whether_they_went_the_right_way() -> None:
    before = section(Figure("open_signals", 3, better="lower"), Figure("planned", 1), Figure("complaints", 9, standing=False))
    now = section(Figure("open_signals", 5, better="lower"), Figure("planned", 2), Figure("complaints", 1, standing=False))
    assert changes(before, now) == [Change("figure", "open_signals", None, 3, 5, "count", False),
                                    Change("figure", "planned", None, 1, 2, "count", None)]


@given(st.lists(st.sampled_from("abcdefgh"), unique=True))
def test_nothing_changed_where_nothing_did(ids: list[str]) -> None:
    same = section(Figure("planned", len(ids)), tables=(table(*ids),))
    assert changes(same, same) == []


@given(st.text())
def test_a_text_is_one_short_line_without_controls(given_: str) -> None:
    found = text(f"{given_} +82 10-1234-5678 \u202e\x00\n")
    assert len(found) <= 160 and found == " ".join(found.split()) and "1234-5678" not in found
    assert not set(found) & set("\u202e\x00\n")
