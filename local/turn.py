"""`python -m local.turn`: one turn of the loop on your own products, now, and what came of it.

It starts the embedded Airflow where it doesn't run, begins as the night does, waits until the loop rests or waits for people, and
prints each product's themes, what the scope takes in and what was released. Airflow goes on running; `make stop` ends it.
"""

import os
import sys
import time
from typing import Any

from sqlalchemy import Engine, select

from include.ledger.engine import connect, reading, upgrade
from include.ledger.tables import commit_stories, commits, deployments, scope_items, scopes, stories, themes
from include.markup import plain
from include.product import home, products
from local.airflow import USER, LocalAirflow
from local.loop import Loop

LONGEST = 3600.0  # seconds of a turn
SIGNS = {"success": "✔", "failed": "✘", "running": "▶"}


def main() -> None:
    """Turn once. Ends with a message, and exit code 1, where a product's file is broken or a phase failed."""
    good, broken = products()
    if broken or not good:
        sys.exit("\n".join(str(item.error) for item in broken) or "there is no product file yet")
    os.environ["CLOSED_LOOP_HOME"] = str(home().resolve())
    ledger = connect(f"sqlite:///{home() / 'ledger.db'}")
    failed = turn(LocalAirflow(home()))
    for product in good:
        print(f"\n{product.title}: the largest themes")
        print("\n".join(largest_themes(ledger, product.name)) or "  none yet")
        print("What the scope takes in first")
        print("\n".join(scope(ledger, product.name)) or "  nothing yet")
        print("What was released")
        print("\n".join(released(ledger, product.name)) or "  nothing yet")
    if failed:
        sys.exit("\n".join(["", "Phases failed:", *failed]))


def turn(airflow: LocalAirflow) -> list[str]:
    """Let the loop turn once as at night; returns what failed in this turn."""
    begun = time.monotonic()

    def say(run: dict[str, Any]) -> None:
        if sign := SIGNS.get(run["state"]):
            print(f"{time.monotonic() - begun:6.1f} s  {sign} {run['dag_id']:<22} {run['partition_key'] or ''}", flush=True)

    upgrade(f"sqlite:///{airflow.home / 'ledger.db'}")
    print(f"Airflow: {airflow.url}/plugin/closed-loop   user {USER}   password {airflow.keys['password']}", flush=True)
    airflow.start(timeout=900)
    loop = Loop(airflow)
    loop.unpause()
    known = {run["dag_run_id"] for run in loop.runs()}
    loop.seen = {f"{run['dag_id']} {run['dag_run_id']}": run["state"] for run in loop.runs()}
    loop.trigger("nightly_cycle")
    runs = loop.rest(LONGEST, say, leave=True)
    for question in loop.questions():
        print(f"waits for you: {plain(question['subject'], 90)}   {airflow.url}/required_actions")
    return [f"  {run['dag_id']} {run['partition_key'] or ''}   {airflow.url}/dags/{run['dag_id']}/runs/{run['dag_run_id']}"
            for run in runs if run["state"] == "failed" and run["dag_run_id"] not in known]


def largest_themes(engine: Engine, product: str, most: int = 8) -> list[str]:
    """The product's largest themes, a line each."""
    query = select(themes).where(themes.c.product == product, themes.c.status != "merged").order_by(
        themes.c.size.desc(), themes.c.id).limit(most)
    with reading(engine) as connection:
        return [f"  {row.size:>6} voices  {row.kind:<9} {row.language:<3} {plain(row.name, 80)}"
                for row in connection.execute(query)]


def scope(engine: Engine, product: str, most: int = 8) -> list[str]:
    """The stories that the newest scope takes in, the best first, a line each."""
    newest = select(scopes.c.id).where(scopes.c.product == product).order_by(scopes.c.at.desc()).limit(1)
    query = select(stories.c.id, stories.c.title, scope_items.c.score).join(
        scope_items, scope_items.c.story_id == stories.c.id).where(
        scope_items.c.scope_id.in_(newest), scope_items.c.chosen).order_by(scope_items.c.rank).limit(most)
    with reading(engine) as connection:
        return [f"  {row.score:>8.1f}  {row.id}  {plain(row.title, 80)}" for row in connection.execute(query)]


def released(engine: Engine, product: str, most: int = 4) -> list[str]:
    """The newest deployments to production, each with the stories that its release answers, a line each."""
    newest = select(deployments.c.version, deployments.c.status).where(
        deployments.c.product == product, deployments.c.environment == "production").order_by(
        deployments.c.started_at.desc()).limit(most)
    answered = select(commits.c.release, stories.c.id, stories.c.title).join(
        commit_stories, (commit_stories.c.product == commits.c.product) & (commit_stories.c.sha == commits.c.sha)).join(
        stories, stories.c.id == commit_stories.c.story_id).where(commits.c.product == product).distinct().order_by(stories.c.id)
    with reading(engine) as connection:
        answers: dict[str, list[str]] = {}
        for row in connection.execute(answered):
            answers.setdefault(row.release, []).append(f"{row.id} {plain(row.title, 60)}")
        return [f"  {row.version}  {row.status}  answers {', '.join(answers.get(f'{product}|{row.version}', [])) or 'no story'}"
                for row in connection.execute(newest)]


if __name__ == "__main__":
    main()
