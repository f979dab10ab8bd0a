"""Releases go live, or the running version stays: real supervisord, HAProxy, replicas, and customers who keep asking."""

import json
import socket
from typing import Literal

import pytest
from sqlalchemy import Engine, select, update

from include import environment
from include.artifacts import Artifacts
from include.deployment.record import Outcome, conclude, gated_release, running_release
from include.deployment.run import deploy
from include.deployment.status import status
from include.deployment.traffic import PROCESSES
from include.errors import InputError
from include.key import Key
from include.ledger.engine import reading, writing
from include.ledger.runs import Run
from include.ledger.tables import (
    commit_stories,
    commits,
    deployment_steps,
    deployment_verdicts,
    deployments,
    releases,
    signals,
    stories,
)
from include.product import Product
from tests.conftest import NOW
from tests.include.deployment.shop import Customers, archive, ask, candidate, product, run_of
from tests.rows import get, put, story, trail_problems, types


def statuses(engine: Engine) -> dict[str, str]:
    with reading(engine) as connection:
        return {row.version: row.status for row in connection.execute(select(releases.c.version, releases.c.status))}


def shares(shop: Product) -> dict[str, float]:
    return {version: entry["share"] for version, entry in status(shop)["versions"].items()}


def answered_story(engine: Engine, number: int, release: str) -> None:
    """A story and the commit of `release` that answers it."""
    story(engine, f"story-{number}", status="scoped")
    put(engine, commits, {"product": "shop", "sha": f"sha-{number}", "author": None, "at": NOW, "subject": "s", "kind": "fix",
                          "breaking": False, "release": release})
    put(engine, commit_stories, {"product": "shop", "sha": f"sha-{number}", "story_id": f"story-{number}"})


def story_statuses(engine: Engine) -> list[str]:
    return [row["status"] for row in get(engine, stories)]


def test_first_release_then_upgrade_without_a_failed_request(ledger: Engine, artifacts: Artifacts,
                                                             monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "secret")
    monkeypatch.setenv("AIRFLOW_CONN_LEDGER", "secret")
    shop = product(env={"GREETING": "it's 100 % \"tea\"; $HOME\n한국어"})
    assert shop.deployment
    port = shop.deployment.port
    candidate(ledger, artifacts, "1.0.0")
    first = deploy(ledger, shop, run_of("1.0.0"), artifacts)
    assert (first["publish"], first["status"], first["previous"]) == (["shop|1.0.0"], "succeeded", None)
    assert deploy(ledger, shop, run_of("1.0.0"), artifacts) == first
    known = json.loads(ask(port, "/environment")[1])
    assert (known["GREETING"], known["RELEASE_VERSION"]) == (shop.deployment.env["GREETING"], "1.0.0")
    assert not [name for name, value in known.items() if "AIRFLOW" in name or value == "secret"]

    candidate(ledger, artifacts, "1.1.0")
    candidate(ledger, artifacts, "1.2.0")
    for number, release in enumerate(["shop|1.0.0", "shop|1.1.0", "shop|1.2.0", "shop|1.3.0"]):
        answered_story(ledger, number, release)
    with Customers(port).asking() as customers:
        second = deploy(ledger, shop, run_of("1.2.0", 5), artifacts)
    assert (second["publish"], second["previous"]) == (["shop|1.2.0"], "1.0.0")
    assert [(step["weight"], step["verdict"]) for step in second["steps"]] == [(10, "pass"), (50, "pass"), (100, "pass")]
    assert customers.failures == []
    assert set(customers.seen) == {"1.0.0", "1.2.0"}
    assert ask(port) == (200, "1.2.0")
    assert (shares(shop), status(shop)["processes"]) == ({"1.2.0": 100.0}, 3 + PROCESSES)  # supervisord, two replicas
    assert statuses(ledger) == {"1.0.0": "superseded", "1.1.0": "candidate", "1.2.0": "deployed"}
    assert story_statuses(ledger) == ["scoped", "released", "released", "scoped"]  # of 1.1.0 and 1.2.0
    assert types(ledger) == ["service.deployed", "service.upgraded"]
    lines = [json.loads(line) for line in environment.access_log("shop").read_text().splitlines() if line.startswith("{")]
    assert {line["server"].partition("_")[0] for line in lines} == {"v1.0.0", "v1.2.0"}
    assert "customer" not in environment.access_log("shop").read_text()

    again = deploy(ledger, shop, run_of("1.2.0", 9, "by-hand"), artifacts)
    assert (again["status"], again["publish"]) == ("succeeded", [])
    with reading(ledger) as connection:
        assert len(connection.execute(select(deployments)).all()) == 2


