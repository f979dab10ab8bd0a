"""What would move a story in or out of the scope: found by planning anew with that change, so that it is true."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from include.scope_planning.choice import Item, Plan, Settings, plan
from include.scope_planning.scores import Candidate

CAPACITIES = (1.1, 0.9, 1.25, 0.75, 1.5, 0.5, 2.0, 0.25, 3.0)  # times the capacity that there is
STEP = 0.5  # person-days


def with_changes(stories: Sequence[Candidate], settings: Settings, base: Plan) -> Plan:
    """`base`, each of its items with what would change its place, as far as planning anew pays: a plan of many stories over many
    iterations tries little, and says so by saying nothing."""
    tries = _Tries(stories, settings, _allowed(len(stories), settings.iterations) if base.exact else 0)
    ladder = dict(tries.capacities())
    items = [replace(item, change=_capacity(item, ladder, settings)) for item in base.items]
    more = {item.story.id: change for item in items if not item.chosen and (change := _further(item, tries, settings))}
    return replace(base, items=tuple(
        replace(item, change="; or ".join(filter(None, [more.get(item.story.id), item.change])) or None) for item in items))


def _allowed(stories: int, iterations: int) -> int:
    """How many times to plan anew: about two seconds in all."""
    size = stories * iterations
    steps = ((60, 60), (300, 40), (700, 15)) if iterations == 1 else ((30, 60), (60, 20), (120, 9))
    return next((tries for limit, tries in steps if size <= limit), 0)


class _Tries:
    """Plans with one thing changed, as many as are allowed."""

    def __init__(self, stories: Sequence[Candidate], settings: Settings, allowed: int) -> None:
        self.stories, self.settings, self.left = stories, settings, allowed

    def capacities(self) -> Iterator[tuple[float, set[str]]]:
        """The stories that are in at other capacities."""
        for times in CAPACITIES[: self.left]:
            capacity = max(round(self.settings.capacity * times / STEP) * STEP, STEP)
            if capacity != self.settings.capacity:
                self.left -= 1
                yield capacity, set(plan(self.stories, replace(self.settings, capacity=capacity)).chosen)

    def is_in(self, name: str, change: Callable[[Candidate], Candidate] = lambda story: story,
              settings: Settings | None = None) -> bool | None:
        """Whether the story is in once it is changed; None where no try is left."""
        if self.left <= 0:
            return None
        self.left -= 1
        changed = [change(story) if story.id == name else story for story in self.stories]
        return name in plan(changed, settings or self.settings).chosen


def _capacity(item: Item, ladder: dict[float, set[str]], settings: Settings) -> str | None:
    """The nearest capacity that was tried at which the story changes sides."""
    if item.story.begun or not ladder:
        return None
    others = sorted((days for days, chosen in ladder.items() if (item.story.id in chosen) != item.chosen
                     and (days < settings.capacity) == item.chosen), reverse=item.chosen)
    if others:
        return f"{'out' if item.chosen else 'in'} at {others[0]:g} days of capacity"
    return f"in even at {min(ladder):g} days of capacity" if item.chosen else None


def _further(item: Item, tries: _Tries, settings: Settings) -> str | None:
    """What else would bring a story in: lifting what keeps it out, a smaller effort, a pin."""
    name = item.story.id
    for words, change, changed in _lifts(item.story, settings, {story.id for story in tries.stories}):
        if tries.is_in(name, change, changed):
            return words
    if not item.story.draft and name not in settings.exclude and (effort := _effort(item.story, tries, settings)):
        return f"in if its effort is {effort:g} {'day' if effort == 1 else 'days'}{_or_less(settings)}"
    pinned = replace(settings, pins=(*settings.pins, name), exclude=tuple(set(settings.exclude) - {name}))
    if name in settings.pins or not tries.is_in(name, settings=pinned):
        return None
    return "in if it is pinned instead of excluded" if name in settings.exclude else "in if it is pinned"


def _or_less(settings: Settings) -> str:
    return "" if settings.method == "own" else " or less"  # RICE's and WSJF's worth does not fall with the effort


def _lifts(story: Candidate, settings: Settings,
           known: set[str]) -> Iterator[tuple[str, Callable[[Candidate], Candidate], Settings]]:
    if story.id in settings.exclude:
        yield ("in if it is no longer excluded", lambda story: story,
               replace(settings, exclude=tuple(set(settings.exclude) - {story.id})))
    if story.draft:
        yield "in when it is mended", lambda story: replace(story, draft=None), settings
    if story.waits:
        named = [wait.on if wait.on in known else wait.reason for wait in story.waits]
        yield f"in when done: {'; '.join(map(str, named))}", lambda story: replace(story, waits=()), settings


def _effort(story: Candidate, tries: _Tries, settings: Settings) -> float | None:
    """The greatest effort, in steps of half a day, with which the story is in."""
    def fits(steps: int) -> bool:
        return bool(tries.is_in(story.id, lambda story: replace(story, effort_days=steps * STEP)))

    highest = int((story.days or settings.capacity + STEP) / STEP - 1e-9)
    if highest < 1 or not fits(1):
        return None
    low, high = 1, highest + 1
    while high - low > 1 and tries.left > 0:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low * STEP
