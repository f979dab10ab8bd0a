"""The phase: stories wait and are freed, repositories are read, interfaces compared; forms; impact; kills."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from include.artifacts import Artifacts
from include.dependency_management.__main__ import main
from include.dependency_management.forms import block_story
from include.dependency_management.impact import impact
from include.dependency_management.run import manage
from include.errors import InputError
from include.key import Key
from include.ledger.runs import Result, Run
from include.ledger.tables import components, contract_changes, dependency_reads, releases, story_blocks
from include.product import Product
from tests import rows
from tests.conftest import NOW
from tests.crash import ledger_after_kills
from tests.include.build_and_test.conftest import Repo

PAY = {"name": "pay", "title": "Pay <service>", "owner": "team-pay"}
NEEDS = [{"product": "pay", "needs": ">=1.1", "concerns": ["refund"]}]
RUN = Run("dependency_management", "run-1", Key("shop"), NOW)


def portfolio(**fields: Any) -> list[Product]:
    return [rows.product(depends_on=NEEDS, **fields), Product.model_validate(PAY)]


def turn(engine: Engine, artifacts: Artifacts, key: str, number: int, products: list[Product] | None = None) -> Result:
    products = products or portfolio()
    run = Run("dependency_management", f"run-{number}", Key.parse(key), NOW + timedelta(hours=number))
    product = next(item for item in products if item.name == run.product)
    return manage(engine, product, run, artifacts, products)


def deploy(engine: Engine, version: str, product: str = "pay", **fields: Any) -> None:
    with engine.begin() as connection:
        connection.execute(releases.update().where(releases.c.product == product, releases.c.status == "deployed")
                           .values(status="superseded"))
    rows.release(engine, version, key=f"{product}|{version}", product=product, status="deployed", **fields)


def waiting(engine: Engine) -> list[str]:
    return [row["story_id"] for row in rows.get(engine, story_blocks) if row["until"] is None]


def stage(engine: Engine) -> None:
    rows.story(engine, "S-1", title="Refund to the card")
    rows.story(engine, "S-2", title="Faster search")


def test_a_complaint_waits_for_another_product_and_is_freed_by_its_release(ledger: Engine, artifacts: Artifacts) -> None:
    stage(ledger)
    first = turn(ledger, artifacts, "shop", 1)
    assert (first["publish"], first["blocked"]) == (["shop"], [
        {"story": "S-1", "product": "shop", "why": "needs pay >=1.1, and nothing of it is deployed"}])
    assert waiting(ledger) == ["S-1"]
    deploy(ledger, "1.0.0")
    early = turn(ledger, artifacts, "pay|1.0.0", 2)
    assert (early["publish"], early["unblocked"], waiting(ledger)) == ([], [], ["S-1"])
    deploy(ledger, "1.1.0")
    freed = turn(ledger, artifacts, "pay|1.1.0", 3)
    assert (freed["publish"], freed["unblocked"]) == (["shop"], [
        {"story": "S-1", "product": "shop", "why": "pay 1.1.0 is deployed"}])
    assert waiting(ledger) == []
    assert turn(ledger, artifacts, "pay|1.1.0", 4)["publish"] == []
    assert turn(ledger, artifacts, "pay|1.1.0", 3) == freed
    assert rows.types(ledger) == ["ticket.updated"] * 2
    assert {row["product"] for row in rows.get(ledger, rows.events)} == {"shop"}


@pytest.mark.shared
def test_the_trail_keeps_the_specification(ledger: Engine, artifacts: Artifacts) -> None:
    stage(ledger)
    turn(ledger, artifacts, "shop", 1)
    assert rows.types(ledger) == ["ticket.updated"]
    assert rows.trail_problems(ledger) == []


def test_a_story_with_two_blocks_waits_for_both(ledger: Engine, artifacts: Artifacts) -> None:
    stage(ledger)
    turn(ledger, artifacts, "shop", 1)
    ask(ledger, "S-1", "S-2")
    deploy(ledger, "1.1.0")
    assert turn(ledger, artifacts, "pay|1.1.0", 2)["publish"] == []
    rows.put(ledger, rows.stories, {**rows.get(ledger, rows.stories, id="S-2")[0], "status": "released"})
    assert turn(ledger, artifacts, "shop|1.0.0", 3)["unblocked"] == [
        {"story": "S-1", "product": "shop", "why": "S-2 is released"}]


def ask(engine: Engine, story: str, on: str, number: int = 1, **fields: Any) -> Result:
    run = Run("block_story", f"form-{number}", Key("shop"), NOW + timedelta(minutes=number))
    form = {"story": story, "action": "block", "waits_for": on, "needs": "", "reason": "r"}
    return block_story(engine, run, "kim", form | fields)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pay.yaml").write_text("name: pay\ntitle: Pay\nowner: team-pay\n")
    (tmp_path / "shop.yaml").write_text("name: shop\ntitle: Tea shop\nowner: team-shop\n")
    monkeypatch.setenv("CLOSED_LOOP_PRODUCTS", str(tmp_path))


@pytest.mark.usefixtures("files")
def test_a_person_blocks_until_the_next_release_and_it_ends_by_itself(ledger: Engine, artifacts: Artifacts) -> None:
    stage(ledger)
    deploy(ledger, "1.0.0")
    result = ask(ledger, "S-2", "pay", reason="the API changes")
    [row] = rows.get(ledger, story_blocks)
    assert result == {"publish": ["shop"], "story": "S-2", "blocks": [row["id"]]}
    assert (row["needs"], row["reason"], row["by"]) == (">1.0.0", "kim: the API changes", "kim")
    assert turn(ledger, artifacts, "shop", 1)["unblocked"] == []
    deploy(ledger, "1.0.1")
    assert [item["story"] for item in turn(ledger, artifacts, "pay|1.0.1", 2)["unblocked"]] == ["S-2"]


@pytest.mark.usefixtures("files")
def test_a_person_lifts_a_block(ledger: Engine) -> None:
    stage(ledger)
    ask(ledger, "S-2", "pay", needs="^3")
    ask(ledger, "S-2", "", 2, action="lift", reason="a mock will do")
    [row] = rows.get(ledger, story_blocks)
    assert row["ended"] == "lifted by kim: a mock will do"
    with pytest.raises(InputError, match="nothing blocks story S-2"):
        ask(ledger, "S-2", "pay", 3, action="lift")


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(("story", "on", "fields", "said"), [
    ("S-9", "pay", {}, "there is no story 'S-9' of shop"), ("S-2", "nosuch", {}, "unknown product 'nosuch'"),
    ("S-2", "S-9", {}, "there is no story 'S-9'"), ("S-2", "pay", {"needs": "latest"}, "is no range"),
    ("S-2", "pay", {"needs": ">2 <1"}, "no version can be in"), ("S-2", "pay", {"needs": "^1"}, "there is nothing to wait for"),
    ("S-2", "shop", {}, "release of its own product"), ("S-2", "S-2", {}, "for ever: S-2 waits for S-2"),
    ("S-2", "S-1", {}, "for ever: S-2 waits for S-1 waits for S-3 waits for S-2"), ("S-4", "pay", {}, "S-4 is released"),
])
def test_a_wrong_block_is_refused_with_its_reason(ledger: Engine, story: str, on: str, fields: dict[str, str], said: str) -> None:
    stage(ledger)
    rows.story(ledger, "S-3")
    rows.story(ledger, "S-4", status="released")
    deploy(ledger, "1.0.0")
    ask(ledger, "S-1", "S-3", 2)
    ask(ledger, "S-3", "S-2", 3)
    with pytest.raises(InputError, match=said):
        ask(ledger, story, on, **fields)
    assert len(rows.get(ledger, story_blocks)) == 2


API = '{"paths": {"/pay": {"get": {"responses": {"200": {}}}, "post": {"responses": {"200": {}}}}}}'


def test_the_repository_is_read_as_git_keeps_it(ledger: Engine, artifacts: Artifacts, tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    old = repo.commit("feat: a", {"api.json": API, "requirements.txt": "httpx==1.0\nnot a requirement !\n",
                                  "package.json": "{", "node_modules/a/package.json": "{"})
    product = Product.model_validate(PAY | {"contracts": [{"path": "api.json"}, {"path": "gone.yaml"}],
                                            "repository": {"url": str(repo.path), "test": "true"}})
    products = [portfolio()[0], product]
    deploy(ledger, "1.0.0", commit=old)
    first = turn(ledger, artifacts, "pay", 1, products)
    assert (first["packages"], first["contract_changes"]) == (1, [])
    assert first["set_aside"] == [
        "package.json:1: no JSON: Expecting property name enclosed in double quotes",
        "requirements.txt:2: no requirement: 'not a requirement !'", "gone.yaml:1: the interface file is not in the repository"]
    new = repo.commit("feat!: b", {"api.json": API.replace("post", "put"), "package.json": "{}"})
    found = turn(ledger, artifacts, "pay", 2, products)
    assert found["contract_changes"] == [{
        "product": "pay", "file": "api.json", "place": "POST /pay", "rule": "operation removed",
        "why": "whoever calls it is refused", "breaks": ["shop"]}]
    assert {(row["old"], row["new"], row["breaking"]) for row in rows.get(ledger, contract_changes)} == {
        (old, new, True), (old, new, False)}
    [component] = rows.get(ledger, components)
    assert (component["package"], component["version"], component["line"]) == ("pkg:pypi/httpx", "1.0", 1)
    [read] = rows.get(ledger, dependency_reads)
    assert (read["product"], read["commit"], len(read["set_aside"])) == ("pay", new, 2)
    deploy(ledger, "2.0.0", commit=new, previous="1.0.0")
    assert turn(ledger, artifacts, "pay|2.0.0", 3, products)["contract_changes"] == found["contract_changes"]


def test_a_repository_that_is_gone_holds_nothing_up(ledger: Engine, artifacts: Artifacts, tmp_path: Path) -> None:
    stage(ledger)
    products = portfolio(repository={"url": str(tmp_path / "gone"), "test": "true"})
    result = turn(ledger, artifacts, "shop", 1, products)
    assert (result["publish"], len(result["blocked"])) == (["shop"], 1)
    assert "gone" in result["set_aside"][0]


def test_the_graph_is_kept_as_a_picture_and_as_json(ledger: Engine, artifacts: Artifacts) -> None:
    stage(ledger)
    rows.story(ledger, "P-1", product="pay", status="scoped", effort_days=3.0)
    result = turn(ledger, artifacts, "shop", 1)
    graph = json.loads(artifacts.read(result["graph"]))
    assert graph["release_order"] == [["pay"], ["shop"]]
    assert graph["critical_path"] == {"steps": ["P-1", "release of pay", "S-1"], "days": 5.0}
    [block] = graph["blocks"]
    assert (block["story"], block["earliest_start"]) == ("S-1", 3.0)
    svg = artifacts.read(result["picture"]).decode()
    assert svg.startswith("<svg")
    assert "critical path, 5 days: P-1 → release of pay → S-1" in svg


def test_impact_of_a_package(ledger: Engine, artifacts: Artifacts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                             capsys: pytest.CaptureFixture[str], home: Path) -> None:
    stage(ledger)
    repo = Repo(tmp_path / "repo")
    repo.commit("feat: a", {"requirements.txt": "\nhttpx==0.28.1\n",
                            "pyproject.toml": '[project]\ndependencies = ["httpx>=0.20"]'})
    pay = Product.model_validate(PAY | {"repository": {"url": str(repo.path), "test": "true"}})
    products = [portfolio()[0], pay]
    turn(ledger, artifacts, "pay", 1, products)
    found = impact(ledger, products, "pkg:pypi/HTTPX", "<0.29")
    assert found["used"] == [{"product": "pay", "file": "requirements.txt", "line": 2, "version": "0.28.1", "needs": "==0.28.1",
                              "scope": "runtime"}]
    assert found["products"] == [{"product": "pay", "path": ["pay"]}, {"product": "shop", "path": ["shop", "pay"]}]
    assert [row["id"] for row in found["stories"]] == ["S-1", "S-2"]
    assert impact(ledger, products, "pkg:pypi/httpx@0.27.0")["products"] == []
    assert impact(ledger, products, "pkg:pypi/httpx", ">=0.29")["used"] == []
    for wrong, affected in (("httpx", None), ("pkg:pypi/httpx", "older"), ("pkg:npm/a", "older")):
        with pytest.raises(InputError):
            impact(ledger, products, wrong, affected)
    monkeypatch.setenv("CLOSED_LOOP_PRODUCTS", str(tmp_path))
    main(["impact", "pkg:pypi/httpx@0.28.1", "--ledger", ledger.url.render_as_string(hide_password=False)])
    assert [item["file"] for item in json.loads(capsys.readouterr().out)["used"]] == ["requirements.txt"]
    with pytest.raises(SystemExit, match="no package URL"):
        main(["impact", "httpx"])


def prepare(engine: Engine, folder: Path) -> None:
    stage(engine)
    Repo(folder / "repo").commit("feat: a", {"requirements.txt": "httpx==1.0\n", "go.mod": "require a"})
    rows.release(engine, "1.0.0", key="pay|1.0.0", product="pay", status="deployed")


def scenario(engine: Engine, folder: Path) -> Result:
    products = portfolio(repository={"url": str(folder / "repo"), "test": "true"})
    return manage(engine, products[0], RUN, Artifacts(str(folder / "artifacts")), products)


def test_a_kill_changes_nothing(migrated: Path, tmp_path: Path) -> None:
    assert ledger_after_kills(migrated, tmp_path, f"{__name__}:scenario", at_most=24) > 4


def test_another_run_of_the_same_stories_changes_nothing(ledger: Engine, artifacts: Artifacts) -> None:
    stage(ledger)
    turn(ledger, artifacts, "shop", 1)
    before = rows.get(ledger, story_blocks)
    result = manage(ledger, portfolio()[0], replace(RUN, run_id="run-2", at=NOW + timedelta(days=1)), artifacts, portfolio())
    assert (result["blocked"], result["unblocked"], rows.get(ledger, story_blocks)) == ([], [], before)