def test_a_version_that_errs_is_rolled_back_and_heard(ledger: Engine, artifacts: Artifacts) -> None:
    shop = product(canary={"min_requests": 400})
    assert shop.deployment
    for version, fault in (("1.0.0", ""), ("1.1.0", "errors"), ("1.1.1", "")):
        candidate(ledger, artifacts, version, fault)
    deploy(ledger, shop, run_of("1.0.0"), artifacts)
    with Customers(shop.deployment.port).asking() as customers:
        result = deploy(ledger, shop, run_of("1.1.0", 5), artifacts)
    assert (result["publish"], result["signals"], result["status"]) == ([], ["shop"], "rolled_back")
    assert result["failed"].startswith("Release 1.1.0 of Tea shop was rolled back: 100.0")  # by the limit or the alarm, if sooner
    assert " requests failed" in result["failed"]
    assert " at 10 % of traffic" in result["failed"]
    assert len(customers.failures) < 0.2 * customers.asked
    assert (set(customers.seen), shares(shop)) == ({"1.0.0"}, {"1.0.0": 100.0})
    assert statuses(ledger) == {"1.0.0": "deployed", "1.1.0": "rolled_back", "1.1.1": "candidate"}
    with reading(ledger) as connection:
        row = connection.execute(select(signals)).one()
        step = connection.execute(select(deployment_steps).where(deployment_steps.c.verdict == "fail")).one()
    assert (row.kind, row.severity, row.status, row.release, row.title) == (
        "deployment", "high", "open", "shop|1.1.0", result["failed"])
    assert (step.weight, step.limit, step.error_rate, step.errors) == (10, 0.05, 1.0, step.requests)
    assert step.requests < 400  # the alarm did not wait for as many
    found = {row["metric"]: row for row in get(ledger, deployment_verdicts)}
    assert "fail" in {row["decision"] for row in found.values()}
    rates = found["error_rate"]
    assert (rates["candidate"], rates["baseline"], rates["threshold"], rates["effect"]) == (1.0, 0.0, 20.0, 1.0)
    assert 0 < rates["low"] < 1 == rates["high"]
    assert rates["candidate_samples"] == step.requests
    with Customers(shop.deployment.port).asking():
        assert deploy(ledger, product(shop.deployment.port), run_of("1.1.1", 10), artifacts)["status"] == "succeeded"
    with reading(ledger) as connection:
        assert connection.scalars(select(signals.c.status)).all() == ["resolved"]
    assert types(ledger) == ["incident.detected", "incident.resolved", "service.deployed", "service.rolledback",
                             "service.upgraded"]


def test_a_version_that_is_slow_is_rolled_back_by_its_baseline(ledger: Engine, artifacts: Artifacts) -> None:
    shop = product(replicas=1, canary={"steps": [20, 100], "analysis": {}})
    assert shop.deployment
    candidate(ledger, artifacts, "1.0.0")
    candidate(ledger, artifacts, "1.1.0", "slow")
    deploy(ledger, shop, run_of("1.0.0"), artifacts)
    with Customers(shop.deployment.port).asking() as customers:
        result = deploy(ledger, shop, run_of("1.1.0", 5), artifacts)
    assert (result["status"], customers.failures, shares(shop)) == ("rolled_back", [], {"1.0.0": 100.0})
    assert "score 50 at 20 % of traffic (pass 95, marginal 75): mean " in result["failed"]
    found = {row["metric"]: row for row in get(ledger, deployment_verdicts)}
    assert {metric: row["decision"] for metric, row in found.items()} == {
        "error_limit": "pass", "error_rate": "pass", "latency_ms": "fail", "score": "fail"}
    slow = found["latency_ms"]
    assert slow["candidate"] > 1.5 * slow["baseline"]
    assert 0 < slow["low"] <= slow["effect"] <= slow["high"]
    assert slow["candidate_samples"] == pytest.approx(slow["baseline_samples"], rel=0.5, abs=5)  # the same share
    assert (found["score"]["candidate"], found["score"]["threshold"]) == (50.0, 95.0)


