"""Closing the loop: for each story that shipped, whether its theme's complaints became rarer."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Engine, select, update

from include.ledger import trail
from include.ledger.engine import upsert
from include.ledger.runs import Result, Run, finish, result_of
from include.ledger.tables import outcomes, stories, theme_events, themes
from include.outcome_review.measured import arm, heard
from include.outcome_review.rates import RELIEVED, TOO_EARLY, UNCHANGED, WORSE, Arm, Effect, effect, verdict
from include.outcome_review.shipped import Case, cases, shipments
from include.outcome_review.windows import MINUTE, Shipment, minute, spans
from include.product import Product


@dataclass(frozen=True)
class Outcome:
    """What one release did to one theme of a story. `newest`: no later release brought the story again."""

    case: Case
    shipment: Shipment
    newest: bool
    before: Arm
    after: Arm
    verdict: str

    @property
    def effect(self) -> Effect:
        return effect(self.before, self.after)

    @property
    def change(self) -> str | None:
        """What becomes of the theme: resolved, reopened, or nothing. Once reopened, only a later release can resolve it."""
        reopened = self.case.reopened_at is not None and self.case.reopened_at >= self.shipment.settled
        if not self.newest or reopened:
            return None
        if self.verdict == RELIEVED and self.case.theme_status != "resolved":
            return "resolved"
        return "reopened" if self.verdict == WORSE and self.case.story_status in ("released", "resolved") else None


def review(engine: Engine, product: Product, run: Run) -> Result:
    """Measure every shipped story of the product, and resolve or reopen its themes.

    A story is resolved when all of its themes are. Returns `measured` (a count), `verdicts` ("story theme release" to verdict),
    `resolved` and `reopened` (story ids), and `publish`, which is always empty: a theme that is reopened is answered when its
    story is next looked at.
    """
    # All in the writing transaction: two reviews of one product at a time must not both resolve a theme.
    return result_of(engine, run) or finish(engine, run, lambda connection: _reviewed(connection, product, run))


def _reviewed(connection: Connection, product: Product, run: Run) -> Result:
    brought = shipments(connection, product.name)
    found = [_outcome(connection, product, run, case, brought[case.story], index)
             for case in cases(connection, product.name) for index in range(len(brought.get(case.story, ())))]
    told = {(row.story_id, row.theme_id, row.release): row.verdict for row in connection.execute(
        select(outcomes.c.story_id, outcomes.c.theme_id, outcomes.c.release, outcomes.c.verdict)
        .join(stories, stories.c.id == outcomes.c.story_id).where(stories.c.product == product.name))}
    upsert(connection, outcomes, [_row(product, run, item) for item in found])
    _change_themes(connection, run, [item for item in found if item.change])
    closed, reopened = _change_stories(connection, run, found)
    news = [item for item in found if told.get((item.case.story, item.case.theme, item.shipment.release)) != item.verdict]
    trail.record(connection, run, [*(_measured(run, item) for item in news), *(_closed(run, story) for story in closed)])
    return {"measured": len(found), "resolved": closed, "reopened": reopened, "publish": [], "verdicts": {
        f"{item.case.story} {item.case.theme} {item.shipment.release}": item.verdict for item in found}}


def _outcome(connection: Connection, product: Product, run: Run, case: Case, brought: list[Shipment], index: int) -> Outcome:
    """Before against after. Where the theme was resolved since, the time after that is looked at too: complaints that are back
    at the old rate by then are worse, however quiet it was in between."""
    newest = index == len(brought) - 1
    if (known := heard(connection, product, run, case.theme_kind)) is None:
        return Outcome(case, brought[index], newest, Arm(0, 0.0), Arm(0, 0.0), TOO_EARLY)
    before_span, after_span = spans(brought, index, known.start, known.end, timedelta(days=product.outcome.window_days))
    before, after = (arm(connection, product, case.theme, case.theme_kind, span) for span in (before_span, after_span))
    outcome = Outcome(case, brought[index], newest, before, after, verdict(before, after))
    if case.resolved_at is None or case.resolved_at < after_span.start:
        return outcome
    lately = arm(connection, product, case.theme, case.theme_kind,
                 replace(after_span, start=min(minute(case.resolved_at) + MINUTE, after_span.end)))
    came_back = verdict(before, lately) in (UNCHANGED, WORSE)
    return replace(outcome, after=lately, verdict=WORSE) if came_back else outcome


def _row(product: Product, run: Run, item: Outcome) -> dict[str, Any]:
    return {"story_id": item.case.story, "theme_id": item.case.theme, "release": item.shipment.release,
            "exposure": product.outcome.exposure, "before_voices": item.before.voices, "before_exposure": item.before.exposure,
            "after_voices": item.after.voices, "after_exposure": item.after.exposure, "effect": item.effect.ratio,
            "low": item.effect.low, "high": item.effect.high, "verdict": item.verdict, "at": run.at}


def _change_themes(connection: Connection, run: Run, changed: list[Outcome]) -> None:
    for item in changed:
        connection.execute(update(themes).where(themes.c.id == item.case.theme).values(status=item.change))
    upsert(connection, theme_events, [
        {"theme_id": item.case.theme, "run_id": run.run_id, "kind": item.change, "at": run.at,
         "detail": {"story": item.case.story, "release": item.shipment.release, "effect": item.effect.ratio}}
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
    return sorted(closed), sorted(reopened)


def _measured(run: Run, item: Outcome) -> dict[str, Any]:
    return trail.event(run, "outcome.measured", f"{item.case.story}/{item.case.theme}/{item.shipment.release}", {
        "story": item.case.story, "theme": item.case.theme, "release": item.shipment.release, "verdict": item.verdict,
        "effect": item.effect.ratio, "low": item.effect.low, "high": item.effect.high})


def _closed(run: Run, story: str) -> dict[str, Any]:
    return trail.event(run, "ticket.closed", story, {
        "uri": f"/closed-loop/{run.product}/stories/{story}", "resolution": "completed"})
