"""Step 3: propose a scope, and record what was decided about it."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, Row, select, update

from include.errors import InputError
from include.ledger import trail
from include.ledger.engine import reading, upsert
from include.ledger.runs import Result, Run, finish, result_of
from include.ledger.tables import decisions, scope_items, scopes, stories, story_themes, theme_voices, themes, voices
from include.markup import plain
from include.product import Product
from include.relief import reliefs
from include.scope_planning.asked import Asked, read, settings_of
from include.scope_planning.choice import Item, Plan, Settings, plan
from include.scope_planning.evidence import PLANNED, Story, backlog, explain
from include.scope_planning.question import Last, body, shown, subject
from include.scope_planning.what_if import with_changes

__all__ = ["ask_again", "decide", "explain", "propose"]

UNRELEASED = PLANNED[1:]
QUOTES = 2


@dataclass(frozen=True)
class Before:
    """What came before this proposal: what a person asked for last (None: nothing beyond the product file), what of it could
    not be done, and whether it has to be shown again. `approved` is the scope that was approved last."""

    asked: Asked | None
    told: tuple[str, ...]
    again: bool
    approved: Last


def propose(engine: Engine, product: Product, run: Run) -> Result:
    """Score the product's unreleased stories and propose what fits.

    Returns `ask` (whether a person decides), `subject`, `body` (Markdown), `fields` (what the form
    shows), who is asked and for
    how long (`assigned`, `timeout_hours`, `on_timeout`), `scope` (its id), `chosen` (story ids) and `unchanged`. It rests
    (`unchanged`, nothing asked, no scope written) where no story fits, or where the best choice is the one that was approved
    last and is being worked on; not where a person's last answer has to be talked about.
    """
    run = replace(run, phase="scope_planning.propose")
    if known := result_of(engine, run):
        return known
    with reading(engine) as connection:
        found = backlog(connection, product, run)
        before = _before(connection, product, [story.candidate.id for story in found])
        settings = _settings(product, before.asked)
        planned = _planned(found, settings)
        measured = reliefs(connection, product.name)
        quotes = _quotes(connection, [item.story.id for item in shown(planned)])
    settled = {story.candidate.id for story in found if story.status == "scoped"}
    chosen = planned.chosen
    unchanged = not before.again and (not chosen or (chosen == sorted(before.approved.stories) and settled >= set(chosen)))
    approval = product.planning.approval
    answer: Result = {
        "ask": approval.by == "person" and not unchanged, "subject": subject(product, planned, settings),
        "body": body(planned, settings, before.approved, before.told, measured, quotes), "fields": Asked.of(settings).fields,
        **approval.terms, "scope": None if unchanged else _scope_id(run), "chosen": [] if unchanged else chosen,
        "conflicts": list(planned.conflicts), "unchanged": unchanged, "publish": []}
    return finish(engine, run, lambda connection: _proposed(connection, product, run, found, settings, planned, answer))


def decide(engine: Engine, product: Product, run: Run, decision: dict[str, Any]) -> Result:
    """Record the decision `{"accepted": bool, "by": str, "note": str, "fields": {…} | None}` on this run's proposal.

    Where the person changed `fields`, the plan is computed anew with them. Accepted: its stories are scoped and their themes
    planned; stories that were scoped and are not in it are ready again. An accepted change that makes no sense or can't be done
    approves nothing, and nor does a rejected one: both are recorded, and asked about `again` with what was wrong.
    Returns `scope`, `accepted`, `scoped`, `released_from_scope` (story ids), `problems`, `again` and `publish`: the product where
    it was accepted. Raises InputError where nothing was proposed in this run.
    """
    if known := result_of(engine, run):
        return known
    proposal = result_of(engine, replace(run, phase="scope_planning.propose"))
    if proposal is None:
        raise InputError(f"run {run.run_id!r} of {run.key} has proposed no scope")
    decision = decision | {"by": plain(decision["by"], 250), "note": plain(decision["note"], 2000)}
    changed = proposal["fields"] | (decision.get("fields") or {})
    if not proposal["scope"] or {name: str(value or "") for name, value in changed.items()} == proposal["fields"]:
        return finish(engine, run, lambda connection: _decided(connection, product, run, proposal, decision))
    with reading(engine) as connection:
        # The run's own time and what the proposal saw: `backlog` reads voices up to then, so only the person's change counts.
        found = backlog(connection, product, replace(run, phase="scope_planning.propose"))
    now, _ = read(proposal["fields"], Asked.of(settings_of(product.planning)), [story.candidate.id for story in found])
    asked, problems = read(changed, now, [story.candidate.id for story in found])
    settings = asked.settings(settings_of(product.planning))
    planned = _planned(found, settings)
    problems += [text for text in planned.conflicts if text not in proposal["conflicts"]]
    return finish(engine, run, lambda connection: _changed(
        connection, product, run, proposal, decision, asked, problems, found, settings, planned))


def ask_again(engine: Engine, run: Run) -> list[str]:
    """The keys for which a person's answer in this run has to be asked about again."""
    known = result_of(engine, run)
    return [run.product] if known and known.get("again") else []


