"""Closing the loop: for each story that shipped, whether its theme's complaints became rarer, and whether they came back."""

from typing import Any

from sqlalchemy import Connection, Engine, select, update

from include.connection import Connections
from include.ledger import trail
from include.ledger.engine import upsert
from include.ledger.runs import Result, Run, finish, result_of
from include.ledger.tables import outcomes, stories, theme_events, themes
from include.loop_metrics import loop_metrics
from include.outcome_review import telling
from include.outcome_review.looking import Outcome, look_at
from include.outcome_review.notices import hear_answers, note
from include.product import Product


def review(engine: Engine, product: Product, run: Run) -> Result:
    """Measure every shipped story of the product whose window is open, and resolve or reopen its themes.

    A story is resolved when all of its themes are. Returns `measured` (a count), `verdicts` ("story theme release" to verdict),
    `resolved` and `reopened` (story ids), `to_tell` (how many customers are to be told now), `answers` (how many of these came
    back), `loop` (see `loop_metrics`), and `publish`, which is always empty: a theme that is reopened is answered when its story
    is next looked at.
    """
    # All in the writing transaction: two reviews of one product at a time must not both resolve a theme.
    return result_of(engine, run) or finish(engine, run, lambda connection: _reviewed(connection, product, run))


def _reviewed(connection: Connection, product: Product, run: Run) -> Result:
    told = {(row.story_id, row.theme_id, row.release): row for row in connection.execute(
        select(outcomes).join(stories, stories.c.id == outcomes.c.story_id).where(stories.c.product == product.name))}
    found = look_at(connection, product, run, told)
    measured = [item for item in found if not item.stands]
    upsert(connection, outcomes, [_row(product, run, item) for item in measured])
    _change_themes(connection, run, [item for item in found if item.change])
    closed, reopened = _change_stories(connection, run, found)
    news = [item for item in measured if item.key not in told or told[item.key].verdict != item.verdict]
    trail.record(connection, run, [*(_measured(run, item) for item in news), *(_closed(run, story) for story in closed)])
    answers = hear_answers(connection, product.name, run)
    return {"measured": len(measured), "resolved": closed, "reopened": reopened, "publish": [],
            "verdicts": {" ".join(item.key): item.verdict for item in measured},
            "to_tell": note(connection, product, run, found), "answers": answers,
            "loop": loop_metrics(connection, product.name, run.at).json()}


def tell(engine: Engine, product: Product, run: Run, connections: Connections) -> dict[str, int]:
    """Tell the customers who asked, after a review; returns how many notices came to which status. See `telling`."""
    return telling.tell(engine, product, run, connections)


def _row(product: Product, run: Run, item: Outcome) -> dict[str, Any]:
    look, effect = item.look, item.effect
    return {"story_id": item.case.story, "theme_id": item.case.theme, "release": item.shipment.release,
            "exposure": product.outcome.exposure, "before_voices": look.before.voices, "before_exposure": look.before.exposure,
            "after_voices": look.after.voices, "after_exposure": look.after.exposure, "effect": effect.ratio,
            "low": effect.low, "high": effect.high, "verdict": item.verdict, "at": run.at, "dispersion": look.phi,
            "known_by": item.known_by, "closed_at": run.at if item.full else None, "brought_by": item.brought_by}


def _change_themes(connection: Connection, run: Run, changed: list[Outcome]) -> None:
    for item in changed:
        connection.execute(update(themes).where(themes.c.id == item.case.theme).values(status=item.change))
    upsert(connection, theme_events, [
        {"theme_id": item.case.theme, "run_id": run.run_id, "kind": item.change, "at": run.at,
         "detail": {"story": item.case.story, "release": item.shipment.release, "effect": item.effect.ratio,
                    "brought_by": item.brought_by}}
        for item in changed])
    trail.record(connection, run, [trail.event(run, "theme.changed", item.case.theme, {
        "change": item.change, "story": item.case.story, "release": item.shipment.release}) for item in changed])


def _change_stories(connection: Connection, run: Run, found: list[Outcome]) -> tuple[list[str], list[str]]:
    """Resolve stories all of whose themes are resolved now, reopen those with a theme reopened now; their ids."""
    newest = [item for item in found if item.newest]
    closed, reopened = set(), set()
    for story in {item.case.story for item in newest if item.change}:
        of_story = [item for item in newest if item.case.story == story]
        if any(item.change == "reopened" for item in of_story):
            reopened.add(story)
        elif all((item.change or item.case.theme_status) == "resolved" for item in of_story):
            closed.add(story)
    for ids, status in ((closed, "resolved"), (reopened, "reopened")):
        connection.execute(update(stories).where(stories.c.id.in_(sorted(ids))).values(status=status, updated_at=run.at))
    for item in newest:
        if item.change == "reopened":
            _explain(connection, item)
    return sorted(closed), sorted(reopened)


def _explain(connection: Connection, item: Outcome) -> None:
    """The evidence of a story that is reopened says since which release its complaints are back, and of how many."""
    evidence: dict[str, Any] = connection.execute(
        select(stories.c.evidence).where(stories.c.id == item.case.story)).scalar_one()
    back = {"release": item.brought_by, "voices": item.look.after.voices, "effect": item.effect.ratio}
    connection.execute(update(stories).where(stories.c.id == item.case.story).values(evidence={**evidence, "back": back}))


def _measured(run: Run, item: Outcome) -> dict[str, Any]:
    return trail.event(run, "outcome.measured", f"{item.case.story}/{item.case.theme}/{item.shipment.release}", {
        "story": item.case.story, "theme": item.case.theme, "release": item.shipment.release, "verdict": item.verdict,
        "effect": item.effect.ratio, "low": item.effect.low, "high": item.effect.high, "brought_by": item.brought_by})


def _closed(run: Run, story: str) -> dict[str, Any]:
    return trail.event(run, "ticket.closed", story, {
        "uri": f"/closed-loop/{run.product}/stories/{story}", "resolution": "completed"})