def test_a_version_whose_slowest_answers_are_slower_is_rolled_back(ledger: Engine, artifacts: Artifacts) -> None:
    metrics = {"latency": None, "p99": {"slower": 1.2}}
    shop = product(replicas=1, canary={"steps": [50, 100], "seconds": 300, "analysis": {"metrics": metrics}})
    assert shop.deployment
    candidate(ledger, artifacts, "1.0.0")
    candidate(ledger, artifacts, "1.1.0", "tail")
    deploy(ledger, shop, run_of("1.0.0"), artifacts)
    with Customers(shop.deployment.port).asking() as customers:
        result = deploy(ledger, shop, run_of("1.1.0", 5), artifacts)
    assert (result["status"], customers.failures, shares(shop)) == ("rolled_back", [], {"1.0.0": 100.0})
    assert "99th percentile " in result["failed"]
    found = {row["metric"]: row for row in get(ledger, deployment_verdicts)}
    assert {metric: row["decision"] for metric, row in found.items()} == {
        "error_limit": "pass", "error_rate": "pass", "p99_ms": "fail", "score": "fail"}


@pytest.mark.shared
def test_its_events_are_valid(ledger: Engine, artifacts: Artifacts) -> None:
    outcomes: list[Literal["succeeded", "rolled_back", "failed"]] = ["succeeded", "rolled_back", "failed", "succeeded"]
    for minute, status_ in enumerate(outcomes):
        candidate(ledger, artifacts, version := f"1.{minute}.0")
        run = run_of(version, minute)
        with writing(ledger) as connection:
            conclude(connection, product(), run, gated_release(ledger, run), running_release(ledger, "shop"),
                     Outcome(status_, "reason", []))
    assert len(types(ledger)) == 7
    assert trail_problems(ledger) == []


@pytest.mark.parametrize("fault", ["unavailable", "dies"])
def test_what_haproxy_can_repeat_elsewhere_no_customer_sees(ledger: Engine, artifacts: Artifacts, fault: str) -> None:
    shop = product()
    assert shop.deployment
    candidate(ledger, artifacts, "1.0.0")
    candidate(ledger, artifacts, "1.1.0", fault)
    deploy(ledger, shop, run_of("1.0.0"), artifacts)
    with Customers(shop.deployment.port, methods=("GET",)).asking() as customers:
        result = deploy(ledger, shop, run_of("1.1.0", 5), artifacts)
    assert (result["status"], customers.failures) == ("rolled_back", [])
    assert shares(shop) == {"1.0.0": 100.0}


@pytest.mark.parametrize(("rule", "expected", "left"), [("rollback", "rolled_back", "1.0.0"), ("promote", "succeeded", "1.1.0")])
def test_without_traffic_the_products_rule_decides(ledger: Engine, artifacts: Artifacts, rule: str, expected: str,
                                                   left: str) -> None:
    shop = product(canary={"seconds": 0.3, "when_unsure": rule}, replicas=1)
    candidate(ledger, artifacts, "1.0.0")
    candidate(ledger, artifacts, "1.1.0")
    deploy(ledger, shop, run_of("1.0.0"), artifacts)
    result = deploy(ledger, shop, run_of("1.1.0", 5), artifacts)
    assert (result["status"], result["steps"][0]["verdict"], shares(shop)) == (expected, "unsure", {left: 100.0})


