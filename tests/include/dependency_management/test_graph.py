"""Properties of the graph, against plain definitions."""

import time
from itertools import pairwise, permutations

from hypothesis import given
from hypothesis import strategies as st

from include.dependency_management.graph import acyclic, critical, cycles, earliest, knots, layers, path, reached, turned, whole

NAMES = "abcdefg"
GRAPHS = st.dictionaries(st.sampled_from(NAMES), st.sets(st.sampled_from(NAMES), max_size=4), max_size=7)
DAYS = st.dictionaries(st.sampled_from(NAMES), st.integers(0, 9).map(float))
Graph = dict[str, set[str]]


def reach(needs: Graph) -> set[tuple[str, str]]:
    """Who needs whom, directly or not."""
    pairs = {(name, other) for name, others in needs.items() for other in others}
    while more := {(a, d) for a, b in pairs for c, d in pairs if b == c} - pairs:
        pairs |= more
    return pairs


@given(GRAPHS)
def test_every_knot_is_found_and_named_by_a_real_cycle(needs: Graph) -> None:
    pairs = reach(needs)
    tied = {a for a, b in pairs if (b, a) in pairs}
    assert set().union(*knots(needs)) == tied
    assert all((a, b) in pairs for knot in knots(needs) for a in knot for b in knot)
    for cycle in cycles(needs):
        assert cycle[0] == cycle[-1] == min(cycle)
        assert len(set(cycle)) == len(cycle) - 1
        assert all(other in needs[name] for name, other in pairwise(cycle))


@given(GRAPHS)
def test_the_order_keeps_every_need_outside_of_cycles(needs: Graph) -> None:
    place = {name: number for number, layer in enumerate(layers(needs)) for name in layer}
    assert set(place) == set(whole(needs))
    pairs = reach(needs)
    for name, others in needs.items():
        assert all(place[other] < place[name] for other in others if (other, name) not in pairs)


@given(GRAPHS, DAYS)
def test_the_critical_path_is_the_longest_chain(needs: Graph, days: dict[str, float]) -> None:
    graph, start = acyclic(needs), earliest(needs, days)
    assert all(start[name] >= start[other] + days.get(other, 0) for name, others in graph.items() for other in others)
    chain = critical(needs, days)
    assert all(before in graph[name] for before, name in pairwise(chain))
    length = sum(days.get(name, 0) for name in chain)
    assert length == max((start[name] + days.get(name, 0) for name in start), default=0)
    for one in (list(pair) for pair in permutations(graph, 3)):
        if all(before in graph[name] for before, name in pairwise(one)):
            assert sum(days.get(name, 0) for name in one) <= length


@given(GRAPHS, st.sampled_from(NAMES), st.sampled_from(NAMES))
def test_paths_are_the_shortest(needs: Graph, start: str, end: str) -> None:
    found = path(needs, start, end)
    assert bool(found) == ((start, end) in reach(needs))
    assert all(other in needs[name] for name, other in pairwise(found))
    assert len(found) == len(set(found)) or (start == end and len(found) == len(set(found)) + 1)


@given(GRAPHS, st.sampled_from(NAMES))
def test_who_is_reached(needs: Graph, start: str) -> None:
    assert set(reached(needs, [start])) == {start} | {name for name, other in reach(needs) if other == start}
    for name, chain in reached(needs, [start]).items():
        assert (chain[0], chain[-1]) == (name, start)
        assert all(other in needs[one] for one, other in pairwise(chain))


@given(GRAPHS)
def test_turning_twice_changes_nothing(needs: Graph) -> None:
    assert turned(turned(needs)) == whole(needs)


def test_a_chain_and_a_ring_of_10000_take_seconds_and_no_stack() -> None:
    chain = {f"{number:05}": [f"{number + 1:05}"] for number in range(9_999)}
    ring = chain | {"09999": ["00000"]}
    begin = time.monotonic()
    assert len(layers(chain)) == len(critical(chain, dict.fromkeys(ring, 1.0))) == 10_000
    assert len(cycles(ring)[0]) == 10_001
    assert layers(ring) == [sorted(ring)]
    assert time.monotonic() - begin < 60
