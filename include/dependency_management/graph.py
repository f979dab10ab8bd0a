"""What can be said of any graph of needs: `needs[a]` are the things that must be there before `a`. Every function takes time
linear in the graph (but for naming cycles), needs no recursion, and gives the same answer for the same graph."""

from collections import deque
from collections.abc import Collection, Iterable, Mapping

Needs = Mapping[str, Collection[str]]


def whole(needs: Needs) -> dict[str, list[str]]:
    """The graph with every thing that is named in it, in order, and what each needs, in order and once."""
    names = set(needs) | {other for others in needs.values() for other in others}
    return {name: sorted(set(needs.get(name, ()))) for name in sorted(names)}


def turned(needs: Needs) -> dict[str, list[str]]:
    """The graph the other way round: for each thing, what needs it."""
    graph = whole(needs)
    found: dict[str, list[str]] = {name: [] for name in graph}
    for name, others in graph.items():
        for other in others:
            found[other].append(name)
    return found


def path(needs: Needs, start: str, end: str, within: Collection[str] | None = None) -> list[str]:
    """The shortest path from `start` to another need `end` (which may be `start` again); [] where there is none."""
    before: dict[str, str] = {}
    waiting = deque([start])
    while waiting:
        name = waiting.popleft()
        for other in sorted(needs.get(name, ())):
            if other not in before and (within is None or other in within):
                before[other] = name
                if other == end:
                    return _back(before, start, end)
                waiting.append(other)
    return []


def from_root(users: Needs, name: str) -> list[str]:
    """The shortest way to `name` from a thing that nothing needs, which begins it; [name] where no such thing leads to it.

    `users` is the graph turned round: what needs each thing.
    """
    towards: dict[str, str] = {}
    waiting = deque([name])
    while waiting:
        other = waiting.popleft()
        if not users.get(other):
            return _back(towards, name, other)[::-1] if other != name else [name]
        for user in sorted(users[other]):
            if user not in towards and user != name:
                towards[user] = other
                waiting.append(user)
    return [name]


def _back(before: Mapping[str, str], start: str, end: str) -> list[str]:
    found = [end, before[end]]
    while found[-1] != start:
        found.append(before[found[-1]])
    return found[::-1]


def cycles(needs: Needs) -> list[list[str]]:
    """One cycle for each knot of things that need one another: the shortest through its first thing, which begins and ends it."""
    return [path(needs, min(knot), min(knot), knot) for knot in knots(needs)]


def knots(needs: Needs) -> list[set[str]]:
    """The sets of things each of which needs all others of its set, or itself (strongly connected components; Tarjan 1972)."""
    graph = whole(needs)
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    on_stack: set[str] = set()
    found: list[set[str]] = []
    for root in graph:
        calls = [(root, iter(graph[root]))] if root not in number else []
        while calls:
            name, rest = calls[-1]
            if name not in number:
                number[name] = low[name] = len(number)
                stack.append(name)
                on_stack.add(name)
            for other in rest:
                if other not in number:
                    calls.append((other, iter(graph[other])))
                    break
                if other in on_stack:
                    low[name] = min(low[name], number[other])
            else:
                calls.pop()
                if calls:
                    low[calls[-1][0]] = min(low[calls[-1][0]], low[name])
                if low[name] == number[name]:
                    knot: set[str] = set()
                    while name not in knot:
                        knot.add(stack.pop())
                    on_stack -= knot
                    if len(knot) > 1 or name in graph[name]:
                        found.append(knot)
    return sorted(found, key=min)


def acyclic(needs: Needs) -> dict[str, list[str]]:
    """The graph without what things in a cycle need of one another, so that it can be put in order."""
    place = {name: number for number, knot in enumerate(knots(needs)) for name in knot}
    return {name: [other for other in others if name not in place or place.get(other) != place[name]]
            for name, others in whole(needs).items()}


def layers(needs: Needs) -> list[list[str]]:
    """The things in the order in which they can be made: those of a layer need only what lies in layers before it.

    What things in a cycle need of one another is left out (`acyclic`).
    """
    return _layers(acyclic(needs))


def _layers(graph: Mapping[str, list[str]]) -> list[list[str]]:
    users, left = turned(graph), {name: len(others) for name, others in graph.items()}
    found: list[list[str]] = []
    ready = [name for name, count in left.items() if not count]
    while ready:
        found.append(sorted(ready))
        ready = []
        for user in (user for name in found[-1] for user in users[name]):
            left[user] -= 1
            if not left[user]:
                ready.append(user)
    return found


def earliest(needs: Needs, days: Mapping[str, float]) -> dict[str, float]:
    """When each thing can start at the earliest, in days, where each lasts `days` (0 where it isn't named) and starts when all
    that it needs is done (the forward pass of the critical path method; Kelley & Walker 1959)."""
    return _starts(acyclic(needs), days)


def _starts(graph: Mapping[str, list[str]], days: Mapping[str, float]) -> dict[str, float]:
    start: dict[str, float] = {}
    for name in (name for layer in _layers(graph) for name in layer):
        start[name] = max((start[other] + days.get(other, 0) for other in graph[name]), default=0.0)
    return start


def critical(needs: Needs, days: Mapping[str, float]) -> list[str]:
    """The critical path: the longest chain of things that wait for one another, first to last; [] where nothing is named."""
    graph = acyclic(needs)
    start = _starts(graph, days)
    if not start:
        return []
    found = [min(start, key=lambda name: (-start[name] - days.get(name, 0), name))]
    while start[found[-1]] > 0:
        name = found[-1]
        found.append(next(other for other in graph[name] if start[other] + days.get(other, 0) == start[name]))
    return found[::-1]


def reached(needs: Needs, starts: Iterable[str]) -> dict[str, list[str]]:
    """Everything that needs one of `starts`, directly or not, and the shortest path from it to the start."""
    users = turned(needs)
    found: dict[str, list[str]] = {name: [name] for name in sorted(set(starts))}
    waiting = deque(found)
    while waiting:
        name = waiting.popleft()
        for user in users.get(name, ()):
            if user not in found:
                found[user] = [user, *found[name]]
                waiting.append(user)
    return found
