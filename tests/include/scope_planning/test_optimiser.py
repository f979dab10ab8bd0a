"""The choice is the best that there is, keeps to its frame, and says what had to give."""

import random
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.scope_planning.optimiser import Chosen, Frame, Work, choose, greedy, worth


def instance(seed: int, most: int, iterations: int) -> tuple[list[Work], Frame]:
    """Works with values, waits, dates, pins and categories, and a frame with shares that are kept."""
    draw = random.Random(seed)
    count = draw.randint(1, most)
    works = []
    for n in range(count):
        after = {f"S{draw.randrange(n)}" for _ in range(draw.choice([0, 0, 1, 2]))} if n else set()
        must = draw.random()
        works.append(Work(f"S{n}", round(draw.lognormvariate(3, 1), 2), draw.randint(1, 16) / 2, tuple(sorted(after)),
                          draw.randint(1, iterations) if must < 0.1 else None, 0.1 <= must < 0.15,
                          draw.choice([None, None, "debt", "security"])))
    capacities = tuple(draw.randint(2, 6 + count) / 1.0 for _ in range(iterations))
    return works, Frame(capacities, {"debt": tuple(c * 0.2 for c in capacities), "security": tuple(c * 0.1 for c in capacities)})


def problems(works: list[Work], frame: Frame, iterations: dict[str, int], found: Chosen) -> list[str]:
    """What is wrong with a choice."""
    told = {*found.unpinned, *found.late}
    wrong = [f"{work.id} before {other}" for work in works for other in work.after
             if work.id in iterations and iterations.get(other, 99) > iterations[work.id]]
    wrong += [f"{work.id} late" for work in works if (last := 1 if work.pinned else work.by) is not None
              and work.id not in told and iterations.get(work.id, 99) > last]
    for t, capacity in enumerate(frame.capacities, start=1):
        inside = [work for work in works if iterations.get(work.id) == t]
        for names in ((), ("debt",), ("security",), ("debt", "security")):
            kept = sum(frame.kept[name][t - 1] - found.given.get((name, t), 0.0) for name in names)
            days = sum(work.days for work in inside if work.category not in names)
            wrong += [f"{days} in {t} beside {names}"] if days > capacity - kept + 1e-3 else []
    return wrong


def every(works: list[Work], frame: Frame) -> float | None:
    """The worth of the best choice, by trying all; None where what must be can't be."""
    best = None
    for places in product(range(len(frame.capacities) + 1), repeat=len(works)):
        iterations = {work.id: place for work, place in zip(works, places, strict=True) if place}
        if not problems(works, frame, iterations, Chosen({})):
            best = max(best or 0.0, worth(works, iterations))
    return best


@pytest.mark.parametrize("iterations", [1, 2, 3])
def test_it_is_optimal_where_all_choices_can_be_tried(iterations: int) -> None:
    for seed in range(30):
        works, frame = instance(seed, {1: 9, 2: 6, 3: 5}[iterations], iterations)
        found, best = choose(works, frame), every(works, frame)
        assert problems(works, frame, found.iterations, found) == []
        told = bool(found.unpinned or found.late or found.given)
        assert told == (best is None), f"seed {seed}"
        if best is not None:
            assert worth(works, found.iterations) == pytest.approx(best), f"seed {seed}"
            assert found.exact


def test_it_is_never_worse_than_greedy_on_200_instances() -> None:
    better = 0
    for seed in range(200):
        works, frame = instance(1000 + seed, 24, 1 + seed % 4)
        found, by_hand = choose(works, frame), greedy(works, frame)
        assert problems(works, frame, found.iterations, found) == []
        if not problems(works, frame, by_hand, found):  # greedy has kept what had to be kept
            assert worth(works, found.iterations) >= worth(works, by_hand) * (1 - 1e-6), f"seed {seed}"
            better += worth(works, found.iterations) > worth(works, by_hand) * 1.001
    assert better > 50


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 4))
def test_any_instance_keeps_to_its_frame(seed: int, iterations: int) -> None:
    works, frame = instance(seed, 14, iterations)
    found = choose(works, frame)
    assert problems(works, frame, found.iterations, found) == []
    assert problems(works, frame, greedy(works, frame), Chosen({}, late=tuple(work.id for work in works))) == []


def test_what_must_give_is_named_kept_shares_first_then_pins_then_dates() -> None:
    frame = Frame((4.0,), {"debt": (2.0,)})
    debt, pin, law = Work("debt", 9, 2, category="debt"), Work("pin", 1, 2, pinned=True), Work("law", 1, 3, by=1)
    given = choose([debt, pin, Work("more", 1, 2, pinned=True)], frame)
    assert (given.iterations, given.given, given.unpinned) == ({"pin": 1, "more": 1}, {("debt", 1): 2.0}, ())
    unpinned = choose([debt, pin, law], frame)
    assert (unpinned.iterations, unpinned.unpinned, unpinned.late) == ({"law": 1}, ("pin",), ())
    late = choose([Work("law", 1, 9, by=1), Work("fits", 1, 3)], Frame((4.0,)))
    assert (late.iterations, late.late) == ({"fits": 1}, ("law",))


def test_what_is_waited_for_is_taken_along() -> None:
    works = [Work("root", 0, 3), Work("fruit", 50, 1, ("root",)), Work("other", 20, 4)]
    assert choose(works, Frame((4.0,))).iterations == {"root": 1, "fruit": 1}
    assert choose(works, Frame((3.0, 4.0))).iterations == {"root": 1, "fruit": 2}


def test_nothing_makes_an_empty_choice() -> None:
    assert choose([], Frame((3.0,))) == Chosen({})
    assert choose([Work("a", 1, 1)], Frame((0.0,))).iterations == {}
    with pytest.raises(ValueError, match="needs an iteration"):
        choose([Work("a", 1, 1, pinned=True)], Frame(()))


def test_ten_thousand_works_are_planned() -> None:
    works = [Work(f"S{n}", 1 + n * 7919 % 997, 1 + n % 7, (f"S{n - 1}",) if n % 9 == 0 and n else ()) for n in range(10_000)]
    frame = Frame((40.0, 40.0), dict.fromkeys(("debt", "security"), (0.0, 0.0)))
    found = choose(works, frame)
    assert problems(works, frame, found.iterations, found) == []
    assert worth(works, found.iterations) >= worth(works, greedy(works, frame))
