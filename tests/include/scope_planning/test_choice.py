"""Each story says why it is in or out, what could not be done is named, and what would change it is true."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.scope_planning.choice import Item, Plan, Settings, plan
from include.scope_planning.scores import Candidate, Wait
from include.scope_planning.what_if import with_changes
from tests.include.scope_planning.test_scores import CANDIDATES

EIGHT = Settings(capacity=8)


def candidate(id: str, effort: float | None, people: int, **fields: object) -> Candidate:
    return Candidate(id, f"story {id}", "bug", effort, voices=100, people=people, **fields)  # type: ignore[arg-type]  # free fields


def after(*names: str) -> tuple[Wait, ...]:
    return tuple(Wait(name, f"{name} first") for name in names)


def whys(found: Plan) -> dict[str, tuple[int | None, str]]:
    return {item.story.id: (item.iteration, item.why) for item in found.items}


@settings(max_examples=60, deadline=None)
@given(stories=st.lists(CANDIDATES, max_size=12, unique_by=lambda story: story.id), method=st.sampled_from(["rice", "wsjf"]),
       capacity=st.floats(0.5, 60), iterations=st.integers(1, 3))
def test_any_stories_make_a_plan_that_fits(stories: list[Candidate], method: str, capacity: float, iterations: int) -> None:
    found = plan(stories, Settings(method, capacity, iterations))
    assert [item.rank for item in found.items] == list(range(1, len(stories) + 1))
    assert [item.score for item in found.items] == sorted((item.score for item in found.items), reverse=True)
    assert all(item.why for item in found.items) and all(item.chosen for item in found.items if item.story.begun)
    begun = sum(item.story.days for item in found.items if item.story.begun)
    assert found.used() <= max(capacity, begun) + 1e-4
    assert all(found.used(t) <= capacity + 1e-4 for t in range(2, iterations + 1))
    assert all(item.score > 0 for item in found.items if item.iteration and not item.story.begun)


def test_the_reasons() -> None:
    found = plan([candidate("work", 2, 1, begun=True), candidate("best", 2, 50), candidate("good", 3, 60),
                  candidate("big", 20, 100), candidate("poor", 4, 4), candidate("silent", 1, 0), candidate("blank", None, 9),
                  candidate("negative", -3, 9), candidate("endless", float("nan"), 9), candidate("not", 1, 99),
                  candidate("raw", 1, 99, draft="no role"), candidate("far", 1, 99, waits=(Wait(None, "wares 2.0"),)),
                  candidate("farther", 1, 99, waits=after("far"))], replace(EIGHT, exclude=("not",)))
    assert whys(found) == {
        "best": (1, "rank 5; its 2 days fit"), "big": (None, "needs 20 days, more than the whole capacity of 8"),
        "good": (1, "rank 6; its 3 days fit"),
        "poor": (None, "needs 4 days, 1 left; it would push out what is worth at least as much"),
        "work": (1, "its work has begun; 2 days"), "silent": (None, "was asked for by nobody in the last quarter"),
        "blank": (None, "has no estimate"), "negative": (None, "has no estimate"), "endless": (None, "has no estimate"),
        "not": (None, "is excluded"), "raw": (None, "is a draft: no role"), "far": (None, "waits for wares 2.0"),
        "farther": (None, "waits for far, which waits for wares 2.0")}
    assert (found.conflicts, found.exact, found.used()) == ((), True, 7)


def test_a_story_comes_not_before_what_it_waits_for() -> None:
    stories = [candidate("first", 5, 1), candidate("then", 4, 90, waits=after("first")), candidate("other", 4, 30)]
    assert plan(stories, EIGHT).chosen == ["other"]
    ahead = whys(plan(stories, replace(EIGHT, iterations=2)))
    assert ahead == {"other": (2, "planned for iteration 2: rank 2; its 4 days fit"),
                     "first": (1, "rank 3; its 5 days fit; then waits for it"),
                     "then": (2, "planned for iteration 2: rank 1; its 4 days fit")}


def test_stories_that_wait_for_each_other_name_the_circle() -> None:
    found = plan([candidate("a", 1, 9, waits=after("b")), candidate("b", 1, 9, waits=after("c")),
                  candidate("c", 1, 9, waits=after("a")), candidate("d", 1, 9, waits=after("a"))], EIGHT)
    assert found.chosen == []
    assert whys(found)["a"][1] == "waits in a circle: a → b → c → a" == whys(found)["d"][1]


def test_dates_pins_and_kept_shares_are_kept() -> None:
    stories = [candidate("law", 3, 0, category="law", due="2026-03-10", by=1), candidate("pin", 2, 1),
               candidate("debt", 2, 1, category="debt"), candidate("rich", 1, 900), candidate("wealthy", 8, 900)]
    found = plan(stories, replace(EIGHT, pins=("pin",), kept={"debt": 0.25}))
    assert whys(found)["law"] == (1, "due on 2026-03-10; 3 days") and whys(found)["pin"] == (1, "pinned; 2 days")
    assert found.chosen == ["debt", "law", "pin", "rich"]
    assert found.conflicts == ()


@pytest.mark.parametrize(("settings", "stories", "conflicts"), [
    (Settings(capacity=2, pins=("a", "b")), [candidate("a", 2, 5), candidate("b", 2, 9)],
     ["a is pinned, but there is no room for it and what it waits for"]),
    (Settings(capacity=2, pins=("gone",)), [], ["gone is pinned, but no such story is to be planned"]),
    (Settings(capacity=2, pins=("a",), exclude=("b",)), [candidate("a", 1, 5, waits=after("b")), candidate("b", 1, 9)],
     ["a is pinned, but waits for b, which is excluded"]),
    (Settings(capacity=2), [candidate("a", 3, 5, due="2026-03-10", by=1)],
     ["a is due on 2026-03-10, so in iteration 1, but there is no room for it and what it waits for"]),
    (Settings(capacity=2), [candidate("a", 1, 5, due="2026-03-01", by=0)],
     ["a is due on 2026-03-01, before the first iteration ends"]),
    (Settings(capacity=2, exclude=("a",)), [candidate("a", 3, 5, begun=True)],
     ["a is excluded, but its work has begun", "the work that has begun takes 3 days, more than the capacity of 2"]),
    (Settings(capacity=4, pins=("a",), kept={"debt": 0.5}), [candidate("a", 3, 5), candidate("d", 4, 5, category="debt")],
     ["the share kept for debt gives 1 day in iteration 1"])])
def test_what_can_not_be_done_is_told(settings: Settings, stories: list[Candidate], conflicts: list[str]) -> None:
    assert list(plan(stories, settings).conflicts) == conflicts


def test_no_stories_make_no_plan() -> None:
    assert plan([], EIGHT) == Plan(())


def claims(item: Item) -> list[tuple[str, bool, Callable[[list[Candidate], Settings], tuple[list[Candidate], Settings]]]]:
    """Each claim of an item's `change`: its words, whether the story is in then, and what to change."""
    def story(**fields: object) -> Callable[[list[Candidate], Settings], tuple[list[Candidate], Settings]]:
        return lambda stories, now: (
            [replace(one, **fields) if one.id == item.story.id else one for one in stories], now)  # type: ignore[arg-type]

    def setting(**fields: object) -> Callable[[list[Candidate], Settings], tuple[list[Candidate], Settings]]:
        return lambda stories, now: (stories, replace(now, **fields))  # type: ignore[arg-type]  # free fields

    found: list[tuple[str, bool, Callable[[list[Candidate], Settings], tuple[list[Candidate], Settings]]]] = []
    for words in (item.change or "").split("; or "):
        if match := re.fullmatch(r"(in|out|in even) at ([\d.]+) days of capacity", words):
            found.append((words, match[1] != "out", setting(capacity=float(match[2]))))
        elif match := re.fullmatch(r"in if its effort is ([\d.]+) days?( or less)?", words):
            found.append((words, True, story(effort_days=float(match[1]))))
            if match[2]:
                found.append((words, True, story(effort_days=float(match[1]) / 2)))
        elif words == "in if it is pinned":
            found.append((words, True, setting(pins=(item.story.id,))))
        elif words == "in if it is pinned instead of excluded":
            found.append((words, True, setting(pins=(item.story.id,), exclude=())))
        elif words == "in if it is no longer excluded":
            found.append((words, True, setting(exclude=())))
        elif words == "in when it is mended":
            found.append((words, True, story(draft=None)))
        elif words.startswith("in when done: "):
            found.append((words, True, story(waits=())))
        else:
            assert not words, words
    return found


