"""What a person attests holds for its time, and only for what it said."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select

from include.artifacts import Artifacts
from include.compliance_checks.attestation import ask, attest, known
from include.compliance_checks.run import check
from include.errors import InputError
from include.key import Key
from include.ledger.engine import reading, writing
from include.ledger.runs import Run
from include.ledger.tables import attestations, decisions, releases
from include.product import Product
from tests.conftest import NOW
from tests.crash import ledger_after_kills

YES = {"accepted": True, "by": "dana", "note": "seen", "fields": None}


def product(**compliance: Any) -> Product:
    settings = {"packs": [], "regions": ["KR"], "attestation": {"by": "person", "assigned": ["dpo"]}} | compliance
    return Product.model_validate({"name": "shop", "title": "Shop_1", "owner": "team", "compliance": settings})


def a_run(key: str = "shop|1.0.0", days: int = 0) -> Run:
    return Run("compliance_checks", f"run-{days}", Key.parse(key), datetime(2026, 3, 1, 2, tzinfo=UTC) + timedelta(days=days))


def add_release(engine: Engine) -> None:
    with writing(engine) as connection:
        connection.execute(insert(releases).values(
            key="shop|1.0.0", product="shop", version="1.0.0", commit="c" * 40, artifact=None, digest=None, changelog="",
            tests={}, status="deployed", at=NOW))


def outcomes(engine: Engine, shop: Product, run: Run, artifacts: Artifacts) -> dict[str, str]:
    found = check(engine, shop, run, artifacts)["outcomes"]
    return {rule: outcome for rule, outcome in found.items() if rule in ("pipa-safety", "pipa-privacy-policy")}


def test_a_question_names_what_is_missing_and_who_may_answer(ledger: Engine) -> None:
    question = ask(ledger, product(), a_run())
    assert question["ask"] and question["assigned"] == ["dpo"]
    assert question["rules"] == ["pipa-minimum", "pipa-safety", "pipa-privacy-policy", "pipa-breach-notification", "pipa-rights"]
    assert "**pipa\\-safety**: The internal management plan is in force" in question["body"] and "제29조" in question["body"]
    assert question["subject"] == "Shop_1 1.0.0: what no machine can show"
    assert ask(ledger, product(), a_run()) == question


@pytest.mark.parametrize(("settings", "key"), [
    ({"attestation": {"by": "automatic"}}, "shop|1.0.0"), ({"regions": []}, "shop|1.0.0"), ({}, "shop")])
def test_nobody_is_asked_where_nobody_need_be(ledger: Engine, settings: dict[str, Any], key: str) -> None:
    add_release(ledger)
    assert not ask(ledger, product(**settings), a_run(key))["ask"]


def test_nothing_that_runs_is_nothing_to_check(ledger: Engine) -> None:
    assert ask(ledger, product(), a_run("shop"))["rests"] == "nothing is deployed"


def test_what_was_attested_passes_until_it_lapses(ledger: Engine, artifacts: Artifacts) -> None:
    add_release(ledger)
    question = ask(ledger, product(), a_run())
    said = attest(ledger, product(), a_run(), question, YES | {"fields": {"except": "pipa-safety, pipa-rights"}})
    assert said["attested"] == ["pipa-minimum", "pipa-privacy-policy", "pipa-breach-notification"]
    for days, outcome in ((0, "pass"), (179, "pass"), (180, "not_shown")):
        assert outcomes(ledger, product(), a_run(days=days), artifacts) == {
            "pipa-safety": "not_shown", "pipa-privacy-policy": outcome}
    assert "pipa-privacy-policy" not in ask(ledger, product(), a_run(days=179))["rules"]
    assert "pipa-privacy-policy" in ask(ledger, product(), a_run(days=180))["rules"]
    with reading(ledger) as connection:
        [decision] = connection.execute(select(decisions)).mappings()
        rows = connection.execute(select(attestations)).mappings().all()
    assert (decision["subject"], decision["gate"], decision["by"]) == ("shop|1.0.0", "attestation", "dana")
    assert {(row["by"], row["note"]) for row in rows} == {("dana", "seen")}


def test_an_attestation_is_of_its_words(ledger: Engine) -> None:
    attest(ledger, product(), a_run(), ask(ledger, product(), a_run()), YES)
    assert ask(ledger, product(), a_run(days=1))["rules"] == []
    with writing(ledger) as connection:
        connection.execute(attestations.update().where(attestations.c.rule == "pipa-safety").values(statement="All is well."))
    assert ask(ledger, product(), a_run(days=2))["rules"] == ["pipa-safety"]


@pytest.mark.parametrize("decision", [
    YES | {"accepted": False}, YES | {"by": "timeout"}, YES | {"by": "automatic"}, YES | {"by": "unknown"}])
def test_only_a_person_attests(ledger: Engine, decision: dict[str, Any]) -> None:
    question = ask(ledger, product(), a_run())
    assert attest(ledger, product(), a_run(), question, decision)["attested"] == []
    with reading(ledger) as connection:
        assert known(connection, "shop", NOW) == []


def test_an_exception_of_what_was_not_asked_is_named(ledger: Engine) -> None:
    question = ask(ledger, product(), a_run())
    with pytest.raises(InputError, match="not among what was asked: pipa-safty"):
        attest(ledger, product(), a_run(), question, YES | {"fields": {"except": "pipa-safty"}})


def test_the_newest_attestation_counts(ledger: Engine) -> None:
    for days, by in ((0, "dana"), (300, "kim")):
        question = replace(a_run(days=days))
        attest(ledger, product(), question, {"ask": True, "rules": ["pipa-safety"]}, YES | {"by": by})
    with reading(ledger) as connection:
        [row] = known(connection, "shop", a_run(days=310).at)
    assert (row["by"], row["days_ago"]) == ("kim", 10)


def scenario(engine: Engine, folder: Path) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLOSED_LOOP_HOME", str(folder / "home"))
        shop, run = product(data_inventory=[], packs=["privacy-pipa"]), a_run()
        said = attest(engine, shop, run, ask(engine, shop, run), YES)
        return said, check(engine, shop, run, Artifacts(str(folder / "artifacts")))


def prepare(engine: Engine, folder: Path) -> None:
    add_release(engine)


def test_a_kill_changes_nothing(migrated: Path, tmp_path: Path) -> None:
    assert ledger_after_kills(migrated, tmp_path, f"{__name__}:scenario", at_most=10) > 5