def _planned(found: Sequence[Story], settings: Settings) -> Plan:
    candidates = [story.candidate for story in found]
    return with_changes(candidates, settings, plan(candidates, settings))


def _scope_id(run: Run) -> str:
    return "scope-" + hashlib.sha256(f"{run.product} {run.run_id}".encode()).hexdigest()[:10]


def _settings(product: Product, asked: Asked | None) -> Settings:
    settings = settings_of(product.planning)
    return asked.settings(settings) if asked else settings


def _before(connection: Connection, product: Product, known: Sequence[str]) -> Before:
    """What was decided last. What a person asked for holds until it is asked for otherwise, here or in the product file."""
    newest = connection.execute(select(scopes).where(scopes.c.product == product.name, scopes.c.status != "proposed")
                                .order_by(scopes.c.at.desc(), scopes.c.id).limit(1)).first()
    said = (newest.settings if newest else None) or {}
    asked = None
    if said.get("asked") and said.get("file") == Asked.of(settings_of(product.planning)).fields:
        asked, _ = read(said["asked"], Asked.of(settings_of(product.planning)), known)
    return Before(asked, tuple(said.get("told", ())), bool(said.get("again")), _approved(connection, product.name))


def _approved(connection: Connection, product: str) -> Last:
    newest = connection.execute(select(scopes).where(scopes.c.product == product, scopes.c.status == "approved")
                                .order_by(scopes.c.at.desc(), scopes.c.id).limit(1)).first()
    if newest is None:
        return Last()
    rows: Iterable[Row[Any]] = connection.execute(
        select(scope_items.c.story_id, stories.c.title).join(stories, stories.c.id == scope_items.c.story_id)
        .where(scope_items.c.scope_id == newest.id, scope_items.c.chosen).order_by(scope_items.c.rank))
    return Last({row.story_id: row.title for row in rows}, newest.capacity, f"{newest.at:%Y-%m-%d}")


