"""The adapters read what the real systems answer, and what is throttled, unknown, broken, huge or hostile leaves a gap that says
why."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from packageurl import PackageURL

from include.advisories import affects
from include.connection import no_connections
from include.errors import InputError
from include.parts.solutions import Candidate, FactSources
from include.solution_evaluation.facts import Fact
from include.solution_evaluation.gather import Sources
from include.solution_evaluation.packages import INDEXES
from tests.conftest import NOW
from tests.include.solution_evaluation import world as made
from tests.include.solution_evaluation.world import World, teas
from tests.server import Reply

CELERY = Candidate(name="Celery", package="pkg:pypi/celery", repository="github.com/celery/celery")
PAD = Candidate(name="Pad", package="pkg:npm/%40scope/pad")


@pytest.fixture
def world() -> Iterator[World]:
    with teas().up() as found:
        yield found


def facts(world: World, candidate: Candidate = CELERY, sources: dict[str, Any] | None = None, **fields: Any) -> dict[str, Fact]:
    given = FactSources.model_validate(world.sources(**fields) if sources is None else sources)
    with Sources(given, no_connections, Path("/nowhere")) as opened:
        return opened.facts(candidate, NOW)


def values(found: dict[str, Fact]) -> dict[str, Any]:
    return {name: fact.value for name, fact in found.items()}


def test_a_python_package_with_its_repository(world: World) -> None:
    found = facts(world)
    assert values(found) == {
        "version": "5.4.0", "licence": "BSD-3-Clause", "deprecated": False, "days_since_release": 40, "releases_in_a_year": 1,
        "advisories": 0, "days_since_push": 3, "open_issues": 12, "stars": 3400, "archived": False, "scorecard": 7.1}
    assert all(world.url in fact.source for fact in found.values())
    asked = {(request.method, request.path): request.body for request in world.asked}
    assert asked["POST", "/v1/query"] == {"package": {"name": "celery", "ecosystem": "PyPI"}, "version": "5.4.0"}


def test_an_npm_package_with_a_scope(world: World) -> None:
    world.paths["/@scope%2Fpad"] = made.npm(deprecated="use String.padStart()", license={"type": "WTFPL"})
    world.vulns["@scope/pad"] = ["GHSA-2", "GHSA-1"]
    found = facts(world, PAD)
    assert values(found) == {"version": "2.0.0", "licence": "WTFPL", "deprecated": True, "days_since_release": 10,
                             "releases_in_a_year": 1, "advisories": 2}
    assert found["advisories"].detail == ("GHSA-1", "GHSA-2")


@pytest.mark.parametrize(("info", "licence", "why"), [
    ({"license_expression": "MIT OR Apache-2.0"}, "MIT OR Apache-2.0", None),
    ({"license_expression": None, "license": "MIT"}, "MIT", None),
    ({"license_expression": None, "classifiers": ["License :: OSI Approved :: Apache Software License"]}, "Apache-2.0", None),
    ({"license_expression": None, "license": "BSD"}, None, "no SPDX licence: BSD"),
    ({"license_expression": None}, None, "the index names no licence"),
    ({"license_expression": 7, "license": ["x"], "classifiers": [7, "License :: x"]}, None, "the index names no licence"),
    ({"license_expression": None, "license": "<script>" + "x" * 50_000}, None, "no SPDX licence: <script>xxx"),
])
def test_a_licence_is_an_spdx_expression_or_not_known(world: World, info: dict[str, Any], licence: str | None,
                                                      why: str | None) -> None:
    world.paths["/pypi/celery/json"] = made.pypi(**info)
    found = facts(world)["licence"]
    assert found.value == licence
    assert (found.why or "").startswith(why or "") and len(found.why or "") < 120


@pytest.mark.parametrize(("answer", "why"), [
    (Reply({}, 404), "HTTP 404, it is not known there"),
    (Reply({}, 403), "HTTP 403"),
    (Reply(b"<html>busy</html>"), "no JSON: Expecting value"),
    (Reply([1, 2]), "no JSON object, but list"),
    (Reply(b"[" * 100_000), "no JSON"),
    (Reply(b'{"info": "' + b"x" * 11_000_000 + b'"}'), "the answer is larger than 10,000,000 bytes"),
    (Reply(b"\x00\xff"), "no JSON"),
    (Reply({}, 302, {"Location": "http://169.254.169.254/latest/meta-data"}), "169.254.169.254, which is not public"),
])
def test_an_index_that_answers_wrongly_leaves_a_gap_that_says_why(
        world: World, answer: Reply, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.http_client.FIRST_WAIT", 0.001)
    world.paths["/pypi/celery/json"] = answer
    found = facts(world, max_bytes=10_000_000)
    gaps = {name for name, fact in found.items() if fact.value is None}
    assert gaps == {"version", "licence", "deprecated", "days_since_release", "releases_in_a_year", "advisories"}
    assert why in (found["version"].why or "")
    assert found["advisories"].why == "the newest version is not known"
    assert found["stars"].value == 3400


def test_an_index_that_answers_nonsense_leaves_gaps(world: World) -> None:
    releases = {"1": "x", "2": [{"upload_time_iso_8601": "yesterday"}], "3": [7], "4": None}
    world.paths["/pypi/celery/json"] = {"info": [], "releases": releases}
    world.paths["/repos/celery/celery"] = {"pushed_at": 7, "open_issues_count": -1, "stargazers_count": True, "archived": "no"}
    world.paths["/projects/github.com/celery/celery"] = made.score(-1)
    found = facts(world)
    assert len(found) == 11 and all(fact.value is None and fact.why for fact in found.values())
    world.paths["/pypi/celery/json"] = {"info": {"version": "4"}, "releases": releases}
    assert "no date" in (facts(world)["days_since_release"].why or "")
    for wrong in (float("nan"), float("inf"), 11, "9", None, 10**400):
        world.paths["/projects/github.com/celery/celery"] = Reply(json.dumps(made.score(wrong)).encode())
        assert facts(world)["scorecard"].value is None


def test_a_throttled_system_is_asked_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.http_client.FIRST_WAIT", 0.001)
    world.paths["/pypi/celery/json"] = [Reply({}, 429, {"Retry-After": "0"}), Reply({}, 503), Reply(made.pypi())]
    world.paths["/repos/celery/celery"] = [Reply({}, 403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "0"}),
                                           Reply(made.repository())]
    found = facts(world)
    assert (found["version"].value, found["stars"].value) == ("5.4.0", 3400)


def test_a_limit_that_lasts_leaves_a_gap(world: World) -> None:
    world.paths["/repos/celery/celery"] = Reply({}, 429, {"Retry-After": "3600"})
    assert "longer than total_seconds" in (facts(world)["stars"].why or "")


def test_a_private_address_has_to_be_named(world: World) -> None:
    found = facts(world, allow_hosts=[])
    assert {fact.value for fact in found.values()} == {None}
    assert "which is not public; where that is meant, name the host in allow_hosts" in (found["version"].why or "")
    assert world.asked == []


def test_a_name_can_t_leave_its_place_in_the_url(world: World) -> None:
    evil = Candidate(name="x", package="pkg:pypi/..%2F..%2Fadmin%3Fx=1", repository="github.com/../..")
    facts(world, evil)
    assert not any(asked.path.startswith("/admin") or asked.query for asked in world.asked)


def test_advisories_come_page_by_page(world: World) -> None:
    world.paths["/v1/query"] = [Reply({"vulns": [{"id": "A"}, {"id": "B", "withdrawn": "2026-01-01T00:00:00Z"}],
                                       "next_page_token": "2"}), Reply({"vulns": [{"id": "C"}]})]
    assert facts(world)["advisories"].detail == ("A", "C")
    assert [asked.body.get("page_token") for asked in world.asked if asked.path == "/v1/query"] == [None, "2"]


@pytest.mark.parametrize(("answer", "why"), [
    ({"vulns": "many"}, "vulns is no list"), ({"vulns": [{"id": 7}]}, "vulns is no list"),
    ({"vulns": [{"id": "A"}], "next_page_token": "again"}, "more than 20 pages"),
])
def test_advisories_that_can_t_be_read_are_missing_not_none(world: World, answer: dict[str, Any], why: str) -> None:
    world.paths["/v1/query"] = answer
    found = facts(world)["advisories"]
    assert found.value is None and why in (found.why or "")


ADVISORY = {"id": "GHSA-1", "affected": [{"package": {"ecosystem": "PyPI", "name": "Zope.Interface"}, "ranges": [
    {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.2"}, {"introduced": "2.0rc1"}, {"last_affected": "2.3"}]},
    {"type": "GIT", "events": [{"introduced": "0"}]}], "versions": ["7.7.post1"]}]}


@pytest.mark.parametrize(("version", "affected"), [
    ("0.1", True), ("1.1.9", True), ("1.2", False), ("1.2.1", False), ("2.0rc1", True), ("2.3", True), ("2.3.1", False),
    ("7.7.post1", True), ("no version", False)])
def test_an_advisory_touches_the_versions_of_its_ranges(version: str, affected: bool) -> None:
    package = PackageURL.from_string("pkg:pypi/zope-interface")
    assert affects(ADVISORY, package, version) is affected
    assert not affects(ADVISORY | {"withdrawn": "2026-01-01T00:00:00Z"}, package, version)
    assert not affects(ADVISORY, PackageURL.from_string("pkg:npm/zope-interface"), version)


def test_a_mirror_in_a_folder_answers_like_the_api(world: World, tmp_path: Path) -> None:
    (tmp_path / "PyPI").mkdir()
    for name, events in (("GHSA-1", [{"introduced": "0"}]), ("GHSA-2", [{"introduced": "0"}, {"fixed": "5.4.0"}])):
        (tmp_path / "PyPI" / f"{name}.json").write_text(json.dumps({"id": name, "affected": [
            {"package": {"ecosystem": "PyPI", "name": "celery"}, "ranges": [{"type": "ECOSYSTEM", "events": events}]}]}))
    sources = {"pypi": world.sources()["pypi"], "osv_folder": str(tmp_path)}
    assert facts(world, sources=sources)["advisories"].detail == ("GHSA-1",)
    (tmp_path / "broken.json").write_text("{")
    broken = facts(world, sources=sources)["advisories"]
    assert broken.value is None and "broken.json: no JSON" in (broken.why or "")
    none = facts(world, sources=sources | {"osv_folder": "nowhere"})["advisories"]
    assert none.value is None and "there is no folder /nowhere/nowhere" in (none.why or "")


def test_every_index_gives_the_same_facts(world: World) -> None:
    world.paths["/celery"] = made.npm()
    assert {kind: set(facts(world, Candidate(name="x", package=f"pkg:{kind}/celery"))) - {"advisories"} for kind in INDEXES} == {
        kind: {"version", "licence", "deprecated", "days_since_release", "releases_in_a_year"} for kind in INDEXES}


def test_sources_that_are_not_named_are_not_asked(world: World) -> None:
    assert facts(world, sources={}) == {}
    with pytest.raises(ValueError, match="not both"):
        FactSources.model_validate({"osv": {"url": world.url}, "osv_folder": "x"})
    with pytest.raises(ValueError, match="needs a `connection` or a `url`"):
        FactSources.model_validate({"pypi": {}})


def test_a_release_of_tomorrow_is_no_negative_age(world: World) -> None:
    world.paths["/pypi/celery/json"] = made.pypi(released=NOW + timedelta(hours=5))
    assert facts(world)["days_since_release"].value == 0


def test_a_connection_that_is_not_there_is_an_error_at_once() -> None:
    with pytest.raises(InputError, match="there is no connection 'index'"):
        Sources(FactSources.model_validate({"pypi": {"connection": "index"}}), no_connections, Path())