@settings(max_examples=80, deadline=None)
@given(stories=st.lists(CANDIDATES, min_size=2, max_size=9, unique_by=lambda story: story.id),
       method=st.sampled_from(["rice", "wsjf"]), capacity=st.integers(1, 40), iterations=st.integers(1, 2), draw=st.data())
def test_what_would_change_it_is_true(stories: list[Candidate], method: str, capacity: int, iterations: int,
                                      draw: st.DataObject) -> None:
    first, second = stories[0], replace(stories[1], begun=False)
    stories = [replace(first, begun=False, draft=draw.draw(st.none() | st.just("no role"))), replace(
        second, waits=draw.draw(st.sampled_from([(), after(first.id), (Wait(None, "wares 2.0"),)]))), *stories[2:]]
    now = Settings(method, capacity, iterations, exclude=draw.draw(st.sampled_from([(), (stories[-1].id,)])))
    for item in with_changes(stories, now, plan(stories, now)).items:
        for words, is_in, change in claims(item):
            assert (item.story.id in plan(*change(stories, now)).chosen) == is_in, words
            assert is_in != item.chosen or words.startswith("in even"), words


def test_what_would_change_it_in_words() -> None:
    stories = [candidate("best", 4, 90), candidate("next", 6, 90), candidate("hangs", 1, 99, waits=after("open")),
               candidate("open", 2, 1, draft="no role"), candidate("not", 1, 99)]
    now = replace(EIGHT, exclude=("not",))
    found = {item.story.id: item.change for item in with_changes(stories, now, plan(stories, now)).items}
    assert found == {"best": "out at 2 days of capacity",
                     "next": "in if its effort is 4 days or less; or in at 10 days of capacity",
                     "hangs": "in when done: open", "open": "in when it is mended", "not": "in if it is no longer excluded"}


def test_a_large_plan_is_not_tried_over_and_over() -> None:
    stories = [candidate(f"S{n}", 1 + n % 7, 1 + n % 90) for n in range(900)]
    now = Settings(capacity=30)
    assert {item.change for item in with_changes(stories, now, plan(stories, now)).items} == {None}
