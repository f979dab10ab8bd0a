"""A person decides where the canary can't tell, and where releases are frozen."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from include.artifacts import Artifacts
from include.deployment.freeze import frozen
from include.deployment.record import gated_release
from include.deployment.run import deploy, settle, signals_of
from include.deployment.status import status
from include.ledger.engine import reading
from include.ledger.tables import commit_stories, commits, decisions, deployments, releases, signals, slo_status
from include.parts.deployment import Freeze
from include.product import Product
from tests.conftest import NOW
from tests.include.deployment.shop import Customers, ask, candidate, product, run_of
from tests.rows import get, put, story

YES = {"accepted": True, "by": "ana", "note": "the shop must open"}
NO = {"accepted": False, "by": "ana", "note": "not today"}


def release_status(engine: Engine, version: str) -> str:
    [row] = [row for row in get(engine, releases) if row["version"] == version]
    found: str = row["status"]
    return found


def deployed(engine: Engine, artifacts: Artifacts, shop: Product, fault: str = "") -> None:
    candidate(engine, artifacts, "1.0.0")
    candidate(engine, artifacts, "1.1.0", fault)
    deploy(engine, shop, run_of("1.0.0"), artifacts)


def spent(engine: Engine, left: float = -0.5) -> None:
    put(engine, slo_status, {"product": "shop", "slo": "availability", "run_id": f"r{left}", "target": 0.99, "sli": 0.985,
                             "budget_left": left, "burn_rate": 1.0, "requests": 2000, "at": NOW - timedelta(hours=1)})


@pytest.mark.parametrize(("decision", "status_", "running"), [(YES, "succeeded", "1.1.0"), (NO, "rolled_back", "1.0.0")])
def test_an_unsure_canary_asks(ledger: Engine, artifacts: Artifacts, decision: dict[str, Any], status_: str,
                               running: str) -> None:
    shop = product(replicas=1, canary={"seconds": 0.3, "when_unsure": "ask"}, approvers=["ana"], answer_hours=8)
    deployed(ledger, artifacts, shop)
    run = run_of("1.1.0", 5)
    asked = deploy(ledger, shop, run, artifacts)
    assert (asked["status"], asked["ask"], asked["assigned"], asked["publish"]) == ("asked", True, ["ana"], [])
    assert (asked["timeout_hours"], asked["on_timeout"]) == (8, "reject")
    assert asked["subject"] == "Go on with Tea shop 1.1.0? Its canary could not tell."
    assert "| metric | baseline | candidate | effect | interval | threshold | samples | decision |" in asked["body"]
    assert list(status(shop)["versions"]) == ["1.0.0"]  # all traffic is back while the person thinks
    assert release_status(ledger, "1.1.0") == "candidate"
    assert get(ledger, signals) == []

    result = settle(ledger, shop, run, artifacts, decision)
    assert result == settle(ledger, shop, run, artifacts, decision)
    assert result["status"] == status_
    assert list(status(shop)["versions"]) == [running]
    assert result["publish"] == (["shop|1.1.0"] if decision is YES else [])
    assert signals_of(ledger, run) == ([] if decision is YES else ["shop"])
    assert {row["gate"]: row["decision"] for row in get(ledger, decisions)} == {
        "deployment.canary": "accepted" if decision is YES else "rejected"}
    assert [row["status"] for row in get(ledger, deployments) if row["version"] == "1.1.0"] == [status_]
    if decision is NO:
        assert result["failed"].endswith("the product's rule is to ask; ana decided against it: not today")


def test_a_yes_stands_for_requests_and_not_for_errors(ledger: Engine, artifacts: Artifacts) -> None:
    shop = product(replicas=1, canary={"seconds": 0.3, "when_unsure": "ask"})
    assert shop.deployment
    deployed(ledger, artifacts, shop, "errors")
    run = run_of("1.1.0", 5)
    assert deploy(ledger, shop, run, artifacts)["status"] == "asked"
    patient = shop.model_copy(update={"deployment": shop.deployment.model_copy(update={
        "canary": shop.deployment.canary.model_copy(update={"seconds": 90})})})
    with Customers(shop.deployment.port).asking():
        result = settle(ledger, patient, run, artifacts, YES)
    assert result["status"] == "rolled_back"
    assert " requests failed" in result["failed"]


def test_nothing_was_asked(ledger: Engine, artifacts: Artifacts) -> None:
    shop = product(replicas=1)
    deployed(ledger, artifacts, shop)
    assert settle(ledger, shop, run_of("1.0.0"), artifacts, YES) == {"publish": [], "status": "rests"}


QUICK = {"seconds": 0.2, "when_unsure": "promote", "steps": [100]}


def test_a_spent_budget_holds_back_what_is_no_fix(ledger: Engine, artifacts: Artifacts) -> None:
    shop = product(replicas=1, canary=QUICK).model_copy(update={"slo": "shop.slo.yml"})
    deployed(ledger, artifacts, shop)
    spent(ledger)
    run = run_of("1.1.0", 5)
    asked = deploy(ledger, shop, run, artifacts)
    assert (asked["status"], asked["ask"], asked["publish"]) == ("frozen", True, [])
    assert asked["why"] == ("the error budget of availability is spent: 98.500 % of 2000 requests were good, the objective is "
                            "99.000 %; until it is not, only fixes go live")
    assert list(status(shop)["versions"]) == ["1.0.0"]

    without_reason = settle(ledger, shop, run, artifacts, YES | {"note": ""})
    assert (without_reason["status"], without_reason["publish"]) == ("frozen", [])
    assert without_reason["why"].endswith("a freeze is overridden by an approver with a reason; there was none")
    assert release_status(ledger, "1.1.0") == "candidate"

    again = run_of("1.1.0", 9, "by-hand")
    assert deploy(ledger, shop, again, artifacts)["status"] == "frozen"
    assert settle(ledger, shop, again, artifacts, YES)["status"] == "succeeded"
    [row] = get(ledger, decisions)
    assert (row["subject"], row["gate"], row["decision"], row["by"], row["note"]) == (
        "shop|1.1.0", "deployment.freeze", "accepted", "ana", "the shop must open")


@pytest.mark.parametrize(("kinds", "asked", "left", "expected"), [
    (["fix"], [], -0.5, False),
    (["fix", "feat"], [], -0.5, True),
    (["feat", "docs"], ["bug"], 0.0, False),
    (["fix"], ["feature"], 0.0, False),  # all of its commits are fixes
    (["feat"], ["bug", "feature"], 0.0, True),
    (["feat"], [], 0.01, False),
    ([], [], -1.0, True),
])
def test_fixes_go_live(ledger: Engine, artifacts: Artifacts, kinds: list[str], asked: list[str], left: float,
                       expected: bool) -> None:
    shop = product().model_copy(update={"slo": "shop.slo.yml"})
    candidate(ledger, artifacts, "1.0.0")
    candidate(ledger, artifacts, "1.1.0")
    spent(ledger, left)
    for number, kind in enumerate(kinds):
        put(ledger, commits, {"product": "shop", "sha": f"sha-{number}", "author": None, "at": NOW, "subject": f"{kind}: s",
                              "kind": kind, "breaking": False, "release": "shop|1.1.0"})
    for number, kind in enumerate(asked):
        story(ledger, f"S-{number}", status="scoped", kind=kind)
        put(ledger, commit_stories, {"product": "shop", "sha": "sha-0", "story_id": f"S-{number}"})
    old, new = gated_release(ledger, run_of("1.0.0")), gated_release(ledger, run_of("1.1.0"))
    with reading(ledger) as connection:
        assert (frozen(connection, shop, new, old, NOW) is not None) is expected


def test_a_window_asks_and_ends(ledger: Engine, artifacts: Artifacts) -> None:
    freeze = {"zone": "Asia/Seoul", "windows": [{"why": "the night shift is alone", "start": "10:00", "end": "12:00"}]}
    shop = product(replicas=1, canary=QUICK, freeze=freeze)
    deployed(ledger, artifacts, shop)  # the first release is never held back
    run = run_of("1.1.0", 5)  # 02:05 UTC is 11:05 in Seoul
    asked = deploy(ledger, shop, run, artifacts)
    assert asked["why"] == "no release goes live now (10:00 to 12:00 Asia/Seoul): the night shift is alone"
    assert "frozen until 2026-03-02 03:00 UTC?" in asked["subject"]
    assert (asked["on_timeout"], asked["timeout_hours"]) == ("accept", pytest.approx(55 / 60))
    result = settle(ledger, shop, run, artifacts, {"accepted": True, "by": "timeout", "note": "nobody answered in time"})
    assert (result["status"], ask(status(shop)["port"])[1]) == ("succeeded", "1.1.0")


def test_after_its_window_a_release_may_still_be_held_back(ledger: Engine, artifacts: Artifacts) -> None:
    freeze = {"windows": [{"why": "night", "end": "03:00"}]}
    shop = product(replicas=1, canary=QUICK, freeze=freeze).model_copy(update={"slo": "shop.slo.yml"})
    deployed(ledger, artifacts, shop)
    spent(ledger)
    run = run_of("1.1.0", 5)
    assert deploy(ledger, shop, run, artifacts)["status"] == "frozen"
    result = settle(ledger, shop, run, artifacts, {"accepted": True, "by": "timeout", "note": ""})
    assert (result["status"], result["publish"], "ask" in result) == ("frozen", [], False)
    assert "error budget" in result["why"]


@pytest.mark.parametrize("window", [
    {"why": "x", "start": "12:00", "end": "12:00"}, {"why": "x", "since": "2026-02-01", "until": "2026-01-01"},
    {"why": "x", "end": "25:00"}, {"why": "x", "days": ["someday"]},
])
def test_windows_that_cannot_be(window: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"window ends|match pattern|Input should be"):
        Freeze.model_validate({"windows": [window]})


def test_a_zone_that_there_is_not() -> None:
    with pytest.raises(ValueError, match="there is no time zone 'Asia/Soul'"):
        Freeze(zone="Asia/Soul")


