"""What a person may fill in: good values are read, wrong ones are named, all at once."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.errors import InputError
from include.story_writing.form import CATEGORIES, read

EMPTY: dict[str, Any] = {
    "story": "S-0123456789", "action": "edit", "title": "", "role": "", "want": "", "reason": None, "acceptance": "",
    "effort_days": None, "due": "", "category": "", "themes": [], "note": ""}


def test_what_is_empty_stays_as_it_is() -> None:
    asked = read(EMPTY | {"title": " Coupon\nrefused ", "acceptance": "Feature: a\r\n  Scenario: b\x1b\n",
                          "themes": ["t ", "", "u"]})
    assert asked.words == {"title": "Coupon refused", "acceptance": "Feature: a\n  Scenario: b\n"}
    assert asked.themes == ("t", "u")


def test_facts_are_read() -> None:
    asked = read(EMPTY | {"effort_days": 3, "due": "2026-12-31", "category": "law"})
    assert asked.words == {"effort_days": 3.0, "due_at": datetime(2026, 12, 31, tzinfo=UTC), "category": "law"}
    assert read(EMPTY | {"due": "none"}).words == {"due_at": None}


@pytest.mark.parametrize(("fields", "names"), [
    ({"story": "S-1", "title": "x"}, ["story"]),
    ({"action": "burn"}, ["action"]),
    ({}, ["nothing is filled in"]),
    ({"action": "split", "title": "x"}, ["a want of its own"]),
    ({"action": "accept", "title": "x", "themes": ["t"]}, ["accept", "title, themes"]),
    ({"title": "x" * 121}, ["title"]),
    ({"effort_days": 0}, ["effort_days"]),
    ({"effort_days": float("nan")}, ["effort_days"]),
    ({"effort_days": True}, ["effort_days"]),
    ({"effort_days": "3"}, ["effort_days"]),
    ({"due": "2026-02-30", "category": "fun", "acceptance": "x" * 10_001}, ["due", "category", "acceptance"]),
])
def test_every_wrong_field_is_named(fields: dict[str, Any], names: list[str]) -> None:
    with pytest.raises(InputError) as error:
        read(EMPTY | fields)
    assert all(name in str(error.value) for name in names)


VALUE = st.none() | st.text() | st.integers() | st.floats() | st.booleans()


@given(form=st.fixed_dictionaries({name: VALUE for name in EMPTY if name != "themes"}, optional={
    "themes": st.none() | st.lists(st.text())}))
def test_any_form_is_read_or_refused(form: dict[str, Any]) -> None:
    try:
        asked = read(form)
    except InputError:
        return
    assert asked.words.get("category") in (None, *CATEGORIES)
