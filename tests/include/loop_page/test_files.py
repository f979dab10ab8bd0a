"""What releases and incidents rest on: files that nobody's browser takes for a page, and in short."""

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, update

from include.artifacts import Artifacts
from include.ledger.engine import writing
from include.ledger.tables import checks, incidents, releases
from include.loop_page import files
from tests.turned import turned

SBOM = {"bomFormat": "CycloneDX", "components": [
    {"name": "zlib", "version": "1.3", "purl": "pkg:pypi/zlib@1.3", "licenses": [{"license": {"id": "Zlib"}}]},
    {"name": "<script>alert(1)</script>", "version": ["2"],
     "licenses": [{"expression": "MIT OR Apache-2.0"}, {"license": "?"}, 3]},
    "no component", {"purl": "pkg:pypi/nameless"}]}
FOUND = [{"id": "GHSA-2", "package": "pkg:pypi/zlib", "version": "1.3", "severity": "low", "summary": "s", "new": False},
         {"id": "GHSA-1", "package": "pkg:pypi/zlib", "version": "1.3", "severity": "critical", "summary": "<b>", "new": True}, 7]
RELEASE, INCIDENT = "/products/shop/releases/1.1.0", "/products/shop/incidents/i-1/postmortem"
EVERY = [f"{RELEASE}/files/sbom", f"{RELEASE}/files/provenance", f"{RELEASE}/evidence/privacy", INCIDENT]


@pytest.fixture(autouse=True)
def kept(ledger: Engine, artifacts: Artifacts) -> None:
    """A turned ledger, and what its release and its incident rest on."""
    turned(ledger)
    evidence = {"rule": {"id": "privacy"}, "facts": {"advisories": {"found": FOUND}}}
    names = {name: artifacts.keep(body, suffix)[0] for name, body, suffix in (
        ("sbom", json.dumps(SBOM).encode(), ".json"), ("provenance", b'{"payload": "e30="}', ".json"),
        ("evidence", json.dumps(evidence).encode(), ".json"), ("postmortem", "# <script>장애".encode(), ".md"))}
    with writing(ledger) as connection:
        connection.execute(update(releases).where(releases.c.version == "1.1.0").values(
            sbom=names["sbom"], provenance=names["provenance"]))
        connection.execute(update(checks).where(checks.c.rule == "privacy").values(evidence=names["evidence"]))
        connection.execute(update(incidents).values(postmortem=names["postmortem"]))


def test_files_are_kept_as_they_are(api: TestClient) -> None:
    assert api.get(EVERY[0]).json() == SBOM
    assert api.get(EVERY[1]).json() == {"payload": "e30="}
    assert api.get(EVERY[2]).json()["rule"] == {"id": "privacy"}
    draft = api.get(INCIDENT)
    assert (draft.text, draft.headers["content-type"]) == ("# <script>장애", "text/markdown; charset=utf-8")


@pytest.mark.parametrize("path", EVERY)
def test_no_browser_takes_a_file_for_a_page(api: TestClient, path: str) -> None:
    headers = api.get(path).headers
    assert headers["content-disposition"].startswith('attachment; filename="shop-')
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert "html" not in headers["content-type"]


def test_a_release_in_parts(api: TestClient) -> None:
    found = api.get(f"{RELEASE}/parts").json()
    assert found["listed"] == 3 and found["found"] == 2
    assert [(item["name"], item["version"], item["licence"]) for item in found["components"]] == [
        ("<script>alert(1)</script>", None, "MIT OR Apache-2.0"), ("?", None, None), ("zlib", "1.3", "Zlib")]
    assert [(item["id"], item["severity"], item["new"]) for item in found["advisories"]] == [
        ("GHSA-1", "critical", True), ("GHSA-2", "low", False)]
    nothing = {"components": [], "listed": 0, "advisories": None, "found": 0}
    assert api.get("/products/shop/releases/1.0.0/parts").json() == nothing


@pytest.mark.parametrize("wrong", [b"no json", b"[1]", b"{}", b'{"components": 1, "facts": []}', b"[" * 100_000])
def test_what_is_no_list_of_parts_lists_nothing(api: TestClient, ledger: Engine, artifacts: Artifacts, wrong: bytes) -> None:
    with writing(ledger) as connection:
        name = artifacts.keep(wrong)[0]
        connection.execute(update(releases).values(sbom=name))
        connection.execute(update(checks).values(evidence=name))
    assert api.get(f"{RELEASE}/parts").json() == {"components": [], "listed": 0, "advisories": None, "found": 0}


def test_what_is_too_large_is_said_to_be(api: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MOST", 10)
    answer = api.get(EVERY[0])
    assert answer.status_code == 413 and answer.json()["detail"].startswith("more than 10 bytes")


@pytest.mark.parametrize("path", [
    f"{RELEASE}/evidence/licences",  # its artifact is gone
    f"{RELEASE}/evidence/none", f"{RELEASE}/evidence/..%2F..%2Fetc%2Fpasswd", "/products/shop/releases/9.9.9/files/sbom",
    "/products/shop/releases/1.0.0/files/sbom", "/products/shop/releases/9.9.9/parts",
    "/products/parcels/incidents/i-1/postmortem", "/products/shop/incidents/none/postmortem"])
def test_what_is_not_there_is_404(api: TestClient, path: str) -> None:
    assert api.get(path).status_code == 404


def test_nobody_names_an_artifact(api: TestClient) -> None:
    assert api.get(f"{RELEASE}/files/artifact").status_code == 422
    assert files.file_name("shop", '1.0.0"; x=\r\n/../é') == "shop-1.0.0-x-..-"


@pytest.mark.parametrize(("dag", "path"), [("build_and_test", EVERY[0]), ("compliance_checks", EVERY[2]), ("alerting", INCIDENT),
                                           ("compliance_checks", f"{RELEASE}/parts")])
def test_who_may_not_read_a_dag_gets_no_file_of_it(api: TestClient, monkeypatch: pytest.MonkeyPatch, dag: str, path: str) -> None:
    from tests.include.loop_page import conftest

    monkeypatch.setattr(conftest, "FORBIDDEN", dag)
    answer: Any = api.get(path)
    assert answer.status_code == 403
