"""A need is asked once, a person decides, the ADR says why, and what changes about the solution is a signal."""

import math
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError
from sqlalchemy import Engine

from include.artifacts import Artifacts
from include.connection import Connection, no_connections
from include.errors import InputError
from include.key import Key
from include.ledger.runs import Result, Run
from include.ledger.tables import decisions, signals, solution_facts, solutions
from include.product import Product
from include.solution_evaluation.run import evaluate, record
from tests import rows
from tests.conftest import NOW
from tests.crash import ledger_after_kills
from tests.include.solution_evaluation import world as made
from tests.include.solution_evaluation.world import World, need, teas

RUN = Run("solution_evaluation", "run-1", Key("shop"), NOW)


@pytest.fixture
def world() -> Iterator[World]:
    with teas().up() as found:
        yield found


def product(world: World, *needs: dict[str, Any], **fields: Any) -> Product:
    return rows.product(solutions={"sources": world.sources(**fields), "needs": list(needs or [need()])},
                        compliance={"licences": ["MIT", "BSD-3-Clause", "BSD-2-Clause"]})


def night(n: int) -> Run:
    return replace(RUN, run_id=f"night-{n}", at=NOW + timedelta(days=n))


def ask(engine: Engine, product: Product, run: Run = RUN, **how: Any) -> Result:
    return evaluate(engine, product, run, no_connections, Path("/nowhere"), **how)


def choose(engine: Engine, product: Product, artifacts: Artifacts, question: dict[str, Any], chosen: str,
           run: Run = RUN) -> Result:
    return record(engine, product, run, artifacts, question, {"chosen": chosen, "by": "ada | lovelace", "note": "it is *known*"})


def told(value: float) -> dict[str, Any]:
    return {"name": "a", "facts": {"x": {"value": value, "who": "ada", "at": "2026-01-01"}}}


def test_a_need_is_asked_ranked_and_decided(ledger: Engine, world: World, artifacts: Artifacts) -> None:
    shop = product(world)
    (question,) = ask(ledger, shop)["questions"]
    assert question["options"] == ["Celery", "Rq", "CloudQ", "None of these"]
    assert question["subject"] == "Tea shop: Which queue holds the orders?"
    table = [line for line in question["body"].splitlines() if line.startswith("| ") and "closeness" not in line][:3]
    assert "Celery (open source)" in table[0] and "Rq" in table[1] and "CloudQ (commercial)" in table[2]
    assert "_missing_ | _missing_ | _missing_ | 120 |" in table[2]
    assert "told by ada" in question["body"] and "2026\\-02" not in question["body"].split("### Facts")[0]
    facts = {(row["candidate"], row["fact"]): row for row in rows.get(ledger, solution_facts)}
    assert facts["Rq", "advisories"]["value"] == 1 and facts["Rq", "advisories"]["detail"] == ["GHSA-aaaa-bbbb-cccc"]
    assert facts["Celery", "licence_allowed"]["value"] is True
    assert facts["Celery", "scorecard"]["at"].date().isoformat() == "2026-02-23"
    assert (facts["CloudQ", "advisories"]["value"], facts["CloudQ", "advisories"]["why"]) == (
        None, "the candidate names nothing that tells it")
    answer = choose(ledger, shop, artifacts, question, "Celery")
    assert answer["publish"] == ["shop"] and answer == choose(ledger, shop, artifacts, question, "Celery")
    (row,) = rows.get(ledger, solutions)
    assert (row["status"], row["chosen"], row["decided_by"], row["need"]) == ("decided", "Celery", "ada | lovelace", "queue")
    assert [(item["gate"], item["decision"]) for item in rows.get(ledger, decisions)] == [("solution", "Celery")]
    assert rows.types(ledger) == ["approval.closed", "closedloop-solution.decided"] and rows.trail_problems(ledger) == []


