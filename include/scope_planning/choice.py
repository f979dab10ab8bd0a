"""Which stories are in the scope, and why each is in or out."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from include.scope_planning.optimiser import Chosen, Frame, Work, choose
from include.scope_planning.scores import Candidate, Factors, Score, scoring

LONGEST = 500  # characters of a reason that was handed on


@dataclass(frozen=True)
class Settings:
    """How to choose: the method (with its expression, where it is the team's own), person-days of an iteration, how many
    iterations ahead, shares kept for categories, and the ids of stories that must be in or out."""

    method: str = "rice"
    capacity: float = 10.0
    iterations: int = 1
    expression: str | None = None
    kept: Mapping[str, float] = field(default_factory=dict)
    pins: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    @property
    def score(self) -> Score:
        return scoring(self.method, self.expression)


@dataclass(frozen=True)
class Item:
    """A story's place in a plan. `rank` starts at 1, by score; `iteration` is None where it is out of the plan, and only the
    first is the scope. `change` says what would move it in or out."""

    story: Candidate
    rank: int
    factors: Factors
    iteration: int | None
    why: str
    change: str | None = None

    @property
    def score(self) -> float:
        return self.factors["score"]

    @property
    def chosen(self) -> bool:
        return self.iteration == 1


@dataclass(frozen=True)
class Plan:
    """The items by rank, what could not be done as it was asked (`conflicts`), and whether no better choice exists."""

    items: tuple[Item, ...]
    conflicts: tuple[str, ...] = ()
    exact: bool = True

    @property
    def chosen(self) -> list[str]:
        """The ids of the stories in the scope."""
        return sorted(item.story.id for item in self.items if item.chosen)

    def used(self, iteration: int = 1) -> float:
        """Person-days that the stories of an iteration take."""
        return round(sum(item.factors["effort"] for item in self.items if item.iteration == iteration), 4)


def plan(stories: Sequence[Candidate], settings: Settings) -> Plan:
    """Score `stories`, choose the set of the greatest worth that fits, and say why each is in or out.

    Stories whose work has begun stay in and use their days first. A story that waits for another comes not before it. What is
    pinned or bears a date is in, as far as that can be; where it can't, `conflicts` names what had to give.
    """
    factors = {story.id: settings.score(story) for story in stories}
    ranked = sorted(stories, key=lambda story: (-factors[story.id]["score"], story.id))
    begun = {story.id for story in ranked if story.begun}
    out = _out(ranked, factors, settings, begun)
    works = [_work(story, factors[story.id], settings, begun) for story in ranked
             if story.id not in out and story.id not in begun]
    frame = _frame(works, settings, sum(story.days for story in ranked if story.begun))
    found = choose(works, frame)
    iterations = found.iterations | dict.fromkeys(begun, 1)
    reasons = _Reasons(settings, factors, iterations, out, {story.id: story for story in ranked})
    items = tuple(Item(story, rank, factors[story.id], iterations.get(story.id), reasons.of(story, rank))
                  for rank, story in enumerate(ranked, start=1))
    return Plan(items, tuple(_conflicts(ranked, settings, out, found)), found.exact)


def _frame(works: Iterable[Work], settings: Settings, begun: float) -> Frame:
    """Capacities after the work that has begun; a share is kept only as far as there is work for it."""
    capacities = (max(0.0, settings.capacity - begun), *[settings.capacity] * (settings.iterations - 1))
    there = {name: sum(work.days for work in works if work.category == name) for name in settings.kept}
    kept = {name: tuple(min(share * settings.capacity, there[name], days) for days in capacities)
            for name, share in settings.kept.items() if there[name] > 0}
    return Frame(capacities, {name: row for name, row in kept.items() if any(row)})


def _work(story: Candidate, factors: Factors, settings: Settings, begun: Collection[str]) -> Work:
    after = tuple(sorted({wait.on for wait in story.waits if wait.on and wait.on not in begun}))
    return Work(story.id, factors["score"] * factors.get("job_size", story.days), story.days, after, _by(story, settings),
                story.id in settings.pins, story.category)


def _by(story: Candidate, settings: Settings) -> int | None:
    """The last iteration that the story's date leaves, if it is one of the plan's."""
    return max(story.by, 1) if story.by is not None and story.by <= settings.iterations else None


def _out(ranked: Sequence[Candidate], factors: Mapping[str, Factors], settings: Settings, begun: set[str]) -> dict[str, str]:
    """The stories that can't be in, each with its reason; and those that wait for one of them."""
    known = {story.id for story in ranked}
    out = {story.id: reason for story in ranked if story.id not in begun
           and (reason := _unfit(story, factors[story.id], settings, known))}
    waiting: dict[str | None, list[str]] = {}
    for story in ranked:
        for wait in story.waits if story.id not in begun else ():
            waiting.setdefault(wait.on, []).append(story.id)
    new = list(out)
    for name in new:  # grows while it is read
        late = [other for other in waiting.get(name, ()) if other not in out]
        out |= dict.fromkeys(late, f"waits for {name}, which {out[name]}"[:LONGEST])
        new += late
    circles = _circles(ranked, out.keys() | begun)
    return out | {name: f"waits in a circle: {' → '.join(path)}"[:LONGEST] for name, path in circles.items()}


def _unfit(story: Candidate, factors: Factors, settings: Settings, known: Collection[str]) -> str | None:
    if story.id in settings.exclude:
        return "is excluded"
    if story.draft:
        return f"is a draft: {story.draft}"
    if blocks := [wait.reason for wait in story.waits if wait.on not in known]:
        return f"waits for {'; '.join(blocks)}"
    if not story.days:
        return "has no estimate"
    if factors["score"] <= 0 and story.id not in settings.pins and _by(story, settings) is None:
        return "is worth nothing by its score" if factors["reach"] else "was asked for by nobody in the last quarter"
    return None


def _circles(ranked: Sequence[Candidate], done: Collection[str]) -> dict[str, list[str]]:
    """The stories that wait, over others, for themselves, or for one that does; each with that circle."""
    after = {story.id: sorted({wait.on for wait in story.waits if wait.on and wait.on not in done})
             for story in ranked if story.id not in done}
    waiting: dict[str, list[str]] = {}
    for name, others in after.items():
        for other in others:
            waiting.setdefault(other, []).append(name)
    ready = [name for name, others in after.items() if not any(other in after for other in others)]
    for name in ready:  # takes away what waits for nothing, until only circles and what hangs on them are left; grows meanwhile
        del after[name]
        ready += [other for other in waiting.get(name, ()) if other in after and not any(o in after for o in after[other])]
    found: dict[str, list[str]] = {}
    for name in after:
        walk: dict[str, int] = {}
        while name not in walk and name not in found:
            walk[name] = len(walk)
            name = next(other for other in after[name] if other in after)
        path = list(walk)
        circle = found.get(name) or [*path[walk[name]:], name]
        found |= dict.fromkeys(path, circle)
    return found


def _conflicts(ranked: Sequence[Candidate], settings: Settings, out: Mapping[str, str], found: Chosen) -> Iterable[str]:
    """What could not be done as it was asked, the gravest first."""
    begun = {story.id: story for story in ranked if story.begun}
    known = {story.id for story in ranked}
    for story in ranked:
        if (by := _by(story, settings)) is not None and story.id not in begun:
            if story.id in out or story.id in found.late:
                reason = out.get(story.id, "there is no room for it and what it waits for")
                yield f"{story.id} is due on {story.due}, so in iteration {by}, but {reason}"
            elif not story.by:
                yield f"{story.id} is due on {story.due}, before the first iteration ends"
    for pin in settings.pins:
        if pin in out or pin in found.unpinned:
            yield f"{pin} is pinned, but {out.get(pin, 'there is no room for it and what it waits for')}"
        elif pin not in known:
            yield f"{pin} is pinned, but no such story is to be planned"
    yield from (f"{name} is excluded, but its work has begun" for name in settings.exclude if name in begun)
    if (taken := sum(story.days for story in begun.values())) > settings.capacity + 1e-6:
        yield f"the work that has begun takes {_days(taken)}, more than the capacity of {settings.capacity:g}"
    yield from (f"the share kept for {name} gives {_days(round(days, 2))} in iteration {iteration}"
                for (name, iteration), days in sorted(found.given.items()))


class _Reasons:
    """Why each story is in or out."""

    def __init__(self, settings: Settings, factors: Mapping[str, Factors], iterations: Mapping[str, int],
                 out: Mapping[str, str], known: Mapping[str, Candidate]) -> None:
        self.settings, self.factors, self.iterations, self.out = settings, factors, iterations, out
        self.left = settings.capacity - sum(story.days for story in known.values() if iterations.get(story.id) == 1)
        self.asked_by = {wait.on: story.id for story in reversed(list(known.values())) for wait in story.waits
                         if story.id in iterations and not story.begun}

    def of(self, story: Candidate, rank: int) -> str:
        effort = _days(self.factors[story.id]["effort"])
        if story.begun:
            return f"its work has begun; {effort}"
        if (reason := self.out.get(story.id)) is not None:
            return reason
        if story.id in self.iterations:
            return self._inside(story, rank, effort)
        if story.days > self.settings.capacity:
            return f"needs {effort}, more than the whole capacity of {self.settings.capacity:g}"
        return f"needs {effort}, {max(round(self.left, 4), 0):g} left; it would push out what is worth at least as much"

    def _inside(self, story: Candidate, rank: int, effort: str) -> str:
        iteration = self.iterations[story.id]
        place = "" if iteration == 1 else f"planned for iteration {iteration}: "
        if story.id in self.settings.pins and iteration == 1:
            return f"pinned; {effort}"
        if (by := _by(story, self.settings)) is not None and iteration <= by:
            return f"{place}due on {story.due}; {effort}"
        asker = self.asked_by.get(story.id)
        return f"{place}rank {rank}; its {effort} fit" + (f"; {asker} waits for it" if asker else "")


def _days(number: float) -> str:
    return f"{number:g} day" if number == 1 else f"{number:g} days"
