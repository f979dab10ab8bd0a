"""The same tests in several surroundings: each entry is kept, all are joined, one that fails fails the release."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import Engine

from include.artifacts import Artifacts
from include.build_and_test.run import build, join, try_entry
from include.errors import InputError
from include.ledger.runs import Run
from include.product import Product
from tests.crash import ledger_after_kills
from tests.include.build_and_test.conftest import GREEN, Repo, a_run
from tests.include.build_and_test.test_coverage import LCOV

OTHER = '<testsuite><testcase classname="t" name="c"/><testcase classname="t" name="d"><failure/></testcase></testsuite>'
MATRIX = [{"name": "unit"}, {"name": "py3.12", "test": "cp other.xml other-junit.xml", "junit": "other-junit.xml"}]


def turn(engine: Engine, product: Product, run: Run, artifacts: Artifacts, request: dict[str, Any] | None = None) -> Any:
    """What the DAG's tasks do, one after the other."""
    chosen = build(engine, product, run, artifacts, request)
    for entry in chosen.get("entries", []):
        try_entry(engine, product, run, artifacts, entry)
    return join(engine, product, run, artifacts, request) if "entries" in chosen else chosen


def test_entries_are_tested_each_on_its_own_and_joined(repo: Repo, ledger: Engine, artifacts: Artifacts) -> None:
    repo.commit("feat: b", {"other.xml": OTHER.replace("<failure/>", "<skipped/>")})
    product = repo.product(matrix=MATRIX)
    assert build(ledger, product, a_run(), artifacts)["entries"] == ["unit", "py3.12"]
    result = turn(ledger, product, a_run(), artifacts)
    assert result["publish"] == ["shop|1.0.0"]
    assert result["tests"] == {
        "passed": 3, "failed": 0, "errors": 0, "skipped": 1, "failures": [],
        "matrix": {"unit": {"passed": 2, "failed": 0, "errors": 0, "skipped": 0, "failures": []},
                   "py3.12": {"passed": 1, "failed": 0, "errors": 0, "skipped": 1, "failures": []}}}
    log = artifacts.read(result["log"]).decode()
    assert log.index("== unit ==") < log.index("cp green.xml") < log.index("== py3.12 ==") < log.index("cp other.xml")
    assert turn(ledger, product, a_run(), artifacts) == result
    assert "already release 1.0.0" in turn(ledger, product, a_run(2), artifacts)["rests"]


def test_one_that_fails_fails_the_release_and_is_named(repo: Repo, ledger: Engine, artifacts: Artifacts) -> None:
    repo.commit("feat: b", {"other.xml": OTHER})
    matrix = [*MATRIX, {"name": "broken", "test": "echo no wheel; exit 3"}]
    result = turn(ledger, repo.product(matrix=matrix), a_run(), artifacts)
    assert result["publish"] == []
    assert result["failed"].endswith(": py3.12: 1 tests failed: t.d; broken: the test command failed: exit code 3 "
                                     "(no wheel); the tests wrote no junit.xml")
    matrix_of = result["tests"]["matrix"]
    assert (matrix_of["py3.12"]["reason"], matrix_of["unit"].get("reason")) == ("1 tests failed: t.d", None)
    assert result["tests"]["failures"] == ["t.d"]


def test_what_ran_in_one_entry_is_covered(repo: Repo, ledger: Engine, artifacts: Artifacts) -> None:
    repo.commit("feat: b", {"lcov": LCOV, "lcov2": LCOV.replace("DA:3,0", "DA:3,1")})
    matrix = [{"name": "a"}, {"name": "b", "test": "cp green.xml junit.xml; cp lcov2 coverage.xml"}]
    product = repo.product("cp green.xml junit.xml; cp lcov coverage.xml", matrix=matrix, coverage={"minimum": 75})
    result = turn(ledger, product, a_run(), artifacts)
    assert result["publish"] == ["shop|1.0.0"] and result["tests"]["coverage"] == {"lines": 4, "covered": 3, "percent": 75.0}
    assert result["tests"]["matrix"]["a"]["coverage"]["percent"] == 50.0


def test_a_release_that_was_made_meanwhile_is_not_made_again(repo: Repo, ledger: Engine, artifacts: Artifacts) -> None:
    repo.commit("feat: b", {"other.xml": GREEN})
    product = repo.product(matrix=MATRIX)
    for number in (1, 2):
        build(ledger, product, a_run(number), artifacts)
        for entry in ("unit", "py3.12"):
            try_entry(ledger, product, a_run(number), artifacts, entry)
    repo.commit("feat: c")
    assert turn(ledger, product, a_run(3), artifacts)["publish"] == ["shop|1.0.0"]
    assert "is in release 1.0.0 (candidate) by now" in join(ledger, product, a_run(1), artifacts)["rests"]
    assert join(ledger, product, a_run(2), artifacts)["publish"] == []


def test_what_is_not_in_the_matrix_is_named(repo: Repo, ledger: Engine, artifacts: Artifacts) -> None:
    product = repo.product(matrix=MATRIX)
    build(ledger, product, a_run(), artifacts)
    with pytest.raises(InputError, match="no entry 'py2' in its matrix"):
        try_entry(ledger, product, a_run(), artifacts, "py2")
    with pytest.raises(RuntimeError, match=r"not tested yet: py3\.12, unit"):
        join(ledger, product, a_run(), artifacts)
    for wrong in ([{"name": "a"}, {"name": "a"}], [{"name": "A b"}], [{"name": "a", "image": "python:3.12"}]):
        with pytest.raises(ValidationError):
            repo.product(matrix=wrong)


def prepare(_engine: Engine, folder: Path) -> None:
    Repo(folder / "repo").commit("feat: first", {"green.xml": GREEN, "other.xml": GREEN, "lcov": LCOV})


def scenario(engine: Engine, folder: Path) -> Any:
    repository = {"url": str(folder / "repo"), "test": "cp green.xml junit.xml; cp lcov coverage.xml", "coverage": {},
                  "matrix": [{"name": "a"}, {"name": "b"}]}
    product = Product.model_validate({"name": "shop", "title": "Shop", "owner": "team", "repository": repository})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLOSED_LOOP_HOME", str(folder / "home"))
        return turn(engine, product, a_run(), Artifacts(str(folder / "artifacts")))


def test_a_kill_changes_nothing(migrated: Path, tmp_path: Path) -> None:
    assert ledger_after_kills(migrated, tmp_path, f"{__name__}:scenario", at_most=5) > 3