def test_the_decision_is_an_adr_in_madr_form(ledger: Engine, world: World, artifacts: Artifacts) -> None:
    rows.story(ledger, "S-1", status="scoped")
    shop = product(world, need(story="S-1"))
    (question,) = ask(ledger, shop)["questions"]
    name = choose(ledger, shop, artifacts, question, "Celery")["adr"]
    _, front, text = artifacts.read(name).decode().split("---\n", 2)
    assert yaml.safe_load(front) == {"status": "accepted", "date": NOW.date(), "decision-makers": ["ada | lovelace"]}
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        "## Context and Problem Statement", "## Decision Drivers", "## Considered Options", "## Decision Outcome",
        "## Pros and Cons of the Options", "## More Information"]
    assert 'Chosen option: "Celery"; it ranks 1' in text and "S\\-1" in text and "ada \\| lovelace" in text
    assert "it is \\*known\\*" in text and "What would change it" in text and "127\\.0\\.0\\.1" in text
    assert "* Good, because advisories is 0, the best of all" in text


def test_it_rests_until_a_story_with_the_need_is_in_the_scope(ledger: Engine, world: World) -> None:
    shop = product(world, need(story="S-1"))
    rest = {"questions": [], "signals": [], "missing": 0, "publish": [], "looked": 0}
    assert ask(ledger, shop) == rest and not world.asked
    rows.story(ledger, "S-1", status="ready")
    assert ask(ledger, shop, night(1)) == rest
    rows.story(ledger, "S-1", status="scoped")
    assert len(ask(ledger, shop, night(2))["questions"]) == 1


def test_a_question_is_asked_once_and_anew_only_for_a_reason(ledger: Engine, world: World, artifacts: Artifacts) -> None:
    shop = product(world)
    (first,) = ask(ledger, shop)["questions"]
    assert ask(ledger, shop, night(1))["questions"] == []
    (by_hand,) = ask(ledger, shop, night(2), by_hand=True)["questions"]
    assert choose(ledger, shop, artifacts, first, "Rq")["publish"] == []
    choose(ledger, shop, artifacts, by_hand, "None of these", night(2))
    assert sorted(row["status"] for row in rows.get(ledger, solutions)) == ["declined", "dropped"]
    assert ask(ledger, shop, night(3))["questions"] == []
    other = product(world, need(candidates=[made.free("celery"), made.BOUGHT]))
    assert len(ask(ledger, other, night(4))["questions"]) == 1


@pytest.mark.parametrize(("change", "kind", "severity", "says"), [
    ({"vulns": {"celery": ["GHSA-x <script>"]}}, "advisory", "high", "advisory GHSA-x <script> affects its newest version 5.4.0"),
    ({"/pypi/celery/json": made.pypi(licence="AGPL-3.0-only")}, "licence", "high", "AGPL-3.0-only now, no longer BSD"),
    ({"/pypi/celery/json": made.pypi(licence="MIT")}, "licence", "medium", "MIT now, no longer BSD-3-Clause"),
    ({"/repos/celery/celery": made.repository(archived=True)}, "abandonment", "medium", "repository was archived"),
    ({"/pypi/celery/json": made.pypi(classifiers=["Development Status :: 7 - Inactive"])}, "abandonment", "medium", "deprecated"),
])
def test_a_decided_solution_whose_evidence_changes_is_a_signal_once(
        ledger: Engine, world: World, artifacts: Artifacts, change: dict[str, Any], kind: str, severity: str, says: str) -> None:
    shop = product(world)
    (question,) = ask(ledger, shop)["questions"]
    first = choose(ledger, shop, artifacts, question, "Celery")
    assert ask(ledger, shop, night(1)) | {"missing": 0} == {
        "questions": [], "signals": [], "missing": 0, "publish": [], "looked": 1}
    world.vulns |= change.pop("vulns", {})
    world.paths |= change
    assert ask(ledger, shop, night(2), again=False)["looked"] == 0
    found = ask(ledger, shop, night(3))
    (signal,) = rows.get(ledger, signals)
    assert found["publish"] == ["shop"] and found["signals"] == [signal["fingerprint"]]
    assert (signal["kind"], signal["detail"]["change"], signal["severity"]) == ("solution", kind, severity)
    assert says in signal["title"] and signal["title"].startswith("Tea shop: Celery, chosen for “Which queue")
    (again,) = found["questions"]
    assert again["body"].startswith("It is asked again: ") and "<script>" not in again["body"]
    still = ask(ledger, shop, night(4))
    assert (still["questions"], still["publish"], still["looked"]) == ([], [], 1)
    answer = again["options"][0]
    second = choose(ledger, shop, artifacts, again, answer, night(5))
    assert ("Celery" in again["options"]) is (severity == "medium" or kind == "advisory")
    assert [row["status"] for row in rows.get(ledger, signals)] == ["resolved"]
    assert sorted(row["status"] for row in rows.get(ledger, solutions)) == ["decided", "superseded"]
    assert f'status: "superseded by {second["adr"]}"' in artifacts.read(first["adr"]).decode()
    assert ask(ledger, shop, night(6))["publish"] == []
    assert rows.trail_problems(ledger) == []