@pytest.mark.parametrize(("fault", "changes", "reason"), [
    ("unhealthy", {"start_seconds": 4}, "was not healthy at /health within 4 s"),
    ("exits", {"start_seconds": 4}, "it said: no configuration, no service"),
    ("", {"command": "no-such-program {port}"}, "command not found: no-such-program {port}"),
])
def test_a_version_that_does_not_start_leaves_the_running_one_alone(
        ledger: Engine, artifacts: Artifacts, fault: str, changes: dict[str, object], reason: str) -> None:
    shop = product(replicas=1)
    assert shop.deployment
    candidate(ledger, artifacts, "1.0.0")
    candidate(ledger, artifacts, "1.1.0", fault)
    deploy(ledger, shop, run_of("1.0.0"), artifacts)
    changed = shop.model_copy(update={"deployment": shop.deployment.model_copy(update=changes)})
    with Customers(shop.deployment.port).asking() as customers:
        result = deploy(ledger, changed, run_of("1.1.0", 5), artifacts)
    assert (result["status"], result["publish"], result["signals"]) == ("failed", [], ["shop"])
    assert reason in result["failed"]
    assert (customers.failures, set(customers.seen)) == ([], {"1.0.0"})
    assert (shares(shop), statuses(ledger)["1.1.0"]) == ({"1.0.0": 100.0}, "failed")


def test_a_port_that_is_taken(ledger: Engine, artifacts: Artifacts) -> None:
    candidate(ledger, artifacts, "1.0.0")
    candidate(ledger, artifacts, "1.1.0")
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        result = deploy(ledger, product(taken, replicas=1), run_of("1.0.0"), artifacts)
        assert result["failed"].endswith(f"port {taken} on 127.0.0.1 is taken by another process")
        shop = product(replicas=1)
        assert shop.deployment
        assert deploy(ledger, shop, run_of("1.0.0", 1, "again"), artifacts)["status"] == "succeeded"
        moved = product(taken, replicas=1)
        assert deploy(ledger, moved, run_of("1.1.0", 2), artifacts)["status"] == "failed"
        assert ask(shop.deployment.port) == (200, "1.0.0")


@pytest.mark.parametrize("content", [b"no archive", archive("errors")])
def test_only_the_archive_that_was_tested_is_run(ledger: Engine, artifacts: Artifacts, content: bytes) -> None:
    candidate(ledger, artifacts, "1.0.0")
    with reading(ledger) as connection:
        name = connection.scalars(select(releases.c.artifact)).one()
    artifacts.write(name, content)
    result = deploy(ledger, product(), run_of("1.0.0"), artifacts)
    assert "the archive's digest is sha256:" in result["failed"]
    assert status(product())["processes"] == 0


@pytest.mark.parametrize(("gates", "missing"), [
    ((), "compliance_checks and user_testing"),
    (("user_testing",), "compliance_checks"),
    (("compliance_checks",), "user_testing"),
])
def test_no_deployment_without_its_gates(ledger: Engine, artifacts: Artifacts, gates: tuple[str, ...], missing: str) -> None:
    candidate(ledger, artifacts, "1.0.0", gates=gates)
    with pytest.raises(InputError, match=f"not let through by {missing}$"):
        deploy(ledger, product(), run_of("1.0.0"), artifacts)


def test_keys_that_name_no_release(ledger: Engine, artifacts: Artifacts) -> None:
    with pytest.raises(InputError, match="needs a release as its key"):
        deploy(ledger, product(), Run("deployment", "r", Key("shop"), NOW), artifacts)
    with pytest.raises(InputError, match="not in the ledger"):
        deploy(ledger, product(), run_of("9.9.9"), artifacts)


def test_a_product_without_a_deployment_rests(ledger: Engine, artifacts: Artifacts) -> None:
    resting = product().model_copy(update={"deployment": None})
    assert deploy(ledger, resting, run_of("1.0.0"), artifacts)["publish"] == []


def test_a_running_version_that_cannot_start_any_more_does_not_keep_its_mend_away(ledger: Engine, artifacts: Artifacts) -> None:
    candidate(ledger, artifacts, "1.0.0", "exits")
    candidate(ledger, artifacts, "1.1.0")
    with writing(ledger) as connection:
        connection.execute(update(releases).where(releases.c.version == "1.0.0").values(status="deployed"))
    shop = product(replicas=1, start_seconds=12)
    result = deploy(ledger, shop, run_of("1.1.0"), artifacts)
    assert (result["status"], result["previous"]) == ("succeeded", "1.0.0")
    assert statuses(ledger) == {"1.0.0": "superseded", "1.1.0": "deployed"}
