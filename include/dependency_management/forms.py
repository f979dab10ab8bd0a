"""What a person says of a story: it waits for a release of another product, or for another story; or it waits no longer."""

import re
from collections import defaultdict
from typing import Any

from sqlalchemy import Connection, Engine, select

from include.dependency_management.blocks import DONE, UNRELEASED, Row, Story, block, satisfied
from include.dependency_management.graph import path
from include.dependency_management.store import State, state
from include.errors import InputError
from include.key import PRODUCT_PATTERN
from include.ledger.engine import upsert
from include.ledger.runs import Result, Run, finish, lease, result_of
from include.ledger.tables import stories, story_blocks
from include.markup import plain
from include.product import product_named
from include.ranges import Range


def block_story(engine: Engine, run: Run, who: str, asked: dict[str, Any]) -> Result:
    """Block a story of the run's product, or lift what blocks it.

    `asked` has `story`, `waits_for` (a product or another story), `needs` (a range of its versions; empty: its next release),
    `reason`, and `action`: block or lift (all that blocks the story where `waits_for` is empty; what `depends_on` says comes back
    as long as it holds). Returns `story`, `blocks` (ids) and `publish`: the product. Raises InputError where the story or what it
    waits for is unknown or done, where the range is none or holds nothing, and where stories would wait for one another, with the
    whole path.
    """
    if known := result_of(engine, run):
        return known

    def write(connection: Connection) -> Result:
        story = _story(connection, str(asked["story"]).strip(), run.product)
        now, on = state(connection), str(asked.get("waits_for") or "").strip()
        reason = plain(f"{who}: {asked.get('reason') or 'no reason given'}", 1000)
        rows = ([_blocked(connection, now, run, story, on, asked, who, reason)] if asked["action"] == "block" else
                [row | {"until": run.at, "ended": f"lifted by {reason}"} for row in now.blocks
                 if row["story_id"] == story.id and on in ("", row["on_product"], row["on_story"])])
        if not rows:
            raise InputError(f"lift: nothing blocks story {story.id}{f' because of {on}' if on else ''}")
        upsert(connection, story_blocks, rows)
        return {"publish": [run.product], "story": story.id, "blocks": sorted(row["id"] for row in rows)}

    with lease(engine, "dependencies", f"{run.phase} {run.run_id}", wait=600):
        return finish(engine, run, write)


def _story(connection: Connection, story: str, product: str | None = None) -> Story:
    row = connection.execute(select(stories).where(stories.c.id == story)).first()
    if row is None or product not in (None, row.product):
        raise InputError(f"there is no story {plain(story, 100)!r}{f' of {product}' if product else ''}")
    return Story(row.id, row.product, row.title, row.want, row.status, row.effort_days)


def _blocked(connection: Connection, now: State, run: Run, story: Story, on: str, asked: dict[str, Any], who: str,
             reason: str) -> Row:
    if story.status not in UNRELEASED:
        raise InputError(f"story {story.id} is {story.status}: it waits for nothing any more")
    if re.fullmatch(PRODUCT_PATTERN, on):
        needs = _needs(now, product_named(on).name, str(asked.get("needs") or "").strip())
        if on == story.product:
            raise InputError(f"story {story.id} cannot wait for a release of its own product: {on}")
        return block(story, reason, who, run.at, on_product=on, needs=needs)
    other = _story(connection, on)
    waits: dict[str, list[str]] = defaultdict(list)
    for row in now.blocks:
        waits[row["story_id"]] += [row["on_story"]] if row["on_story"] else []
    if other.status in (*DONE, "dropped"):
        raise InputError(f"story {other.id} is {other.status}: nobody has to wait for it")
    if other.id == story.id or (circle := path(waits, other.id, story.id)):
        way = [story.id, other.id] if other.id == story.id else [story.id, *circle]
        raise InputError(f"stories would wait for one another for ever: {' waits for '.join(way)}")
    return block(story, reason, who, run.at, on_story=other.id)


def _needs(now: State, product: str, text: str) -> str:
    """The range asked for, or whatever comes after what is deployed now."""
    running = now.deployed.get(product)
    if not text:
        return f">{running}" if running else "*"
    if not Range.parse(text):
        raise InputError(f"no version can be in {text!r}")
    if satisfied(text, running):
        raise InputError(f"{product} {running} is deployed, which is in {text!r}: there is nothing to wait for")
    return text