def test_long_silence_is_abandonment(ledger: Engine, world: World, artifacts: Artifacts) -> None:
    shop = product(world)
    (question,) = ask(ledger, shop)["questions"]
    choose(ledger, shop, artifacts, question, "Celery")
    assert ask(ledger, shop, night(360))["signals"] == []
    (fingerprint,) = ask(ledger, shop, night(370))["signals"]
    (signal,) = rows.get(ledger, signals, fingerprint=fingerprint)
    assert "nothing was pushed or released since 2026-02-27" in signal["title"]
    assert ask(ledger, shop, night(371))["signals"] == []


def test_a_source_that_is_down_changes_nothing(ledger: Engine, world: World, artifacts: Artifacts) -> None:
    shop = product(world)
    (question,) = ask(ledger, shop)["questions"]
    choose(ledger, shop, artifacts, question, "Celery")
    world.paths.clear()
    assert ask(ledger, shop, night(1))["signals"] == []


def test_who_breaks_a_knock_out_criterion_or_the_policy_is_out(ledger: Engine, world: World) -> None:
    world.paths["/pypi/rq/json"] = made.pypi(licence="GPL-3.0-only")
    dear = made.BOUGHT | {"facts": {"price": {"value": 900, "who": "ada", "at": "2026-02-01"}}}
    (question,) = ask(ledger, product(world, need(candidates=[made.free("rq"), made.free("celery"), dear])))["questions"]
    assert question["options"] == ["Celery", "None of these"]
    assert "the licence GPL\\-3\\.0\\-only is not in the product's policy" in question["body"]
    assert "price is 900, at most 500 may be" in question["body"]
    (all_out,) = ask(ledger, product(world, need(candidates=[made.free("rq"), dear])), night(1))["questions"]
    assert all_out["options"] == ["None of these"] and "Every candidate is out" in all_out["body"]


def test_what_is_missing_knocks_nobody_out_and_is_said(ledger: Engine, world: World) -> None:
    del world.paths["/pypi/rq/json"]
    (question,) = ask(ledger, product(world))["questions"]
    assert "Rq" in question["options"]
    line = next(line for line in question["body"].splitlines() if "Rq (open source)" in line)
    assert "not shown: licence\\_allowed" in line and "_missing_" in line
    assert "HTTP 404, it is not known there" in question["body"].replace("\\", "")


def test_names_that_would_be_markup_are_text(ledger: Engine, world: World, artifacts: Artifacts) -> None:
    evil = "<img src=x onerror=alert(1)> [a](javascript:b) | x"
    world.paths["/pypi/celery/json"] = made.pypi(version="1.0 <script>alert(1)</script>\n# x", licence="MIT")
    world.vulns["celery"] = ["GHSA-1 | <b> [x](javascript:y)"]
    candidate = made.free("celery") | {"name": evil}
    shop = product(world, need(question="# Which? <b>", candidates=[candidate, made.BOUGHT]))
    (question,) = ask(ledger, shop)["questions"]
    adr = artifacts.read(choose(ledger, shop, artifacts, question, evil)["adr"]).decode()
    for text in (question["body"], adr):
        assert re.findall(r"(?<!\\)<|(?<!\\)\]\(|^# x", text, re.MULTILINE) == []
        assert all(line.replace("\\|", "").count("|") == 6 for line in text.split("### Facts")[1].splitlines() if line[:1] == "|")


