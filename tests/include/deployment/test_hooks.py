"""Hooks before and after a deployment: each once, undone where the release does not stay, whatever is killed."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from include.artifacts import Artifacts
from include.deployment.hooks import Hooks
from include.deployment.record import gated_release
from include.deployment.rollback import rollback
from include.deployment.run import deploy
from include.deployment.status import status
from include.key import Key
from include.ledger.runs import Run
from include.ledger.tables import deployment_hooks
from include.product import Product
from include.targets.target import DeploymentError
from tests.conftest import NOW
from tests.include.deployment.shop import Customers, candidate, product, run_of
from tests.include.deployment.test_faults import DEPLOY, ROOT, until
from tests.rows import get

QUICK = {"seconds": 0.1, "steps": [50, 100], "when_unsure": "promote"}


def said(what: str) -> str:
    return f'echo "{what} $RELEASE_VERSION" >> $DATABASE'


def with_hooks(database: Path, before: dict[str, Any] | None = None, after: dict[str, Any] | None = None,
               **more: Any) -> Product:
    """A product whose hooks write into a file what they do."""
    hooks = {"before": {"run": said("up"), "back": said("down")} | (before or {}),
             "after": {"run": said("clean"), "back": said("unclean")} | (after or {})}
    return product(replicas=1, env={"DATABASE": str(database)}, hooks=hooks, **({"canary": QUICK} | more))


def states(engine: Engine) -> dict[str, str]:
    return {f"{row['hook']} {row['version']}": row["state"] for row in get(engine, deployment_hooks)}


def test_each_runs_once_and_a_rollback_undoes_it(ledger: Engine, artifacts: Artifacts, tmp_path: Path,
                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_LEDGER", "secret")
    database = tmp_path / "database"
    shop = with_hooks(database, after={"run": f"{said('clean')}; ! env | grep AIRFLOW"})
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        candidate(ledger, artifacts, version)
        assert deploy(ledger, shop, run_of(version, int(version[2])), artifacts)["status"] == "succeeded"
    assert database.read_text().splitlines() == [f"{what} 1.{n}.0" for n in range(3) for what in ("up", "clean")]
    form = Run("rollback", "form", Key("shop"), NOW)
    assert rollback(ledger, shop, form, "ana", "1.0.0", "dearer", artifacts)["status"] == "succeeded"
    assert database.read_text().splitlines()[6:] == ["unclean 1.2.0", "down 1.2.0", "unclean 1.1.0", "down 1.1.0"]
    assert states(ledger) == {f"{hook} 1.{n}.0": "undone" if n else "done" for hook in ("before", "after") for n in range(3)}


@pytest.mark.parametrize(("hook", "written"), [
    ("before", ["half 1.1.0", "down 1.1.0"]), ("after", ["up 1.1.0", "half 1.1.0", "unclean 1.1.0", "down 1.1.0"])])
def test_where_one_fails_no_traffic_stays(ledger: Engine, artifacts: Artifacts, tmp_path: Path, hook: str,
                                          written: list[str]) -> None:
    database = tmp_path / "database"
    candidate(ledger, artifacts, "1.0.0")
    candidate(ledger, artifacts, "1.1.0")
    shop = with_hooks(database)
    assert shop.deployment
    deploy(ledger, shop, run_of("1.0.0"), artifacts)
    database.unlink()
    broken = with_hooks(database, **{hook: {"run": f"{said('half')}; echo no such table; exit 3"}}, port=shop.deployment.port)
    with Customers(shop.deployment.port).asking() as customers:
        result = deploy(ledger, broken, run_of("1.1.0", 5), artifacts)
    assert f"its hook {hook} it failed: exit code 3; it said: no such table" in result["failed"]
    assert (result["status"], customers.failures, list(status(shop)["versions"])) == ("failed", [], ["1.0.0"])
    assert database.read_text().splitlines() == written
    if hook == "before":
        assert "no traffic was moved" in result["failed"]
        assert set(customers.seen) == {"1.0.0"}


def test_what_cannot_be_undone_is_told_and_tried_again(ledger: Engine, artifacts: Artifacts, tmp_path: Path) -> None:
    database, door = tmp_path / "database", tmp_path / "door"
    shop = with_hooks(database, before={"run": "false", "back": f"test -e {door} && {said('down')}"})
    candidate(ledger, artifacts, "1.0.0")
    candidate(ledger, artifacts, "1.1.0")
    assert "the way back of its hook before it failed: exit code 1" in deploy(ledger, shop, run_of("1.0.0"), artifacts)["failed"]
    assert states(ledger) == {"before 1.0.0": "failed"}
    result = deploy(ledger, shop, run_of("1.1.0", 5), artifacts)
    assert "an earlier release's hooks could not be undone" in result["failed"]
    door.touch()
    assert "its hook before it failed" in deploy(ledger, shop, run_of("1.1.0", 6, "again"), artifacts)["failed"]
    assert states(ledger) == {"before 1.0.0": "undone", "before 1.1.0": "undone"}


@pytest.mark.parametrize(("unfinished", "written"), [("back", ["up", "down", "up"]), ("again", ["up", "up"])])
def test_a_hook_that_was_killed(ledger: Engine, artifacts: Artifacts, tmp_path: Path, unfinished: str,
                                written: list[str]) -> None:
    database, door = tmp_path / "database", tmp_path / "door"
    slow = {"run": f"{said('up')}; test -e {door} || sleep 100", "unfinished": unfinished}
    shop = with_hooks(database, before=slow, after={"run": "true"})
    candidate(ledger, artifacts, "1.0.0")
    command = [sys.executable, "-c", DEPLOY, shop.model_dump_json(), str(ledger.url), artifacts.root, "1.0.0"]
    with subprocess.Popen(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}) as task:
        try:
            until(database.exists, 60)
        finally:
            task.kill()
    assert states(ledger) == {"before 1.0.0": "begun"}
    door.touch()
    assert deploy(ledger, shop, run_of("1.0.0", 5), artifacts)["status"] == "succeeded"
    assert database.read_text().splitlines() == [f"{what} 1.0.0" for what in written]
    hooks = Hooks(ledger, shop, run_of("1.0.0", 5), artifacts)
    hooks.do("before", gated_release(ledger, run_of("1.0.0")))  # it has run
    assert len(database.read_text().splitlines()) == len(written)


def test_a_hook_that_takes_too_long(ledger: Engine, artifacts: Artifacts, tmp_path: Path) -> None:
    shop = product(hooks={"before": {"run": "sleep 60", "back": "true"}, "seconds": 1})
    candidate(ledger, artifacts, "1.0.0")
    with pytest.raises(DeploymentError, match="not done within 1 s"):
        Hooks(ledger, shop, run_of("1.0.0"), artifacts).do("before", gated_release(ledger, run_of("1.0.0")))
