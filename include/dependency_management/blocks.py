"""Which stories wait for what, and which no longer do."""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from include.product import Product
from include.ranges import Range

Row = dict[str, Any]
RULE = "rule"
UNRELEASED = ("draft", "ready", "scoped", "reopened")
DONE = ("released", "resolved")


@dataclass(frozen=True)
class Story:
    """What is known of a story here."""

    id: str
    product: str
    title: str
    want: str
    status: str
    effort_days: float | None = None


def block(story: Story, reason: str, by: str, at: datetime, *, on_product: str | None = None, on_story: str | None = None,
          needs: str | None = None) -> Row:
    """A row of `story_blocks`; its id follows from what waits for what since when."""
    named = f"{story.id} {on_product} {on_story} {needs} {by if by == RULE else 'person'} {at.isoformat()}"
    return {"id": "B-" + hashlib.sha256(named.encode()).hexdigest()[:10], "story_id": story.id, "product": story.product,
            "on_product": on_product, "on_story": on_story, "needs": needs, "reason": reason, "by": by, "since": at,
            "until": None, "ended": None}


def satisfied(needs: str | None, version: str | None) -> bool:
    """Whether the deployed `version` (None: nothing is) will do."""
    return version is not None and version in Range.parse(needs or "*")


def settle(known: Sequence[Row], stories: Mapping[str, Story], asked: Iterable[Row], deployed: Mapping[str, str],
           at: datetime) -> tuple[list[Row], list[Row]]:
    """What changed: the rows that are new, and those that have ended, with why.

    `known` are the open blocks, `stories` those of them and of what they wait for, `asked` what the products' files ask for now
    (`asked_by_rule`), `deployed` the version of each product that runs.
    """
    asked = list(asked)
    wanted = {_same(row) for row in asked}
    ended = [row | {"until": at, "ended": why} for row in known if (why := _ended(row, stories, wanted, deployed))]
    open_rules = {_same(row) for row in known if row["by"] == RULE}
    return [row for row in asked if _same(row) not in open_rules], ended


def _same(row: Row) -> tuple[str, str, str]:
    return row["story_id"], row["on_product"], row["needs"]


def _ended(row: Row, stories: Mapping[str, Story], wanted: Collection[tuple[str, str, str]], deployed: Mapping[str, str]) -> str:
    """Why a block has ended; empty where it hasn't."""
    story = stories.get(row["story_id"])
    if story is None or story.status not in UNRELEASED:
        return "the story is not waiting any more"
    if row["on_story"]:
        other = stories.get(row["on_story"])
        return f"{row['on_story']} is released" if other and other.status in DONE else ""
    version = deployed.get(row["on_product"])
    if satisfied(row["needs"], version):
        return f"{row['on_product']} {version} is deployed"
    return f"{row['on_product']} {row['needs']} is no longer asked for" if row["by"] == RULE and _same(row) not in wanted else ""


def asked_by_rule(portfolio: Iterable[Product], stories: Iterable[Story], cyclic: Collection[tuple[str, str]],
                  deployed: Mapping[str, str], at: datetime) -> list[Row]:
    """The blocks that `depends_on` asks for: an unreleased story waits while no version of the product that its product needs is
    deployed that will do. Nobody waits for a product without a file, or for one that needs it in turn."""
    portfolio = list(portfolio)
    known = {product.name for product in portfolio}
    waits = {product.name: [item for item in product.depends_on
                            if item.product in known and (product.name, item.product) not in cyclic
                            and not satisfied(item.needs, deployed.get(item.product))] for product in portfolio}
    return [block(story, _reason(item.product, item.needs, deployed), RULE, at, on_product=item.product, needs=item.needs)
            for story in stories if story.status in UNRELEASED for item in waits.get(story.product, ())
            if not item.concerns or _speaks_of(story, item.concerns)]


def _reason(product: str, needs: str, deployed: Mapping[str, str]) -> str:
    running = f"{deployed[product]} is" if product in deployed else "nothing of it is"
    return f"needs {product} {needs}, and {running} deployed"


def _speaks_of(story: Story, words: Iterable[str]) -> bool:
    text = f"{story.title} {story.want}".casefold()
    return any(word.casefold() in text for word in words)
