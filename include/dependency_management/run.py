"""Step 5: what waits for what, kept when stories change and when a release is deployed."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Engine

from include.artifacts import Artifacts
from include.connection import Connections, no_connections
from include.dependency_management.blocks import RULE, Row, asked_by_rule, settle
from include.dependency_management.overview import overview
from include.dependency_management.picture import picture
from include.dependency_management.portfolio import in_cycles, needs_of, problems
from include.dependency_management.repository import Reading, read
from include.dependency_management.store import (
    State,
    commit_of,
    deployed_versions,
    keep_changes,
    keep_reading,
    previous,
    state,
)
from include.key import Key
from include.ledger import trail
from include.ledger.engine import reading, upsert
from include.ledger.runs import Result, Run, finish, lease, result_of
from include.ledger.tables import story_blocks
from include.product import Product

SHOWN = 50


def manage(engine: Engine, product: Product, run: Run, artifacts: Artifacts, portfolio: Sequence[Product],
           connections: Connections = no_connections) -> Result:
    """Bring the graph up to date after a product's stories changed (the key is a product) or it was deployed (a release).

    `portfolio` are all products with a file that can be read. Returns the stories `blocked` and `unblocked`, `problems`,
    `release_order`, `critical_path`, breaking `contract_changes` with the products that they break, how many `packages` were
    found, what was `set_aside`, the artifacts `picture` (SVG) and `graph` (JSON), and `publish`: the products whose stories were
    unblocked, and the product itself where its stories changed.
    """
    if known := result_of(engine, run):
        return known
    with lease(engine, f"dependencies {product.name}", f"{run.phase} {run.run_id}", wait=1200):
        found = _read(engine, product, run, connections)
    with lease(engine, "dependencies", f"{run.phase} {run.run_id}", wait=1200):
        return _manage(engine, run, artifacts, portfolio, found)


def _read(engine: Engine, product: Product, run: Run, connections: Connections) -> Reading:
    """What the repository says: of a deployed release beside the one before, else of its newest commit beside what runs."""
    with reading(engine) as connection:
        running = deployed_versions(connection).get(product.name)
        commit = commit_of(connection, product.name, run.key.version)
        since = commit_of(connection, product.name, previous(connection, run.key) if run.key.version else running)
    return read(product, commit, since, connections)


def _manage(engine: Engine, run: Run, artifacts: Artifacts, portfolio: Sequence[Product], found: Reading) -> Result:
    with reading(engine) as connection:
        now = state(connection)
    if found.commit:
        now.components[run.product] = found.components
    needs = needs_of(portfolio, now.components)
    wrong = problems(needs, [item.name for item in portfolio], now.components)
    asked = asked_by_rule(portfolio, now.stories.values(), in_cycles(needs), now.deployed, run.at)
    new, ended = settle(now.blocks, now.stories, asked, now.deployed, run.at)
    gone = {row["id"] for row in ended}
    blocks = [row for row in now.blocks if row["id"] not in gone] + new
    graph = overview(portfolio, needs, wrong, now.stories, blocks, now.deployed, now.components)
    freed = _freed(ended, blocks)
    broken = _broken(run.product, found, {need.product for need in needs if need.on == run.product})
    result: Result = {
        "publish": sorted({row["product"] for row in freed} | ({run.product} if run.key.version is None else set())),
        "blocked": _told(new), "unblocked": _told(freed), "problems": graph["problems"][:SHOWN],
        "release_order": graph["release_order"][:SHOWN], "critical_path": graph["critical_path"],
        "contract_changes": broken, "packages": len(found.components), "set_aside": found.set_aside[:SHOWN],
        "picture": artifacts.keep(picture(graph, run.product).encode(), ".svg")[0],
        "graph": artifacts.keep(json.dumps(graph, ensure_ascii=False, indent=1).encode(), ".json")[0]}
    return finish(engine, run, lambda connection: _written(connection, run, now, found, [*new, *ended], result))


def _freed(ended: Sequence[Row], blocks: Sequence[Row]) -> list[Row]:
    """The blocks that ended and left their story with none, where it still is to be done."""
    waiting = {row["story_id"] for row in blocks}
    return [row for row in ended if row["story_id"] not in waiting and "not waiting any more" not in row["ended"]]


def _told(rows: Sequence[Row]) -> list[dict[str, Any]]:
    return [{"story": row["story_id"], "product": row["product"], "why": row["ended"] or row["reason"]} for row in rows][:SHOWN]


def _broken(product: str, found: Reading, users: set[str]) -> list[dict[str, Any]]:
    """The breaking changes of the product's interface, and who relies on it."""
    return [{"product": product, "file": file, "place": item.place, "rule": item.rule, "why": item.text, "breaks": sorted(users)}
            for file, items in sorted(found.changes.items()) for item in items if item.breaking][:SHOWN]


def _written(connection: Connection, run: Run, now: State, found: Reading, blocks: Sequence[Row], result: Result) -> Result:
    upsert(connection, story_blocks, blocks)
    if found.commit:
        keep_reading(connection, run, found.commit, found.components, found.set_aside)
    for file, changes in found.changes.items():
        keep_changes(connection, run, file, str(found.since), str(found.commit), changes)
    for row in blocks:
        its_run = replace(run, key=Key(row["product"]))
        trail.record(connection, its_run, [_updated(its_run, now, row)])
    return result


def _updated(run: Run, now: State, row: Row) -> dict[str, Any]:
    """A story that is blocked, or not any more, as a CDEvents ticket that was updated."""
    return trail.event(run, "ticket.updated", row["story_id"], {
        "summary": now.stories[row["story_id"]].title if row["story_id"] in now.stories else row["story_id"],
        "ticketType": "task", "labels": ["unblocked" if row["ended"] else "blocked"],
        "updatedBy": run.phase if row["by"] == RULE or row["ended"] else row["by"],
        "uri": f"/closed-loop/{row['product']}/stories/{row['story_id']}"})
