"""A question that is bound to people, with the FAB auth manager: they are named as in a product file, and nobody else answers."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from include.compliance_checks.four_eyes import approvals
from include.ledger.engine import connect, reading, upgrade
from include.ledger.tables import commit_stories, commits, decisions, scopes
from local.airflow import LocalAirflow
from local.loop import Loop
from tests.conftest import NOW
from tests.loop.stage import SETTINGS, free_ports
from tests.plugins.conftest import Served, fab_settings, fab_users, run
from tests.postgres import database
from tests.rows import get, put, story

pytestmark = [pytest.mark.airflow, pytest.mark.loop, pytest.mark.timeout(900)]
PRODUCT = """\
name: shop
title: Shop
owner: team-shop
planning: {capacity: 8, approval: {by: person, assigned: [uma]}}
"""
PATIENCE = 300  # seconds; where nothing else runs, a tenth of it does
OTHERS = {None: 401, "nobody": 403, "vic": 403, "ada": 403, "oli": 403}  # an administrator, too, is somebody else


@pytest.fixture
def place(tmp_path: Path, postgres: str) -> Iterator[tuple[Loop, Engine]]:
    """A whole Airflow with users and settings of deploy/values.yaml; its database and the ledger on PostgreSQL."""
    ours, airflows = (database(postgres, f"{name}_{uuid.uuid4().hex[:8]}") for name in ("people", "airflow"))
    upgrade(ours)
    story(engine := connect(ours), "S-1")
    (tmp_path / "products").mkdir()
    (tmp_path / "products" / "shop.yaml").write_text(PRODUCT)
    ledger = {"conn_type": "postgres", "login": "postgres", "schema": engine.url.database, "extra": dict(engine.url.query)}
    airflow = LocalAirflow(tmp_path / "home", free_ports(1), SETTINGS | fab_settings() | {
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": airflows, "AIRFLOW_CONN_LEDGER": json.dumps(ledger),
        "CLOSED_LOOP_PRODUCTS": str(tmp_path / "products")})
    try:
        (airflow.home / "airflow").mkdir(parents=True)
        run(airflow, "airflow", "db", "migrate")
        fab_users(airflow)
        airflow.start(PATIENCE)
        (loop := Loop(airflow)).unpause()
        yield loop, engine
    finally:
        airflow.stop()
        engine.dispose()


def test_whom_it_is_for_answers_and_is_known_as_who_wrote(place: tuple[Loop, Engine]) -> None:
    loop, ledger = place
    served = Served(loop.airflow.url, loop.airflow.home)
    said: dict[str | None, int] = {}

    def answer(question: dict[str, Any]) -> None:
        assert [user["name"] for user in question["assigned_users"]] == ["uma"]
        task = question["task_instance"]
        path = f"/api/v2/dags/{task['dag_id']}/dagRuns/{task['dag_run_id']}/taskInstances/{task['task_id']}/-1/hitlDetails"
        for user in (*OTHERS, "uma"):
            token = served.token(user) if user else None
            said[user], told = served.ask("PATCH", path, {"chosen_options": ["Accept"], "params_input": {}}, token)
            assert user != "ada" or "is not a respondent" in str(told)

    loop.trigger("scope_planning", "shop")
    loop.rest(PATIENCE, answer=answer)
    assert not (failed := loop.failures()), "\n".join(failed)
    assert said == OTHERS | {"uma": 200}
    [scope], [decision] = get(ledger, scopes), get(ledger, decisions)
    assert (scope["status"], scope["decided_by"], decision["by"]) == ("approved", "uma", "uma")
    put(ledger, commits, {"product": "shop", "sha": "c1", "at": NOW, "subject": "x", "kind": "fix", "release": "shop|1.0.0"})
    put(ledger, commit_stories, {"product": "shop", "sha": "c1", "story_id": "S-1"})
    with reading(ledger) as connection:
        wrote = {author: [found["wrote"] for found in approvals(connection, "shop", "shop|1.0.0", {author}, {})]
                 for author in ("uma", "uma@example.test", "ada")}
    assert wrote == {"uma": [True], "uma@example.test": [True], "ada": [False]}
