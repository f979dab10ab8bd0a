"""Step 2: a story for each theme that asks for something, and its evidence kept fresh."""

from typing import Any

from sqlalchemy import Connection, Engine, select

from include.ledger import trail
from include.ledger.engine import reading, upsert
from include.ledger.runs import Result, Run, finish, result_of
from include.ledger.tables import stories, story_themes
from include.product import Product
from include.story_writing.rules import LIVE, REWRITABLE, TICKET_TYPES, Row, Theme, new_story, renewed
from include.story_writing.themes import themes_of

Ties = set[tuple[str, str]]  # (theme, story)


def write(engine: Engine, product: Product, run: Run) -> Result:
    """Write the stories of a product's themes.

    Returns `created`, `reopened`, `changed`, `dropped` (story ids), `refreshed` (a count), and `publish`: the product where
    there is something to plan anew (see `rules.renewed`).
    """
    if known := result_of(engine, run):
        return known
    with reading(engine) as connection:
        themes = {theme.id: theme for theme in themes_of(connection, product, run)}
    return finish(engine, run, lambda connection: _written(connection, product, run, themes))


def _written(connection: Connection, product: Product, run: Run, themes: dict[str, Theme]) -> Result:
    # Stories are read inside of the writing transaction: a scope decided meanwhile must not be undone.
    known, ties = _stories(connection, product)
    followed, doubled = _after_merges(known, ties, themes)
    answers = dict(sorted(ties | followed))
    words = (product.title, product.outcome.exposure, run.at)
    created = {theme.id: new_story(theme, product.name, *words) for theme in themes.values()
               if theme.status in LIVE and theme.kind != "praise" and theme.id not in answers}
    dropped = [known[story] | {"status": "dropped", "updated_at": run.at} for story in sorted(doubled)]
    fresh = [(known[story], *renewed(known[story], themes[theme], *words)) for theme, story in answers.items()
             if theme in themes and themes[theme].status != "merged" and story not in doubled]
    changed = [row for before, row, _ in fresh if row != before]
    upsert(connection, stories, [*created.values(), *changed, *dropped])
    upsert(connection, story_themes, [
        {"story_id": story, "theme_id": theme}
        for theme, story in [*sorted(followed - ties), *((theme, row["id"]) for theme, row in created.items())]])
    trail.record(connection, run, [_ticket(run, row) for row in created.values()])
    material = sorted(row["id"] for _, row, is_material in fresh if is_material)
    return {"created": sorted(row["id"] for row in created.values()), "changed": material, "dropped": sorted(doubled),
            "reopened": sorted(row["id"] for before, row, is_material in fresh if is_material and row["status"] == "reopened"
                               and row["revision"] > before["revision"]),
            "refreshed": len(changed), "publish": [product.name] if created or material or dropped else []}


def _stories(connection: Connection, product: Product) -> tuple[dict[str, Row], Ties]:
    """The product's stories by id, and which theme each answers."""
    known = {row["id"]: dict(row) for row in connection.execute(
        select(stories).where(stories.c.product == product.name)).mappings()}
    ties = connection.execute(select(story_themes.c.theme_id, story_themes.c.story_id)
                              .join(stories, stories.c.id == story_themes.c.story_id).where(stories.c.product == product.name))
    return known, {(theme, story) for theme, story in ties}


def _after_merges(known: dict[str, Row], ties: Ties, themes: dict[str, Theme]) -> tuple[Ties, set[str]]:
    """What merges of themes mean for stories: ties (theme, story) that follow a theme into the one that took it in, and
    stories that are doubled because that theme has a story of its own and nobody has committed to them yet."""
    taken = {theme for theme, _ in ties}
    followed: Ties = set()
    doubled: set[str] = set()
    for theme, story in sorted(ties):
        into = _merged_into(theme, themes)
        if into == theme:
            continue
        if into not in taken:
            followed.add((into, story))
            taken.add(into)
        elif (into, story) not in ties and known[story]["status"] in REWRITABLE:
            doubled.add(story)
    return followed, doubled


def _merged_into(theme: str, themes: dict[str, Theme]) -> str:
    seen = {theme}
    while theme in themes and (into := themes[theme].merged_into) and into not in seen:
        theme = into
        seen.add(theme)
    return theme


def _ticket(run: Run, story: Row) -> dict[str, Any]:
    return trail.event(run, "ticket.created", story["id"], {
        "summary": story["title"], "ticketType": TICKET_TYPES.get(story["kind"], "bug"), "creator": run.phase,
        "uri": f"/closed-loop/{run.product}/stories/{story['id']}"})
