"""What is new between two releases, on the cases of OSV-Scanner, and what a mirror of OSV says about an SBOM."""

import json
from pathlib import Path
from typing import Any

import pytest

from include.advisories import Mirror
from include.compliance_checks.advisories import advised, fresh
from include.compliance_checks.sbom import components
from include.errors import InputError
from tests.conftest import SHARED

CASES = SHARED / "cases" / "osv" / "vulns"
KINDS = {"Go": "golang", "crates": "cargo"}


def kind(item: dict[str, Any]) -> str:
    return KINDS[item["package"]["ecosystem"].partition(".")[0]]


def case(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((CASES / f"test-vuln-results-{name}.json").read_text())
    return document


def scanned(name: str) -> list[dict[str, Any]]:
    """A scan result's findings as this project records them."""
    return [{"package": f"pkg:{kind(item)}/{item['package']['name']}", "id": found["id"]}
            for result in case(name)["results"] for item in result["packages"] for found in item["vulnerabilities"]]


def bom(*parts: dict[str, Any]) -> bytes:
    return json.dumps({"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [
        {"type": "library", "name": "x"} | part for part in parts]}).encode()


@pytest.mark.parametrize(("now", "before", "new"), [
    ("b", "a", ["GHSA-c3h9-896r-86jm"]), ("a", "b", []), ("a-1", "a", []), ("a", "a-1", []), ("a", "a", []), ("a", "d", [
        "GHSA-m5pq-gvj9-9vr8", "GO-2021-0053", "RUSTSEC-2022-0013"])])
@pytest.mark.shared
def test_only_what_was_not_known_before_is_new(now: str, before: str, new: list[str]) -> None:
    assert sorted(row["id"] for row in fresh(scanned(now), scanned(before))) == new


@pytest.mark.shared
def test_the_scanner_s_findings_come_out_of_its_advisories_in_a_folder(tmp_path: Path) -> None:
    """The same packages against the same advisories: what OSV-Scanner found is found, and the rest of the case is new."""
    parts = []
    for item in (item for result in case("b")["results"] for item in result["packages"]):
        name, version = item["package"]["name"], item["package"]["version"]
        parts.append({"name": name, "version": version, "purl": f"pkg:{kind(item)}/{name}@{version}"})
        for found in item["vulnerabilities"]:
            (tmp_path / f"{found['id']}.json").write_text(json.dumps(found))
    found = advised(Mirror(tmp_path, "compliance.osv"), components(bom(*parts)), scanned("a"), "shop|1.0.0")
    assert [{name: row[name] for name in ("package", "id")} for row in found["found"]] == sorted(
        scanned("b"), key=lambda row: (row["package"], row["id"]))
    assert [row["id"] for row in found["found"] if row["new"]] == ["GHSA-c3h9-896r-86jm"]
    assert (found["judged"], found["unjudged"], found["since"]) == (2, [], "shop|1.0.0")


def test_an_update_that_does_not_get_rid_of_an_advisory_brings_nothing_new(tmp_path: Path) -> None:
    span = {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.3"}]}
    (tmp_path / "a.json").write_text(json.dumps({
        "id": "GHSA-1", "summary": "bad\n<b>", "aliases": ["CVE-1"], "database_specific": {"severity": "HIGH"},
        "affected": [{"package": {"ecosystem": "PyPI", "name": "Web_Lib"}, "ranges": [span]}]}))
    mirror = Mirror(tmp_path, "compliance.osv")
    parts = [components(bom({"name": "web-lib", "version": version, "purl": f"pkg:pypi/web-lib@{version}"}))
             for version in ("1.0", "1.2", "1.3")]
    first = advised(mirror, parts[0])["found"]
    assert first == [{"package": "pkg:pypi/web-lib", "version": "1.0", "id": "GHSA-1", "aliases": ["CVE-1"], "severity": "high",
                      "summary": "bad <b>", "new": True}]
    second = advised(mirror, parts[1], first, "shop|1.0.0")
    assert [row["new"] for row in second["found"]] == [False]
    assert advised(mirror, parts[2], first)["found"] == []


def test_what_cannot_be_judged_is_told(tmp_path: Path) -> None:
    listed = components(bom({"name": "own"}, {"name": "jar", "version": "1.0", "purl": "pkg:maven/g/jar@1.0"},
                            {"name": "odd", "version": "one", "purl": "pkg:pypi/odd@one"}))
    assert advised(Mirror(tmp_path, "compliance.osv"), listed)["unjudged"] == ["jar 1.0", "odd one", "own"]
    with pytest.raises(InputError, match=r"compliance\.osv: there is no folder"):
        advised(Mirror(tmp_path / "none", "compliance.osv"), components(bom({"purl": "pkg:npm/x@1.0.0"})))


def test_an_sbom_is_read_with_its_nested_parts_and_licences() -> None:
    found = components(bom(
        {"name": "a", "version": "1", "licenses": [{"license": {"id": "mit"}}], "components": [
            {"name": "b", "licenses": [{"expression": "MIT OR Apache-2.0"}, {"license": {"name": "Ask me"}}]}]},
        {"name": "c", "purl": "pkg:npm/%40s/c@2.0.0"}))
    assert [(item.name, item.version, item.licences, item.unclear) for item in found] == [
        ("a", "1", ("MIT",), ()), ("c", "2.0.0", (), ()), ("b", "", ("MIT OR Apache-2.0",), ("Ask me",))]


@pytest.mark.parametrize(("content", "why"), [
    (b"{", "no JSON"), (b"[]", "no CycloneDX"), (b'{"bomFormat": "SPDX"}', "no CycloneDX"),
    (b'{"bomFormat": "CycloneDX", "components": {}}', "no list of named objects"),
    (b'{"bomFormat": "CycloneDX", "components": [{"name": 1}]}', "no list of named objects"),
    (bom({"purl": "x"}), "component 'x'")])
def test_what_is_no_sbom_is_refused(content: bytes, why: str) -> None:
    with pytest.raises(InputError, match=why):
        components(content)
