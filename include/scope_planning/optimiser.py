"""Which work goes into which iteration: the greatest value that capacity, order, dates, pins and kept shares leave room for.

A mixed-integer program, solved by HiGHS (Huangfu and Hall, Mathematical Programming Computation 10, 2018) through scipy. What
must be in and can't all be is relaxed in this order, each as little as it takes: kept shares, pins, dates.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

LATER = 0.9  # what value is worth that comes an iteration later
ROUNDING = 1e-6  # person-days
SMALL = 400  # choices (works × iterations) up to which the optimum is proved; beyond, the gap is at most GAP
GAP = 0.01
SECONDS = 8.0
LARGEST = 600  # works that are looked at; of more, those that are worth most by the day, and what greedy would take


@dataclass(frozen=True)
class Work:
    """Something to do. `value` and `days` are at least 0; it comes not before the works `after` (the same iteration will do); it
    must be in by iteration `by` (from 1), or, `pinned`, in the first."""

    id: str
    value: float
    days: float
    after: tuple[str, ...] = ()
    by: int | None = None
    pinned: bool = False
    category: str | None = None


@dataclass(frozen=True)
class Frame:
    """Person-days of each iteration, and days of each that are kept for a category."""

    capacities: tuple[float, ...]
    kept: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Chosen:
    """The iteration of each work that is in. What had to give: `unpinned` and `late` (ids), and days of kept shares by category
    and iteration. `exact`: no better choice exists."""

    iterations: dict[str, int]
    unpinned: tuple[str, ...] = ()
    late: tuple[str, ...] = ()
    given: Mapping[tuple[str, int], float] = field(default_factory=dict)
    exact: bool = True


def worth(works: Iterable[Work], iterations: Mapping[str, int]) -> float:
    """The value of a choice: what comes later is worth a little less."""
    return sum(work.value * LATER ** (iterations[work.id] - 1) for work in works if work.id in iterations)


def choose(works: Sequence[Work], frame: Frame) -> Chosen:
    """The choice of the greatest worth. Never raises for want of room: what must give is named."""
    if not frame.capacities:
        raise ValueError("a plan needs an iteration")
    possible = _possible(works, frame)
    looked_at = _looked_at(possible, frame)
    best = _solved(looked_at, frame)
    if best is not None:
        return replace(best, exact=best.exact and len(looked_at) == len(possible))
    relaxed, eased, told = _relaxed(looked_at, frame)
    best = _solved(relaxed, eased)
    if best is None:
        raise RuntimeError("no plan was found in time, although what can't be was set aside")
    return replace(told, iterations=best.iterations, exact=best.exact and len(looked_at) == len(possible))


def greedy(works: Sequence[Work], frame: Frame) -> dict[str, int]:
    """What a person would do: what must be first, then what is worth most by the day; each as early as there is room, with what
    it waits for. It finds no room where another choice might have."""
    known = {work.id: work for work in works}
    placed: dict[str, int] = {}
    left = _Room(frame)
    order = sorted(works, key=lambda work: (not work.pinned, work.by or np.inf, -_density(work), work.id))
    for work in order:
        chain = [known[name] for name in _before(work.id, known) if name not in placed]
        trial, room = dict(placed), left.copy()
        if all(_place(item, trial, room) for item in chain):
            placed, left = trial, room
    return placed


def _density(work: Work) -> float:
    return work.value / work.days if work.days > 0 else work.value


def _before(name: str, known: Mapping[str, Work]) -> list[str]:
    """`name` and all that it waits for, what comes first first. Waits are no circle."""
    found: dict[str, None] = {}
    stack = [(name, False)]
    while stack:
        current, done = stack.pop()
        if done:
            found[current] = None
        elif current not in found:
            stack.append((current, True))
            stack += [(other, False) for other in known[current].after]
    return list(found)


class _Room:
    """Days left in each iteration for works outside of each set of categories that shares are kept for."""

    def __init__(self, frame: Frame) -> None:
        self.sets = _sets(frame)
        self.left = np.array([[capacity - sum(frame.kept[name][index] for name in names) for names in self.sets]
                              for index, capacity in enumerate(frame.capacities)], dtype=float)

    def copy(self) -> "_Room":
        other = object.__new__(_Room)
        other.sets, other.left = self.sets, self.left.copy()
        return other

    def take(self, work: Work, iteration: int) -> bool:
        rows = [index for index, names in enumerate(self.sets) if work.category not in names]
        fits = bool((self.left[iteration - 1, rows] >= work.days - ROUNDING).all())
        if fits:
            self.left[iteration - 1, rows] -= work.days
        return fits


def _place(work: Work, placed: dict[str, int], room: _Room) -> bool:
    if any(other not in placed for other in work.after):
        return False
    first = max((placed[other] for other in work.after), default=1)
    last = 1 if work.pinned else len(room.left)
    for iteration in range(first, last + 1):
        if room.take(work, iteration):
            placed[work.id] = iteration
            return True
    return False


def _sets(frame: Frame) -> list[tuple[str, ...]]:
    names = sorted(frame.kept)
    return [some for size in range(len(names) + 1) for some in combinations(names, size)]


def _possible(works: Sequence[Work], frame: Frame) -> list[Work]:
    """The works that can matter: without those that are worth nothing, or that do not fit with what they wait for one after the
    other; always what must be, and what others wait for."""
    known = {work.id: work for work in works}
    needed = _needed(known)
    wanted = [work for work in works if work.pinned or work.by or (work.value > 0 and work.days <= max(
        frame.capacities, default=0.0) + ROUNDING and needed[work.id] <= sum(frame.capacities) + ROUNDING)]
    names = {name for work in wanted for name in (work.id, *work.after)}
    new = [name for name in names if name not in {work.id for work in wanted}]
    for name in new:  # grows while it is read
        more = [other for other in known[name].after if other not in names]
        names.update(more)
        new += more
    return [work for work in works if work.id in names]


def _needed(known: Mapping[str, Work]) -> dict[str, float]:
    """The days of each work with the longest row of works that come before it."""
    found: dict[str, float] = {}
    for name in known:
        stack = [name]
        while stack:
            work = known[stack[-1]]
            if missing := [other for other in work.after if other not in found]:
                stack += missing
            else:
                found[stack.pop()] = work.days + max((found[other] for other in work.after), default=0.0)
    return found


def _looked_at(works: Sequence[Work], frame: Frame) -> list[Work]:
    """Of too many works what must be, those worth most by the day, what greedy takes, and what all these wait for."""
    if len(works) <= LARGEST:
        return list(works)
    known = {work.id: work for work in works}
    first = sorted(works, key=lambda work: (not (work.pinned or work.by), -_density(work), work.id))[:LARGEST]
    names = greedy(works, frame).keys() | {name for work in first for name in _before(work.id, known)}
    return [work for work in works if work.id in names]


class _Rows:
    """Linear constraints, collected."""

    def __init__(self) -> None:
        self.data: list[float] = []
        self.columns: list[int] = []
        self.ends = [0]
        self.low: list[float] = []
        self.high: list[float] = []

    def add(self, entries: Iterable[tuple[int, float]], low: float, high: float) -> None:
        for column, value in entries:
            self.columns.append(column)
            self.data.append(value)
        self.ends.append(len(self.columns))
        self.low.append(low)
        self.high.append(high)

    def constraint(self, width: int) -> LinearConstraint:
        matrix = csr_array((self.data, self.columns, self.ends), shape=(len(self.low), width))
        return LinearConstraint(matrix, self.low, self.high)


def _solved(works: Sequence[Work], frame: Frame) -> Chosen | None:
    """The best choice that keeps everything, or None where there is none."""
    if not works:
        return Chosen({})
    count = len(frame.capacities)
    rows = _rows(works, frame)
    for index, work in enumerate(works):
        if (last := _last(work)) is not None:
            rows.add([(index * count + min(last, count) - 1, 1.0)], 1.0, 1.0)
    scale = max((work.value for work in works), default=0.0) or 1.0
    steps = [LATER**t - (LATER ** (t + 1) if t + 1 < count else 0.0) for t in range(count)]
    gains = np.array([-work.value / scale * step for work in works for step in steps])
    small = gains.size <= SMALL
    found = _milp(gains, rows, np.ones(gains.size), Bounds(0, 1), 0.0 if small else GAP)
    if found.x is None and found.status != 1:  # 1: out of time; else there is none
        return None
    others = [greedy(works, frame), *([] if small or count == 1 else [_one_by_one(works, frame)])]
    others = [some for some in others if all(
        some.get(work.id, np.inf) <= last for work in works if (last := _last(work)) is not None)]
    other = max(others, key=lambda some: worth(works, some), default=None)
    if found.x is None:
        return None if other is None else Chosen(other, exact=False)
    solved = {work.id: int(is_in.argmax()) + 1
              for work, is_in in zip(works, found.x.reshape(-1, count) > 0.5, strict=True) if is_in.any()}
    if other is not None and worth(works, other) > worth(works, solved):
        return Chosen(other, exact=False)
    return Chosen(solved, exact=small and found.status == 0)


def _one_by_one(works: Sequence[Work], frame: Frame) -> dict[str, int]:
    """The best choice for the first iteration, then for the next of what is left, and so on: quick, and mostly good. It looks
    ahead to no date."""
    placed: dict[str, int] = {}
    for t, capacity in enumerate(frame.capacities):
        left = [replace(work, after=tuple(other for other in work.after if other not in placed), pinned=work.pinned and not t,
                        by=1 if work.by == t + 1 else None) for work in works if work.id not in placed]
        found = _solved(left, Frame((capacity,), {name: (row[t],) for name, row in frame.kept.items()}))
        placed |= dict.fromkeys(found.iterations if found else (), t + 1)
    return placed


def _last(work: Work) -> int | None:
    return 1 if work.pinned else work.by


def _milp(cost: Any, rows: _Rows, integrality: Any, bounds: Bounds, gap: float) -> Any:
    return milp(cost, constraints=rows.constraint(cost.size), integrality=integrality, bounds=bounds,
                options={"mip_rel_gap": gap, "time_limit": SECONDS})


def _rows(works: Sequence[Work], frame: Frame) -> _Rows:
    """What is in stays in, order, and room in every iteration. Column work × iterations + t says that the work is in by the
    iteration t; "by" branches far better than "at"."""
    count, place = len(frame.capacities), {work.id: index for index, work in enumerate(works)}
    rows, room = _Rows(), _Room(frame)
    for index, work in enumerate(works):
        for t in range(count):
            if t:
                rows.add([(index * count + t - 1, 1.0), (index * count + t, -1.0)], -np.inf, 0.0)
            for other in work.after:
                rows.add([(index * count + t, 1.0), (place[other] * count + t, -1.0)], -np.inf, 0.0)
    for t in range(count):
        for number, names in enumerate(room.sets):
            rows.add(_taking(works, names, t, count), -np.inf, max(room.left[t, number], 0.0) + ROUNDING / 2)
    return rows


def _taking(works: Sequence[Work], names: tuple[str, ...], t: int, count: int) -> Iterator[tuple[int, float]]:
    """The days that works outside of the categories `names` take in iteration `t`."""
    for index, work in enumerate(works):
        if work.category not in names:
            yield index * count + t, work.days
            if t:
                yield index * count + t - 1, -work.days


def _relaxed(works: Sequence[Work], frame: Frame) -> tuple[list[Work], Frame, Chosen]:
    """Works and frame with as little taken back as it takes, and what that is. Giving a day of a kept share costs least, then a
    pin, then a date: one of these outweighs all of those."""
    count, musts = len(frame.capacities), [index for index, work in enumerate(works) if _last(work) is not None]
    kept = [(name, t) for name in sorted(frame.kept) for t in range(count)]
    width = len(works) * count
    rows = _Rows()
    plain = _rows(works, replace(frame, kept={}))
    rows.data, rows.columns, rows.ends, rows.low, rows.high = plain.data, plain.columns, plain.ends, plain.low, plain.high
    for number, index in enumerate(musts):
        last = _last(works[index]) or 1
        rows.add([(index * count + min(last, count) - 1, 1.0), (width + number, 1.0)], 1.0, np.inf)
    given = width + len(musts)
    for t in range(count):
        for names in _sets(frame)[1:]:
            entries = [*_taking(works, names, t, count), *((given + kept.index((name, t)), -1.0) for name in names)]
            rows.add(entries, -np.inf, max(frame.capacities[t] - sum(frame.kept[name][t] for name in names), 0.0) + ROUNDING / 2)
    pins = sum(work.pinned for work in works)
    cost = np.concatenate([np.zeros(width), [1.0 if works[index].by is None else pins + 2.0 for index in musts],
                           np.full(len(kept), 0.5 / (sum(frame.capacities) or 1.0))])
    high = np.concatenate([np.ones(given), [frame.kept[name][t] for name, t in kept]])
    integrality = np.concatenate([np.ones(given), np.zeros(len(kept))])
    found = _milp(cost, rows, integrality, Bounds(0, high), 0.0)
    if found.x is None:
        raise RuntimeError(f"no plan was found: {found.message}")
    return _taken_back(works, frame, found.x[width:given] > 0.5, musts, dict(zip(kept, found.x[given:], strict=True)))


def _taken_back(works: Sequence[Work], frame: Frame, missed: Any, musts: Sequence[int],
                given: Mapping[tuple[str, int], float]) -> tuple[list[Work], Frame, Chosen]:
    lost = {index for index, is_missed in zip(musts, missed, strict=True) if is_missed}
    eased = {name: tuple(max(0.0, days - given[name, t] - ROUNDING) for t, days in enumerate(row))
             for name, row in frame.kept.items()}
    told = Chosen({}, unpinned=tuple(works[index].id for index in sorted(lost) if works[index].pinned),
                  late=tuple(works[index].id for index in sorted(lost) if works[index].by is not None),
                  given={(name, t + 1): round(days, 4) for (name, t), days in given.items() if days > ROUNDING * 10})
    relaxed = [replace(work, pinned=False, by=None) if index in lost else work for index, work in enumerate(works)]
    return relaxed, replace(frame, kept=eased), told
