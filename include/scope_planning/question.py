"""What the person who approves a scope is shown."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from include.markup import markdown, plain
from include.product import Product
from include.relief import Relief
from include.scope_planning.choice import Item, Plan, Settings

SHOWN = 40  # stories; a form is no report
CHANGES, MEASURED = 12, 5
QUOTE = 140  # characters


@dataclass(frozen=True)
class Last:
    """What was approved last: its stories with their titles, its capacity, and when (as text). Without one all is new."""

    stories: Mapping[str, str] = field(default_factory=dict)
    capacity: float | None = None
    at: str | None = None


def subject(product: Product, plan: Plan, settings: Settings) -> str:
    """One line: how many stories and days."""
    return (f"Scope of {plain(product.title, 80)}: {len(plan.chosen)} of {len(plan.items)} stories, "
            f"{plan.used():g} of {settings.capacity:g} person-days")


def shown(plan: Plan) -> list[Item]:
    """The items that the table shows: those in first, then those planned for later, then by rank."""
    return sorted(plan.items, key=lambda item: (item.iteration or 1000, item.rank))[:SHOWN]


def body(plan: Plan, settings: Settings, last: Last, told: Sequence[str], measured: Sequence[Relief],
         quotes: Mapping[str, Sequence[str]]) -> str:
    """Markdown: what could not be done as asked, what changed against the `last` scope, the stories, how predictions held.
    `quotes` are the texts of some voices of each story, untrusted."""
    parts = [_list("What was asked for last could not be taken over:", told),
             _list("This can't all be done as asked:", plan.conflicts),
             _list(f"Changed against the scope of {last.at}:", changes(plan, settings, last)) if last.at else [],
             _table(plan, settings, quotes), _predictions(plan, measured)]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def changes(plan: Plan, settings: Settings, last: Last) -> list[str]:
    """What came in, what went out and why, and another capacity."""
    now = {item.story.id: item for item in plan.items}
    came = [f"in: {item.story.title} ({item.story.id}): {item.why}" for item in plan.items
            if item.chosen and item.story.id not in last.stories]
    went = [f"out: {title} ({name}): {now[name].why if name in now else 'it is released or dropped'}"
            for name, title in last.stories.items() if name not in now or not now[name].chosen]
    capacity = ([f"capacity: {settings.capacity:g} person-days, it was {last.capacity:g}"]
                if last.capacity is not None and last.capacity != settings.capacity else [])
    return [*capacity, *came, *went] or ["nothing"]


def _list(title: str, lines: Iterable[str]) -> list[str]:
    found = list(lines)
    more = [f"- and {len(found) - CHANGES} more"] if len(found) > CHANGES else []
    return [f"**{markdown(title)}**", "", *(f"- {markdown(line, 500)}" for line in found[:CHANGES]), *more] if found else []


def _table(plan: Plan, settings: Settings, quotes: Mapping[str, Sequence[str]]) -> list[str]:
    method = "the team's own expression" if settings.method == "own" else settings.method.upper()
    ahead = f", {settings.iterations} iterations ahead" if settings.iterations > 1 else ""
    kept = "".join(f"; {share:.0%} kept for {name}" for name, share in settings.kept.items())
    lines = [f"Scored by {method}; capacity {settings.capacity:g} person-days{ahead}{kept}."
             f"{'' if plan.exact else ' The plan is within 1 % of the best, or better than by hand.'}", "",
             "| | story | score | days | people | why | what would change it | voices |",
             "|---|---|--:|--:|--:|---|---|---|"]
    lines += [_row(item, quotes.get(item.story.id, ())) for item in shown(plan)]
    if len(plan.items) > SHOWN:
        lines += ["", f"{len(plan.items) - SHOWN} more stories are not shown here."]
    return lines


def _row(item: Item, quotes: Sequence[str]) -> str:
    said = " · ".join(f"“{markdown(quote, QUOTE)}”" for quote in quotes)
    story = f"{markdown(item.story.title, 120)} ({markdown(item.story.id)}, {markdown(item.story.kind)})"
    place = "**in**" if item.chosen else f"iteration {item.iteration}" if item.iteration else "out"
    return (f"| {place} | {story} | {item.score:.4g} | {item.factors['effort']:g} | {item.factors['reach']:g} "
            f"| {markdown(item.why)} | {markdown(item.change or '')} | {said} |")


def _predictions(plan: Plan, measured: Sequence[Relief]) -> list[str]:
    """How earlier predictions held, and what that does to the confidence in these."""
    if not measured:
        return []
    shares = {item.story.kind: item.story.held for item in plan.items}
    confidence = ", ".join(f"{kind} × {share:.2f}" for kind, share in sorted(shares.items()))
    return [f"**How predictions held** ({len(measured)} measured): confidence {markdown(confidence)}.", "",
            "| story | release | predicted | realised |", "|---|---|--:|--:|",
            *(f"| {markdown(item.story)} | {markdown(item.release)} | {item.predicted:.0%} | {item.realised:.0%} |"
              for item in measured[-MEASURED:])]