def _quotes(connection: Connection, story_ids: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    rows = connection.execute(
        select(story_themes.c.story_id, voices.c.text)
        .join(theme_voices, theme_voices.c.theme_id == story_themes.c.theme_id)
        .join(voices, voices.c.id == theme_voices.c.voice_id)
        .where(theme_voices.c.quote, story_themes.c.story_id.in_(list(story_ids)))
        .order_by(theme_voices.c.similarity.desc(), voices.c.id))
    for story, text in rows:
        if len(found[story]) < QUOTES:
            found[story].append(text)
    return found


def _proposed(connection: Connection, product: Product, run: Run, found: Sequence[Story], settings: Settings, planned: Plan,
              answer: Result) -> Result:
    if answer["scope"]:
        upsert(connection, scopes, [{
            "id": answer["scope"], "product": product.name, "method": settings.method, "capacity": settings.capacity,
            "used": planned.used(), "status": "proposed", "decided_by": None, "note": None, "at": run.at,
            "settings": {"asked": answer["fields"], "file": Asked.of(settings_of(product.planning)).fields,
                         "told": answer["conflicts"]}}])
        _write_items(connection, answer["scope"], found, planned.items)
    return answer


def _write_items(connection: Connection, scope: str, found: Sequence[Story], items: Sequence[Item]) -> None:
    origins: Mapping[str, Any] = {story.candidate.id: story.origins for story in found}
    upsert(connection, scope_items, [{
        "scope_id": scope, "story_id": item.story.id, "rank": item.rank, "score": item.score,
        "factors": item.factors | {"from": origins[item.story.id]}, "chosen": item.chosen, "why": item.why,
        "iteration": item.iteration, "change": item.change} for item in items])


def _changed(connection: Connection, product: Product, run: Run, proposal: Result, decision: dict[str, Any], asked: Asked,
             problems: list[str], found: Sequence[Story], settings: Settings, planned: Plan) -> Result:
    """Record an answer that changed the plan: taken over where it is accepted and can be done, else to be asked about again."""
    again = bool(problems) or not decision["accepted"]
    said = {"asked": asked.fields, "file": Asked.of(settings_of(product.planning)).fields, "told": problems, "again": again}
    connection.execute(update(scopes).where(scopes.c.id == proposal["scope"]).values(settings=said))
    if again:
        status = "returned" if decision["accepted"] else "rejected"
        return _decided(connection, product, run, proposal, decision | {"accepted": False}, status, problems)
    connection.execute(update(scopes).where(scopes.c.id == proposal["scope"]).values(
        capacity=settings.capacity, used=planned.used()))
    _write_items(connection, proposal["scope"], found, planned.items)
    return _decided(connection, product, run, proposal | {"chosen": planned.chosen}, decision)


def _decided(connection: Connection, product: Product, run: Run, proposal: Result, decision: dict[str, Any],
             status: str | None = None, problems: Sequence[str] = ()) -> Result:
    scope, chosen, accepted = proposal["scope"], proposal["chosen"], bool(decision["accepted"])
    answer = {"scope": scope, "accepted": accepted, "scoped": [], "released_from_scope": [], "problems": list(problems),
              "again": status is not None, "publish": []}
    if scope is None:
        return answer
    status = status or ("approved" if accepted else "rejected")
    connection.execute(update(scopes).where(scopes.c.id == scope).values(
        status=status, decided_by=decision["by"], note=decision["note"]))
    upsert(connection, decisions, [{"subject": scope, "gate": "scope", "decision": status, "by": decision["by"],
                                    "note": "; ".join(filter(None, [decision["note"], *problems])), "at": run.at}])
    left = _apply(connection, run, scope, chosen) if accepted else []
    trail.record(connection, run, _events(run, proposal, decision, status))
    return answer | {"scoped": chosen if accepted else [], "released_from_scope": left,
                     "publish": [product.name] if accepted else []}


def _apply(connection: Connection, run: Run, scope: str, chosen: list[str]) -> list[str]:
    """Bring stories and themes to what was approved; stories released meanwhile stay as they are. Returns who left."""
    out = select(scope_items.c.story_id).where(scope_items.c.scope_id == scope, scope_items.c.chosen.is_(False))
    left = sorted(connection.scalars(select(stories.c.id).where(stories.c.id.in_(out), stories.c.status == "scoped")))
    for ids, before, after in ((chosen, UNRELEASED, "scoped"), (left, ("scoped",), "ready")):
        connection.execute(update(stories).where(stories.c.id.in_(ids), stories.c.status.in_(before))
                           .values(status=after, updated_at=run.at))
    for ids, statuses, after in ((chosen, ("open", "reopened"), "planned"), (left, ("planned",), "open")):
        connection.execute(update(themes).values(status=after).where(themes.c.status.in_(statuses), themes.c.id.in_(
            select(story_themes.c.theme_id).where(story_themes.c.story_id.in_(ids)))))
    return left


def _events(run: Run, proposal: Result, decision: dict[str, Any], status: str) -> list[dict[str, Any]]:
    scope, uri = proposal["scope"], f"/closed-loop/{run.product}/scopes/{proposal['scope']}"
    found = [trail.event(run, "scope.decided", scope, {"decision": status, "stories": proposal["chosen"]})]
    if proposal["ask"]:
        status = "approved" if status == "approved" else "rejected"  # what the event knows
        found.append(trail.event(run, "approval.closed", scope, {
            "approvalDetailsUrl": uri, "resourceTargetUrl": uri, "decision": status, "status": status,
            "responder": f"urn:closed-loop:person:{quote(decision['by'], safe='')}"}))
    return found
