"""Secrets by connection: replicas and hooks have them, and nothing else shows them."""

import hashlib
import stat
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest
from docker.errors import NotFound
from sqlalchemy import Engine, select

from include import environment
from include.artifacts import Artifacts
from include.connection import Connection, Connections
from include.deployment.environment import Environment
from include.deployment.reconcile import plan
from include.deployment.rollback import rollback
from include.deployment.run import deploy
from include.deployment.staging import staging_of
from include.deployment.stop import stop
from include.errors import InputError
from include.key import Key
from include.ledger.engine import reading
from include.ledger.runs import Run
from include.ledger.tables import deployments, metadata
from include.parts.repository import Repository
from include.product import home
from include.targets.containers import Containers
from include.targets.supervision import members
from include.targets.target import free_ports
from tests.conftest import NOW
from tests.docker import IMAGE, engine
from tests.include.deployment.shop import ask, candidate, product, run_of
from tests.include.deployment.test_faults import until
from tests.include.deployment.test_targets import Made, adapter, containers, made, processes

__all__ = ["adapter", "containers", "made", "processes"]  # `made` is a fixture
CANARY = {"seconds": 0.1, "steps": [100], "when_unsure": "promote"}
DECLARED = {"DB_PASSWORD": {"connection": "shop_db"}, "DB_HOST": {"connection": "shop_db", "field": "host"},
            "API_KEY": {"connection": "shop_db", "field": "extra.key"}}
VALUE = "canary's $(value) \"of-7f3a\"\nsecond line 9b1c"
MARKS = ("value) ", "second line 9b1c", "key-5e5e5e")  # parts of the values, as any quoting leaves them


def connections(password: str = VALUE) -> Connections:
    known = {"shop_db": Connection("postgres", "db.internal", 5432, "shop", password, extra={"key": "key-5e5e5e"})}

    def get(name: str) -> Connection:
        if name not in known:
            raise InputError(f"there is no Airflow connection {name!r}")
        return known[name]

    return get


