"""Step 3: propose a scope, and record what was decided about it."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, select, update

from include.errors import InputError
from include.ledger import trail
from include.ledger.engine import reading, upsert
from include.ledger.runs import Result, Run, finish, result_of
from include.ledger.tables import (
    commit_stories,
    commits,
    decisions,
    releases,
    scope_items,
    scopes,
    stories,
    story_themes,
    theme_voices,
    themes,
    voices,
)
from include.markup import plain
from include.product import Product
from include.scope_planning.choice import Item, plan
from include.scope_planning.question import body, shown, subject, used
from include.scope_planning.scores import Candidate

UNRELEASED = ("ready", "reopened", "scoped")
QUOTES = 2


def propose(engine: Engine, product: Product, run: Run) -> Result:
    """Score the product's unreleased stories and propose what fits.

    Returns `ask` (whether a person decides), `subject`, `body` (Markdown), `scope` (its id), `chosen` (story ids) and
    `unchanged`. It rests (`unchanged`, nothing asked, no scope written) where no story fits, or where the best choice is the
    one that was approved last and is being worked on.
    """
    run = replace(run, phase="scope_planning.propose")
    if known := result_of(engine, run):
        return known
    with reading(engine) as connection:
        found = _candidates(connection, product.name)
        items = plan([candidate for candidate, _ in found], product.planning.method, product.planning.capacity)
        quotes = _quotes(connection, [item.story.id for item in shown(items)])
        chosen = sorted(item.story.id for item in items if item.chosen)
        settled = {candidate.id for candidate, status in found if status == "scoped"}
        unchanged = not chosen or (chosen == _approved(connection, product.name) and settled >= set(chosen))
    answer: Result = {
        "ask": product.planning.approval.by == "person" and not unchanged, "subject": subject(product, items),
        "body": body(product, items, quotes), "scope": None if unchanged else _scope_id(run),
        "chosen": [] if unchanged else chosen, "unchanged": unchanged, "publish": []}
    return finish(engine, run, lambda connection: _proposed(connection, product, run, items, answer))


def decide(engine: Engine, product: Product, run: Run, decision: dict[str, Any]) -> Result:
    """Record the decision `{"accepted": bool, "by": str, "note": str}` on this run's proposal.

    Accepted: its stories are scoped and their themes planned; stories that were scoped and are not in it are ready again.
    Returns `scope`, `accepted`, `scoped`, `released_from_scope` (story ids) and `publish`: the product where it was accepted.
    Raises InputError where nothing was proposed in this run.
    """
    if known := result_of(engine, run):
        return known
    proposal = result_of(engine, replace(run, phase="scope_planning.propose"))
    if proposal is None:
        raise InputError(f"run {run.run_id!r} of {run.key} has proposed no scope")
    decision = decision | {"by": plain(decision["by"], 250), "note": plain(decision["note"], 2000)}
    return finish(engine, run, lambda connection: _decided(connection, product, run, proposal, decision))


def _scope_id(run: Run) -> str:
    return "scope-" + hashlib.sha256(f"{run.product} {run.run_id}".encode()).hexdigest()[:10]


def _candidates(connection: Connection, product: str) -> list[tuple[Candidate, str]]:
    """The stories that could be in the scope, with their status."""
    begun = set(connection.scalars(
        select(commit_stories.c.story_id).join(commits, (commits.c.product == commit_stories.c.product)
                                               & (commits.c.sha == commit_stories.c.sha))
        .join(releases, releases.c.key == commits.c.release)
        .where(commit_stories.c.product == product, releases.c.status == "candidate")))
    found = connection.execute(select(stories).where(stories.c.product == product, stories.c.status.in_(UNRELEASED))
                               .order_by(stories.c.id))
    return [(Candidate(
        row.id, row.title, row.kind, row.effort_days, row.evidence["voices"], row.evidence["people"],
        row.evidence["per_week"], row.evidence["sentiment"], row.evidence["similarity"], row.status == "reopened",
        row.id in begun and row.status == "scoped"), row.status) for row in found]


def _approved(connection: Connection, product: str) -> list[str]:
    """The stories of the scope that was approved last."""
    newest = (select(scopes.c.id).where(scopes.c.product == product, scopes.c.status == "approved")
              .order_by(scopes.c.at.desc(), scopes.c.id).limit(1).scalar_subquery())
    return sorted(connection.scalars(
        select(scope_items.c.story_id).where(scope_items.c.scope_id == newest, scope_items.c.chosen)))


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


def _proposed(connection: Connection, product: Product, run: Run, items: list[Item], answer: Result) -> Result:
    if answer["scope"]:
        upsert(connection, scopes, [{
            "id": answer["scope"], "product": product.name, "method": product.planning.method,
            "capacity": product.planning.capacity, "used": used(items), "status": "proposed", "decided_by": None, "note": None,
            "at": run.at}])
        upsert(connection, scope_items, [{
            "scope_id": answer["scope"], "story_id": item.story.id, "rank": item.rank, "score": item.score,
            "factors": item.factors, "chosen": item.chosen, "why": item.why} for item in items])
    return answer


def _decided(connection: Connection, product: Product, run: Run, proposal: Result, decision: dict[str, Any]) -> Result:
    scope, chosen, accepted = proposal["scope"], proposal["chosen"], bool(decision["accepted"])
    if scope is None:
        return {"scope": None, "accepted": accepted, "scoped": [], "released_from_scope": [], "publish": []}
    status = "approved" if accepted else "rejected"
    connection.execute(update(scopes).where(scopes.c.id == scope).values(
        status=status, decided_by=decision["by"], note=decision["note"]))
    upsert(connection, decisions, [{"subject": scope, "gate": "scope", "decision": status, "by": decision["by"],
                                    "note": decision["note"], "at": run.at}])
    left = _apply(connection, run, scope, chosen) if accepted else []
    trail.record(connection, run, _events(run, proposal, decision, status))
    return {"scope": scope, "accepted": accepted, "scoped": chosen if accepted else [], "released_from_scope": left,
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
        found.append(trail.event(run, "approval.closed", scope, {
            "approvalDetailsUrl": uri, "resourceTargetUrl": uri, "decision": status, "status": status,
            "responder": f"urn:closed-loop:person:{quote(decision['by'], safe='')}"}))
    return found
