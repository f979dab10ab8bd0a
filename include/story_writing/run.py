"""Step 2: a story for each theme that asks for something, its evidence kept fresh, its words a person's where one wrote them."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Engine, select

from include.ledger import trail
from include.ledger.engine import reading, upsert
from include.ledger.runs import Result, Run, finish, lease, result_of
from include.ledger.tables import stories, story_themes
from include.product import Product
from include.story_writing import history
from include.story_writing.alike import nearest
from include.story_writing.history import CURRENT, PHASE, PROPOSED, TEXT, Revision, Ties, words_of
from include.story_writing.prediction import predicted
from include.story_writing.rules import (
    REWRITABLE,
    TICKET_TYPES,
    UNRELEASED,
    Frame,
    Renewed,
    Row,
    Theme,
    assessed,
    doubled,
    errors_of,
    new_story,
    renewed,
    story_id,
    together,
)
from include.story_writing.themes import evidence_of, reliefs, themes_of

Themes = Mapping[str, Theme]
Rows = Mapping[str, Row]


def write(engine: Engine, product: Product, run: Run) -> Result:
    """Write the stories of a product's themes.

    Returns `created`, `reopened`, `changed`, `dropped`, `proposed` (other words for a story that a person wrote; all story ids),
    `drafts` (what must be mended, by story), `refreshed` (a count), and `publish`: the product where there is something to plan
    anew (see `rules.renewed`).
    """
    if known := result_of(engine, run):
        return known
    with lease(engine, f"stories:{product.name}", f"{run.phase} {run.run_id}"):
        with reading(engine) as connection:
            themes = {theme.id: theme for theme in themes_of(connection, product, run)}
        return finish(engine, run, lambda connection: _written(connection, product, run, themes))


def _written(connection: Connection, product: Product, run: Run, themes: Themes) -> Result:
    # Stories are read inside of the writing transaction: a scope decided meanwhile must not be undone.
    known, before = stories_of(connection, product.name)
    ties, twice = _after_merges(known, before, themes)
    ties |= _new_ties(known, ties, history.untied(connection, product.name, ties), themes)
    frame = frame_of(connection, product, run)
    needs = needs_of(connection, product, run, known, ties, themes)
    created = {story: new_story(story, need, frame) for story, need in needs.items() if story not in known}
    last = history.last_numbers(connection, product.name)
    fresh = {story: renewed(known[story], need, frame, last.get(story, 0)) for story, need in needs.items() if story in known}
    dropped = {story: doubled(known[story], run.at) for story in twice}
    rows = assessed(known | {story: new.row for story, new in fresh.items()} | created | dropped)
    changed = [row for story, row in rows.items() if row != known.get(story)]
    upsert(connection, stories, changed)
    upsert(connection, story_themes, [{"story_id": story, "theme_id": theme} for theme, story in sorted(ties - before)])
    proposed = _keep_words(connection, run, known, rows, fresh, ties, last)
    trail.record(connection, run, [ticket(run, rows[story]) for story in created])
    material = sorted(story for story, new in fresh.items() if new.material or _turned(known[story], rows[story]))
    return {"created": sorted(created), "changed": material, "dropped": sorted(twice),
            "reopened": sorted(story for story, new in fresh.items() if new.reopened), "proposed": proposed,
            "drafts": {story: errors_of(row) for story, row in sorted(rows.items()) if row["status"] == "draft"},
            "refreshed": len(changed) - len(created), "publish": [product.name] if created or material or twice else []}


def stories_of(connection: Connection, product: str) -> tuple[dict[str, Row], Ties]:
    """The product's stories by id, and which theme each answers."""
    known = {row["id"]: dict(row) for row in connection.execute(
        select(stories).where(stories.c.product == product)).mappings()}
    ties = connection.execute(select(story_themes.c.theme_id, story_themes.c.story_id)
                              .join(stories, stories.c.id == story_themes.c.story_id).where(stories.c.product == product))
    return known, {(theme, story) for theme, story in ties}


def frame_of(connection: Connection, product: Product, run: Run) -> Frame:
    """What all stories of this run have in common; for each kind of story, the relief that is predicted."""
    seen = reliefs(connection, product)
    relief = {kind: asdict(predicted(kind, seen.get(kind, ()))) for kind in TICKET_TYPES}
    return Frame(product.name, product.title, product.outcome.exposure, run.at, relief)