def digest(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()


def shows(text: str) -> bool:
    return any(mark in text for mark in MARKS)


def open_files(folder: Path) -> Iterator[Path]:
    """Files with a value in them that somebody else may read."""
    for path in folder.rglob("*"):
        if path.is_file() and shows(path.read_bytes().decode(errors="replace")) and stat.S_IMODE(path.stat().st_mode) != 0o600:
            yield path


def of_the_ledger(connected: Engine) -> str:
    with reading(connected) as connection:
        return "\n".join(str(row) for table in metadata.sorted_tables for row in connection.execute(select(table)))


def command_lines() -> str:
    found = []
    for pid in members(environment.folder("shop")):
        with suppress(OSError):  # it has just ended
            found.append(Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace"))
    assert found
    return "\n".join(found)


def inspected(place: Environment) -> Iterator[Mapping[str, Any]]:
    """What the engine tells of the replicas, without their environment."""
    if isinstance(place.target, Containers):
        with engine() as client:
            for found in place.target._containers().values():
                told = client.inspect_container(found["Id"])
                assert shows(str(told["Config"].pop("Env")))
                yield told


def test_replicas_have_them_and_nothing_shows_them(ledger: Engine, artifacts: Artifacts, made: Made) -> None:
    shop = made(canary=CANARY, replicas=1, secrets=DECLARED)
    assert shop.deployment
    candidate(ledger, artifacts, "1.0.0")
    candidate(ledger, artifacts, "1.1.0", "tells")
    assert deploy(ledger, shop, run_of("1.0.0"), artifacts, None, connections())["status"] == "succeeded"
    assert ask(shop.deployment.port, "/secret") == (200, digest(VALUE))
    place = Environment(shop, connections())
    shown = [command_lines(), *(str(told) for told in inspected(place))]
    impatient = shop.model_copy(update={"deployment": shop.deployment.model_copy(update={"start_seconds": 4})})
    result = deploy(ledger, impatient, run_of("1.1.0", 5), artifacts, None, connections())  # it prints what it knows
    assert result["status"] == "failed"
    assert not shows("\n".join([*shown, command_lines(), str(result), of_the_ledger(ledger)]))
    assert ask(shop.deployment.port, "/secret") == (200, digest(VALUE))

    assert [path.name for path in open_files(environment.folder("shop")) if path.parent.name != "logs"] == []
    until(lambda: plan(ledger, shop, connections()) == [], 30)
    [line] = [str(item) for item in plan(ledger, shop, connections("another one"))]
    [item] = place.replicas()
    assert line == f"file: environment of {item.name}: wanted other DB_PASSWORD, found as it was started"
    stop("shop")
    place.clear()
    assert not any(shows(path.read_bytes().decode(errors="replace")) for path in environment.folder("shop").rglob("*")
                   if path.is_file() and path.parent.name != "logs")


def test_a_replica_that_is_started_again_has_them_and_the_next_release_has_new_ones(ledger: Engine, artifacts: Artifacts) -> None:
    shop = product(canary=CANARY, replicas=1, secrets=DECLARED)
    assert shop.deployment
    candidate(ledger, artifacts, "1.0.0")
    deploy(ledger, shop, run_of("1.0.0"), artifacts, None, connections())
    [item] = Environment(shop).replicas()
    with suppress(OSError, HTTPException):
        ask(item.port, "/die")
    port = shop.deployment.port
    until(lambda: ask(port, "/secret") == (200, digest(VALUE)), 60)
    candidate(ledger, artifacts, "1.1.0")
    assert deploy(ledger, shop, run_of("1.1.0", 9), artifacts, None, connections("another one"))["status"] == "succeeded"
    assert ask(port, "/secret") == (200, digest("another one"))
    assert [path.name for path in open_files(environment.folder("shop"))] == []


@pytest.mark.parametrize(("secret", "why"), [
    ({"connection": "nosuch"}, "product 'shop': secret DB_PASSWORD: there is no Airflow connection 'nosuch'"),
    ({"connection": "shop_db", "field": "schema"}, "product 'shop': secret DB_PASSWORD: the connection 'shop_db' has no schema"),
    ({"connection": "shop_db", "field": "extra.other"}, "the connection 'shop_db' has no extra.other"),
])
def test_what_is_missing_is_told_before_anything_is_touched(ledger: Engine, artifacts: Artifacts, secret: dict[str, str],
                                                            why: str) -> None:
    shop = product(replicas=1, secrets={"DB_PASSWORD": secret}, canary=CANARY)
    candidate(ledger, artifacts, "1.0.0")
    with pytest.raises(InputError, match=why):
        deploy(ledger, shop, run_of("1.0.0"), artifacts, None, connections())
    with reading(ledger) as connection:
        assert connection.execute(select(deployments)).all() == []
    assert not environment.folder("shop").exists()


def test_a_rollback_and_a_plan_name_what_is_missing(ledger: Engine, artifacts: Artifacts) -> None:
    shop = product(replicas=1, secrets=DECLARED, canary=CANARY)
    assert shop.deployment
    for number, version in enumerate(("1.0.0", "1.1.0")):
        candidate(ledger, artifacts, version)
        deploy(ledger, shop, run_of(version, number), artifacts, None, connections())
    back = Run("rollback", "form", Key("shop"), NOW)
    for call in (lambda: rollback(ledger, shop, back, "ana", "1.0.0", "dear", artifacts), lambda: plan(ledger, shop)):
        with pytest.raises(InputError, match="product 'shop': secret DB_PASSWORD: there is no connection 'shop_db'"):
            call()
    assert ask(shop.deployment.port) == (200, "1.1.0")
    assert rollback(ledger, shop, back, "ana", "1.0.0", "dear", artifacts, connections())["status"] == "succeeded"
    assert ask(shop.deployment.port, "/secret") == (200, digest(VALUE))


def test_hooks_and_staging_have_their_own(ledger: Engine, artifacts: Artifacts, tmp_path: Path) -> None:
    """What a hook says is told without them, where it fails."""
    log, ports = tmp_path / "log", free_ports(2)
    hook = {"run": f'printf %s "$DB_PASSWORD" | sha256sum >> {log}; ls -A >> {log}; echo "no $DB_PASSWORD"; [ -n "$OK" ]',
            "back": "true"}
    staging = {"port": ports[1], "secrets": {"DB_PASSWORD": {"connection": "shop_db", "field": "login"}}, "env": {"OK": "1"}}
    shop = product(ports[0], replicas=1, secrets=DECLARED, canary=CANARY, staging=staging, hooks={"before": hook})
    candidate(ledger, artifacts, "1.0.0")
    try:
        result = deploy(ledger, shop, run_of("1.0.0"), artifacts, None, connections())
        assert result["status"] == "failed" and "its hook before it failed: exit code 1; it said: " in result["failed"]
        assert not shows(str(result) + of_the_ledger(ledger))
        lines = log.read_text().split("\n")
        assert [line.split()[0] for line in lines if line.endswith(" -")] == [digest("shop"), digest(VALUE)]
        assert "app.py" in lines and ".closed-loop-secrets" not in lines
        there = staging_of(shop)
        assert there and there.deployment and ask(there.deployment.port, "/secret") == (200, digest("shop"))
        assert [path.name for path in open_files(home() / "run")] == []
    finally:
        stop("shop.staging")


def test_a_hook_in_a_container_has_them_and_the_engine_shows_none(ledger: Engine, artifacts: Artifacts) -> None:
    hook = {"run": 'sleep 2; echo "$(printf %s "$DB_PASSWORD" | sha256sum) $(ls -A | tr "\\n" " ")no $DB_PASSWORD"; false',
            "back": "true"}
    shop = product(replicas=1, secrets=DECLARED, canary=CANARY, hooks={"before": hook})
    contained = Repository(url="-", test="-", runner="container", image=IMAGE, limits={"memory_mb": 64, "processes": 20})
    shop = shop.model_copy(update={"repository": contained})
    candidate(ledger, artifacts, "1.0.0")
    told = list[str]()
    with engine() as client, ThreadPoolExecutor(1) as pool:
        deploying = pool.submit(deploy, ledger, shop, run_of("1.0.0"), artifacts, None, connections())
        while not deploying.done():
            with suppress(NotFound):  # it has just ended
                told += [str(client.inspect_container(item["Id"])) for item in client.containers(all=True)]
        result = deploying.result()
    assert f"{digest(VALUE)} - app.py no ***" in result["failed"]
    assert told and not shows("\n".join([*told, str(result), of_the_ledger(ledger)]))


def test_a_variable_is_set_once() -> None:
    for wrong in ({"env": {"DB_PASSWORD": "x"}}, {"secrets": DECLARED | {"RELEASE_VERSION": {"connection": "c"}}}):
        with pytest.raises(ValueError, match="secrets: these are set already: "):
            product(**({"secrets": DECLARED} | wrong))


def test_the_key_stays_and_is_nobody_elses(ledger: Engine) -> None:
    """Who reads a mark can't try passwords out."""
    shop = product(secrets=DECLARED)
    marks = Environment(shop, connections()).secrets.marks()
    assert marks == Environment(shop, connections()).secrets.marks()
    assert not shows(str(marks)) and marks["DB_PASSWORD"] != Environment(shop, connections("x")).secrets.marks()["DB_PASSWORD"]
    key = environment.folder("shop") / "secrets.key"
    assert (stat.S_IMODE(key.stat().st_mode), key.stat().st_size, [*key.parent.iterdir()]) == (0o600, 32, [key])