@pytest.mark.parametrize(("given", "message"), [
    ({"criteria": [{"fact": "stars"}]}, "Field required"),
    ({"criteria": [{"fact": "stars", "weight": 0}]}, "sum up to zero"),
    ({"criteria": [{"fact": "stars", "weight": math.nan}]}, "finite number"),
    ({"criteria": [{"fact": "stars", "weight": -1}]}, "greater than or equal to 0"),
    ({"criteria": [{"fact": "price", "weight": 1}]}, "`better` .* is needed"),
    ({"criteria": [{"fact": "stars", "weight": 1}] * 2}, "named twice: stars"),
    ({"candidates": [made.BOUGHT]}, "at least 2 items"),
    ({"candidates": [made.BOUGHT, made.BOUGHT]}, "named twice: cloudq"),
    ({"candidates": [made.BOUGHT, {"name": "None of these"}]}, "no plain name"),
    ({"candidates": [made.BOUGHT, {"name": "a\nb"}]}, "no plain name"),
    ({"candidates": [made.BOUGHT, told(-1)]}, "candidates"),
    ({"candidates": [made.BOUGHT, told(math.inf)]}, "candidates"),
    ({"candidates": [made.BOUGHT, {"name": "a", "package": "pkg:gem/x"}]}, "pattern"),
])
def test_a_need_that_can_t_be_ranked_is_an_error_in_the_product_s_file(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        rows.product(solutions={"needs": [need(**given)]})


def test_what_was_not_asked_is_no_answer(ledger: Engine, world: World, artifacts: Artifacts) -> None:
    shop = product(world)
    (question,) = ask(ledger, shop)["questions"]
    with pytest.raises(InputError, match="'Kafka' is no answer"):
        choose(ledger, shop, artifacts, question, "Kafka")
    with pytest.raises(InputError, match="is no answer to question 'SOL-none'"):
        choose(ledger, shop, artifacts, question | {"solution": "SOL-none"}, "Celery")


def test_a_base_url_may_come_from_a_connection(ledger: Engine, world: World) -> None:
    here = {"connection": "index", "allow_hosts": ["127.0.0.1"]}
    shop = rows.product(solutions={"sources": {"pypi": here}, "needs": [need()]})
    port = int(world.url.rsplit(":", 1)[1])
    for connection in (Connection("http", "http://127.0.0.1", port, None, "secret"), Connection("http", world.url)):
        world.asked.clear()
        run = replace(RUN, run_id=f"run {connection.port}")
        evaluate(ledger, shop, run, {"index": connection}.__getitem__, Path("/nowhere"), by_hand=True)
        assert [asked.path for asked in world.asked] == ["/pypi/celery/json", "/pypi/rq/json"]
        assert world.asked[0].headers.get("authorization") == ("Bearer secret" if connection.password else None)
    with pytest.raises(InputError, match="there is no connection 'index'"):
        ask(ledger, shop, night(1), by_hand=True)
    with pytest.raises(InputError, match="connection 'index' has no host"):
        evaluate(ledger, shop, night(2), lambda _: Connection("http"), Path("/nowhere"), by_hand=True)


def scenario(engine: Engine, folder: Path) -> Any:
    """Asked and decided, and asked again with a signal, without a network: what people entered and a folder of advisories."""
    mirror = folder / "osv"
    mirror.mkdir(exist_ok=True)
    shop = rows.product(solutions={"needs": [need(candidates=[made.BOUGHT, made.BOUGHT | {"name": "Other"}])]})
    store = Artifacts(str(folder / "artifacts"))
    results = []
    for n, told in ((0, "Proprietary"), (1, "Proprietary, per seat")):
        bought = made.BOUGHT | {"facts": made.BOUGHT["facts"] | {  # type: ignore[operator]  # a dict of dicts
            "licence": {"value": told, "who": "ada", "at": "2026-02-01"}}}
        shop = rows.product(solutions={"needs": [need(candidates=[bought, made.BOUGHT | {"name": "Other"}])]})
        found = ask(engine, shop, night(n))
        results += [found, choose(engine, shop, store, found["questions"][0], "CloudQ", night(n))]
    return [results, sorted((path.name, path.read_text()) for path in (folder / "artifacts").rglob("*.md"))]


def test_a_kill_changes_nothing(migrated: Path, tmp_path: Path) -> None:
    assert ledger_after_kills(migrated, tmp_path, f"{__name__}:scenario", at_most=24) > 20
