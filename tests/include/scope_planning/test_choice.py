"""The choice is the best that fits, and says why."""

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.scope_planning.choice import knapsack, plan
from include.scope_planning.scores import METHODS, Candidate
from tests.include.scope_planning.test_scores import CANDIDATES

ITEMS = st.lists(st.tuples(st.integers(1, 300).map(lambda n: n / 4), st.integers(1, 40).map(lambda n: n / 2)), max_size=9)


def candidate(id: str, effort: float | None, people: int, **fields: object) -> Candidate:
    return Candidate(id, f"story {id}", "bug", effort, voices=100, people=people, **fields)  # type: ignore[arg-type]  # free fields


@settings(max_examples=60, deadline=None)
@given(items=ITEMS, capacity=st.integers(0, 60).map(lambda n: n / 2))
def test_the_knapsack_is_as_good_as_brute_force(items: list[tuple[float, float]], capacity: float) -> None:
    values, weights = [value for value, _ in items], [weight for _, weight in items]
    chosen = knapsack(values, weights, capacity)
    best = max(sum(values[n] for n in some) for size in range(len(items) + 1) for some in combinations(range(len(items)), size)
               if sum(weights[n] for n in some) <= capacity)
    assert sum(weights[n] for n in chosen) <= capacity + 1e-5
    assert sum(values[n] for n in chosen) == pytest.approx(best)


@settings(max_examples=60, deadline=None)
@given(stories=st.lists(CANDIDATES, max_size=12, unique_by=lambda story: story.id), method=st.sampled_from(sorted(METHODS)),
       capacity=st.floats(0.5, 60))
def test_a_plan_fits_and_is_no_worse_than_greedy(stories: list[Candidate], method: str, capacity: float) -> None:
    items = plan(stories, method, capacity)
    assert [item.rank for item in items] == list(range(1, len(stories) + 1))
    assert [item.score for item in items] == sorted((item.score for item in items), reverse=True)
    assert all(item.why for item in items) and all(item.chosen for item in items if item.story.begun)
    begun = sum(item.factors["effort"] for item in items if item.story.begun)
    free = [item for item in items if item.chosen and not item.story.begun]
    assert not free or begun + sum(item.factors["effort"] for item in free) <= capacity + 1e-4
    assert all(item.score > 0 for item in free)
    left, greedy = capacity - begun, 0.0
    for item in items:
        if not item.story.begun and item.score and item.factors["effort"] <= left:
            left, greedy = left - item.factors["effort"], greedy + item.score * item.factors["effort"]
    assert sum(item.score * item.factors["effort"] for item in free) >= greedy * (1 - 1e-6) - 1e-6


def test_the_reasons() -> None:
    items = plan([candidate("work", 2, 1, begun=True), candidate("best", 2, 50), candidate("good", 3, 60),
                  candidate("big", 20, 100), candidate("poor", 4, 4), candidate("silent", 1, 0),
                  candidate("blank", None, 9)], "rice", 8)
    assert {item.story.id: (item.chosen, item.why) for item in items} == {
        "best": (True, "rank 1; its 2 days fit"), "big": (False, "needs 20 days, more than the whole capacity of 8"),
        "good": (True, "rank 2; its 3 days fit"),
        "poor": (False, "needs 4 days, 1 left; it would push out what is worth at least as much"),
        "work": (True, "its work has begun; 2 days"), "silent": (False, "nobody wrote about it in the last quarter"),
        "blank": (False, "has no estimate")}


def test_no_stories_make_no_plan() -> None:
    assert plan([], "rice", 8) == []
    assert knapsack([], [], 8) == []
