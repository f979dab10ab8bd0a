"""What the person who approves a scope is shown."""

from collections.abc import Mapping, Sequence

from include.markup import markdown, plain
from include.product import Product
from include.scope_planning.choice import Item

SHOWN = 40  # stories; a form is no report
QUOTE = 140  # characters


def subject(product: Product, items: Sequence[Item]) -> str:
    """One line: how many stories and days."""
    chosen = [item for item in items if item.chosen]
    return (f"Scope of {plain(product.title, 80)}: {len(chosen)} of {len(items)} stories, "
            f"{used(items):g} of {product.planning.capacity:g} person-days")


def used(items: Sequence[Item]) -> float:
    """Person-days that the chosen stories take."""
    return sum(item.factors["effort"] for item in items if item.chosen)


def shown(items: Sequence[Item]) -> list[Item]:
    """The items that the table shows: those in first, then by rank."""
    return sorted(items, key=lambda item: (not item.chosen, item.rank))[:SHOWN]


def body(product: Product, items: Sequence[Item], quotes: Mapping[str, Sequence[str]]) -> str:
    """A Markdown table of the stories, best first; `quotes` are the texts of some voices of each story, untrusted."""
    lines = [f"Scored by {product.planning.method.upper()}; capacity {product.planning.capacity:g} person-days.", "",
             "| | story | score | days | people | why | voices |", "|---|---|--:|--:|--:|---|---|"]
    lines += [_row(item, quotes.get(item.story.id, ())) for item in shown(items)]
    if len(items) > SHOWN:
        lines += ["", f"{len(items) - SHOWN} more stories are not shown here."]
    return "\n".join(lines) + "\n"


def _row(item: Item, quotes: Sequence[str]) -> str:
    said = "<br>".join(f"“{markdown(quote, QUOTE)}”" for quote in quotes)
    story = f"{markdown(item.story.title, 120)} ({markdown(item.story.id)}, {markdown(item.story.kind)})"
    return (f"| {'**in**' if item.chosen else 'out'} | {story} | {item.score:.4g} | {item.factors['effort']:g} "
            f"| {item.story.people} | {markdown(item.why)} | {said} |")
