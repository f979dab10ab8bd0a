"""People edit stories: their words stay, and every wording before them is kept."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Engine, delete, select, update

from include.errors import InputError
from include.ledger import trail
from include.ledger.engine import upsert
from include.ledger.runs import Result, Run, finish, lease, result_of
from include.ledger.tables import stories, story_themes, themes
from include.product import Product
from include.story_writing import form, history
from include.story_writing.history import CURRENT, REFUSED, TEXT, Revision, Ties, words_of
from include.story_writing.rules import UNRELEASED, Row, assessed, errors_of, renewed
from include.story_writing.run import Rows, frame_of, needs_of, stories_of, ticket
from include.story_writing.themes import themes_of
from include.story_writing.wording import text_of


def edit(engine: Engine, product: Product, run: Run, who: str, filled_in: dict[str, Any]) -> Result:
    """Do what `who` asked for with the form (`form.read`) to one story of the product.

    edit: other words, estimate, due date, category or themes. split: a new story for a part of what it answers. accept, refuse:
    the words that a changed theme proposed. drop, restore: it is not wanted, or is again. Returns `story` (the new one's id
    after a split), `status`, `revision`, `quality` (what to mend), and `publish`: the product. Raises InputError for wrong
    input, and where a story that is scoped would not be fit to be.
    """
    asked = form.read(filled_in)
    if known := result_of(engine, run):
        return known
    with lease(engine, f"stories:{product.name}", f"{run.phase} {run.run_id}"):
        return finish(engine, run, lambda connection: _edited(connection, product, run, who, asked))


def _edited(connection: Connection, product: Product, run: Run, who: str, asked: form.Asked) -> Result:
    known, ties = stories_of(connection, product.name)
    if asked.story not in known:
        raise InputError(f"{product.name} has no story {asked.story}")
    before = known[asked.story]
    answers = sorted(theme for theme, story in ties if story == asked.story)
    history.keep_unkept(connection, [(before, words_of(before, answers))])
    after = _DO[asked.action](connection, product, run, who, asked, known)
    if asked.themes is not None:
        _tie(connection, product, after["id"], asked.themes, before)
    elif after["id"] != before["id"]:
        _tie(connection, product, after["id"], answers, before)
    after = _with_evidence(connection, product, run, known | {after["id"]: after}, after["id"])
    after = assessed(known | {after["id"]: after})[after["id"]]
    if after["status"] == "scoped" and (problems := errors_of(after)):
        raise InputError(f"{after['id']} is scoped, and would not be fit to be:\n" + "\n".join(problems))
    upsert(connection, stories, [after])
    if asked.action in ("edit", "split"):
        words = words_of(after, asked.themes or answers)
        history.keep(connection, run, [Revision(after["id"], after["revision"], CURRENT, words, asked.note, who)])
    trail.record(connection, run, [_event(run, who, asked, after)])
    return {"story": after["id"], "status": after["status"], "revision": after["revision"],
            "quality": [item["message"] for item in after["quality"] or ()],
            "publish": [] if asked.action == "refuse" else [product.name]}


def _edit(connection: Connection, product: Product, run: Run, who: str, asked: form.Asked, known: Rows) -> Row:
    story = known[asked.story]
    return form.changed(story, asked, who, run.at, _next(connection, run, story))


def _split(connection: Connection, product: Product, run: Run, who: str, asked: form.Asked, known: Rows) -> Row:
    row = form.part(known[asked.story], asked, who, run.at)
    if "acceptance" not in asked.words:
        row |= {"acceptance": text_of(row["title"], row["kind"], row["language"], product.title, product.outcome.exposure,
                                      None).acceptance}
    if row["id"] in known:
        raise InputError(f"title: a part of {asked.story} bears it already: {row['id']}")
    upsert(connection, stories, [row])  # what its themes are tied to
    return row


def _accept(connection: Connection, product: Product, run: Run, who: str, asked: form.Asked, known: Rows) -> Row:
    story, proposal = known[asked.story], _proposal(connection, asked)
    row = form.changed(story, form.Asked(asked.story, asked.action, {name: proposal.words[name] for name in TEXT}), who, run.at,
                       proposal.revision)
    history.decide(connection, run, proposal, CURRENT, who)
    return row


def _refuse(connection: Connection, product: Product, run: Run, who: str, asked: form.Asked, known: Rows) -> Row:
    history.decide(connection, run, _proposal(connection, asked), REFUSED, who)
    return known[asked.story]


def _drop(connection: Connection, product: Product, run: Run, who: str, asked: form.Asked, known: Rows) -> Row:
    story = known[asked.story]
    if story["status"] not in UNRELEASED:
        raise InputError(f"{asked.story} is {story['status']}: only stories that are not released yet can be dropped")
    mine = select(story_themes.c.theme_id).where(story_themes.c.story_id == asked.story)
    others = select(story_themes.c.theme_id).join(stories, stories.c.id == story_themes.c.story_id).where(
        stories.c.status == "scoped", stories.c.id != asked.story)
    connection.execute(update(themes).where(themes.c.id.in_(mine), themes.c.id.not_in(others), themes.c.status == "planned")
                       .values(status="open"))
    told = {name: value for name, value in story["evidence"]["told"].items() if name != "merged"}  # no theme brings it back
    return story | {"status": "dropped", "edited_by": who, "updated_at": run.at, "evidence": story["evidence"] | {"told": told}}


def _restore(connection: Connection, product: Product, run: Run, who: str, asked: form.Asked, known: Rows) -> Row:
    if known[asked.story]["status"] != "dropped":
        raise InputError(f"{asked.story} is {known[asked.story]['status']}: only a dropped story can be restored")
    return known[asked.story] | {"status": "draft", "edited_by": who, "updated_at": run.at}


_DO = {"edit": _edit, "split": _split, "accept": _accept, "refuse": _refuse, "drop": _drop, "restore": _restore}


def _next(connection: Connection, run: Run, story: Row) -> int:
    return max(history.last_numbers(connection, run.product).get(story["id"], 0), int(story["revision"])) + 1


def _proposal(connection: Connection, asked: form.Asked) -> Revision:
    proposal = history.open_proposal(connection, asked.story)
    if proposal is None:
        raise InputError(f"{asked.action}: nothing is proposed for {asked.story}")
    return proposal


def _tie(connection: Connection, product: Product, story: str, wanted: Iterable[str], before: Row) -> None:
    """Let `story` answer the themes `wanted` and no others. Raises InputError for one that the product doesn't have."""
    wanted = sorted(wanted)
    found = {row.id: row.merged_into for row in connection.execute(
        select(themes.c.id, themes.c.merged_into).where(themes.c.product == product.name, themes.c.id.in_(wanted)))}
    if missing := [theme for theme in wanted if theme not in found]:
        raise InputError(f"themes: {product.name} has no theme {', '.join(missing)}")
    if before["id"] == story and (gone := [f"{theme} (now {into})" for theme, into in found.items() if into]):
        raise InputError(f"themes: merged into another: {', '.join(gone)}")
    connection.execute(delete(story_themes).where(story_themes.c.story_id == story, story_themes.c.theme_id.not_in(wanted)))
    upsert(connection, story_themes, [{"story_id": story, "theme_id": theme} for theme in wanted])


def _with_evidence(connection: Connection, product: Product, run: Run, rows: Rows, story: str) -> Row:
    """The story with what its themes, which may be others now, rest on."""
    _, ties = stories_of(connection, product.name)
    mine: Ties = {tie for tie in ties if tie[1] == story}
    heard = {theme.id: theme for theme in themes_of(connection, product, run)}
    needs = needs_of(connection, product, run, rows, mine, heard)
    if story not in needs or rows[story]["status"] not in UNRELEASED:
        return rows[story]
    return renewed(rows[story], needs[story], frame_of(connection, product, run)).row


def _event(run: Run, who: str, asked: form.Asked, after: Row) -> dict[str, Any]:
    uri = f"/closed-loop/{run.product}/stories/{after['id']}"
    if asked.action == "split":
        return ticket(run, after)
    if asked.action == "drop":
        return trail.event(run, "ticket.closed", after["id"], {"uri": uri, "resolution": "withdrawn"})
    return trail.event(run, "ticket.updated", after["id"], {"uri": uri, "summary": after["title"], "updatedBy": who})