def needs_of(connection: Connection, product: Product, run: Run, known: Rows, ties: Ties, themes: Themes) -> dict[str, Theme]:
    """What each story answers: its themes together, without those that were merged into others."""
    answered: defaultdict[str, list[Theme]] = defaultdict(list)
    for theme, story in sorted(ties):
        if theme in themes and themes[theme].status != "merged":
            answered[story].append(themes[theme])
    return {story: together(several, known[story]["metric"].get("theme") if story in known else None,
                            evidence_of(connection, product, run, several) if len(several) > 1 else None)
            for story, several in answered.items()}


def _new_ties(known: Rows, ties: Ties, untied: Ties, themes: Themes) -> Ties:
    """Which story answers each theme that has none: one that answers the same trouble in another language (unless a person
    has `untied` the two), or a new one."""
    answered = {theme for theme, _ in ties}
    homes = [(story, themes[theme].language, themes[theme].direction) for theme, story in sorted(ties)
             if theme in themes and known[story]["status"] in UNRELEASED and not known[story]["part_of"]]
    new: Ties = set()
    asking = [theme for theme in themes.values() if theme.asks and theme.id not in answered]
    for theme in sorted(asking, key=lambda theme: (-theme.evidence.voices, theme.id)):
        free = [home for home in homes if (theme.id, home[0]) not in untied]
        story = nearest(theme.language, theme.direction, free) or story_id(theme.id)
        homes.append((story, theme.language, theme.direction))
        new.add((theme.id, story))
    return new


def _after_merges(known: Rows, ties: Ties, themes: Themes) -> tuple[Ties, set[str]]:
    """What merges of themes mean for stories: all ties (theme, story), with those that follow a theme into the one that took it
    in, and stories that are doubled because that theme has a story of its own and nobody has committed to them yet."""
    taken = {theme for theme, _ in ties}
    followed: Ties = set()
    twice: set[str] = set()
    for theme, story in sorted(ties):
        into = _merged_into(theme, themes)
        if into == theme:
            continue
        if into not in taken or known[story]["edited_by"]:
            followed.add((into, story))
            taken.add(into)
        elif (into, story) not in ties and known[story]["status"] in REWRITABLE:
            twice.add(story)
    return {tie for tie in ties | followed if tie[1] not in twice}, twice


def _merged_into(theme: str, themes: Themes) -> str:
    seen = {theme}
    while theme in themes and (into := themes[theme].merged_into) and into not in seen:
        theme = into
        seen.add(theme)
    return theme


def _turned(before: Row, after: Row) -> bool:
    return bool((before["status"] == "draft") != (after["status"] == "draft"))


def _keep_words(connection: Connection, run: Run, known: Rows, rows: Rows, fresh: Mapping[str, Renewed], ties: Ties,
                last: Mapping[str, int]) -> list[str]:
    """Keep the history of words: new stories, other words, and proposals that were not made before. Returns the stories with a
    new proposal."""
    answers: defaultdict[str, list[str]] = defaultdict(list)
    for theme, story in ties:
        answers[story].append(theme)
    new = [Revision(story, 1, CURRENT, words_of(row, answers[story]), "a new theme", PHASE)
           for story, row in rows.items() if story not in known]
    new += [Revision(story, rows[story]["revision"], CURRENT, words_of(rows[story], answers[story]), item.why or "", PHASE)
            for story, item in fresh.items() if rows[story]["revision"] != known[story]["revision"]]
    proposals = _proposals(history.offered(connection, run.product), last, rows, fresh, answers)
    of_old = [one.story for one in [*new, *proposals] if one.story in known]
    history.keep_unkept(connection, [(known[story], words_of(known[story], answers[story])) for story in of_old])
    history.keep(connection, run, [*new, *proposals])
    return [one.story for one in proposals]


def _proposals(offered: Mapping[str, list[Revision]], last: Mapping[str, int], rows: Rows, fresh: Mapping[str, Renewed],
               answers: Mapping[str, list[str]]) -> list[Revision]:
    found = []
    for story, item in sorted(fresh.items()):
        if item.proposal is None:
            continue
        text = {name: item.proposal[name] for name in TEXT}
        known = [rows[story], *(one.words for one in offered.get(story, ()))]
        if not any(all(words[name] == text[name] for name in ("title", "want")) for words in known):
            number = max(last.get(story, 0), rows[story]["revision"]) + 1
            words = words_of(rows[story], answers[story]) | text
            found.append(Revision(story, number, PROPOSED, words, item.why or "", PHASE))
    return found


def ticket(run: Run, story: Row) -> dict[str, Any]:
    return trail.event(run, "ticket.created", story["id"], {
        "summary": story["title"], "ticketType": TICKET_TYPES.get(story["kind"], "bug"), "creator": run.phase,
        "uri": f"/closed-loop/{run.product}/stories/{story['id']}"})
