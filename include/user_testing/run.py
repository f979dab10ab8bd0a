"""Step 8: a person tries the candidate and accepts or rejects it."""

from dataclasses import replace
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, Row, select, update

from include.errors import InputError
from include.ledger import trail
from include.ledger.engine import reading, upsert
from include.ledger.runs import Result, Run, finish, result_of
from include.ledger.tables import commit_stories, commits, decisions, releases, stories
from include.markup import plain
from include.product import Product
from include.user_testing.checklist import Promise, checklist


def ask(engine: Engine, product: Product, run: Run) -> Result:
    """What to ask about the release that the run's key names: `ask` (whether a person decides), `subject`, `body` (Markdown),
    `stories` (ids). A release without stories is asked about too. Raises InputError for an unknown release."""
    run = replace(run, phase="user_testing.ask")
    if known := result_of(engine, run):
        return known
    with reading(engine) as connection:
        release = _release(connection, run)
        promises = _promises(connection, run)
    answer: Result = {
        "ask": product.user_testing.by == "person", **product.user_testing.terms,
        "stories": [promise.id for promise in promises], "publish": [],
        "subject": f"Try {plain(product.title, 80)} {release.version}: does it do what was promised?",
        "body": checklist(release.version, release.changelog, promises)}
    return finish(engine, run, lambda _: answer)


def record(engine: Engine, product: Product, run: Run, decision: dict[str, Any]) -> Result:
    """Record the decision `{"accepted": bool, "by": str, "note": str}`; a release that is rejected says so.

    Returns `accepted` and `publish`: the release's key where it was accepted. Raises InputError for an unknown release.
    """
    if known := result_of(engine, run):
        return known
    with reading(engine) as connection:
        _release(connection, run)
    decision = decision | {"by": plain(decision["by"], 250), "note": plain(decision["note"], 2000)}
    return finish(engine, run, lambda connection: _recorded(connection, run, decision))


def _release(connection: Connection, run: Run) -> Row[Any]:
    release = connection.execute(select(releases).where(releases.c.key == str(run.key))).first()
    if release is None:
        raise InputError(f"unknown release {str(run.key)!r}: it was never built")
    return release


def _promises(connection: Connection, run: Run) -> list[Promise]:
    tied = (select(commit_stories.c.story_id)
            .join(commits, (commits.c.product == commit_stories.c.product) & (commits.c.sha == commit_stories.c.sha))
            .where(commits.c.product == run.product, commits.c.release == str(run.key)))
    rows = connection.execute(select(stories).where(stories.c.product == run.product, stories.c.id.in_(tied))
                              .order_by(stories.c.id))
    return [Promise(row.id, row.title, row.acceptance) for row in rows]


def _recorded(connection: Connection, run: Run, decision: dict[str, Any]) -> Result:
    key, accepted = str(run.key), bool(decision["accepted"])
    upsert(connection, decisions, [{
        "subject": key, "gate": "user_testing", "decision": "accepted" if accepted else "rejected", "by": decision["by"],
        "note": decision["note"], "at": run.at}])
    if not accepted:
        connection.execute(update(releases).where(releases.c.key == key).values(status="rejected"))
    word, uri = "approved" if accepted else "rejected", f"/closed-loop/{run.product}/releases/{run.key.version}"
    trail.record(connection, run, [trail.event(run, "approval.closed", key, {
        "approvalDetailsUrl": f"{uri}/user-testing", "resourceTargetUrl": uri, "decision": word, "status": word,
        "responder": f"urn:closed-loop:person:{quote(decision['by'], safe='')}"})])
    return {"accepted": accepted, "publish": [key] if accepted else []}
