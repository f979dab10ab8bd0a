"""Facts of a release as rules get them; what is not there is missing and says why."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from include.artifacts import Artifacts
from include.attestation import key_id, keys_of, new_key
from include.compliance_checks.facts import Subject, facts_of
from include.compliance_checks.policy import Missing
from include.connection import Connection
from include.key import Key
from include.ledger.runs import Run
from include.parts.repository import Repository
from include.product import Product
from include.provenance import Built, signed
from tests.conftest import NOW

RELEASE: dict[str, Any] = {"key": "shop|1.4.0", "product": "shop", "version": "1.4.0", "previous": None, "status": "candidate",
           "commit": "c" * 40, "digest": "sha256:" + "a" * 64, "tests": {}, "sbom": None, "provenance": None}

KEY, OTHER = (Connection("generic", password=new_key()) for _ in range(2))


def facts(engine: Engine, artifacts: Artifacts, tree: Path | None = None, product: dict[str, Any] = {},  # noqa: B006 - only read
          key: Connection | None = None, **release: Any) -> dict[str, Any]:
    made = Product.model_validate({"name": "shop", "title": "Shop", "owner": "team"} | product)
    return facts_of(Subject(made, RELEASE | release, tree, NOW + timedelta(1), engine, artifacts, key))


@pytest.mark.parametrize(("name", "why"), [
    ("sbom", "the release has no SBOM"), ("advisories", "the product names no compliance.osv"), ("sast", "no archive"),
    ("dockerfile", "no archive"), ("approvals", "no repository"), ("provenance", "the release has no provenance")])
def test_what_is_not_there_is_missing(ledger: Engine, artifacts: Artifacts, name: str, why: str) -> None:
    found = facts(ledger, artifacts)[name]()
    assert isinstance(found, Missing) and why in found.why


def test_settings_are_named_and_their_values_kept_out(ledger: Engine, artifacts: Artifacts) -> None:
    product = {"deployment": {"command": "run {port}", "port": 8092, "env": {
        "API_TOKEN": "abc123", "DB_PASSWORD": "", "MODE": "x", "BACKEND": "http://api.example.com/v1?key=abc123",
        "LOCAL": "http://127.0.0.1:9 http://localhost/"}}}
    assert facts(ledger, artifacts, product=product)["settings"]() == {
        "secrets": ["API_TOKEN"], "insecure": ["http://api.example.com/v1"], "replicas": 2}


def test_the_parts_and_their_licences_come_from_the_sbom(ledger: Engine, artifacts: Artifacts) -> None:
    parts = [{"name": "six", "version": "1", "purl": "pkg:pypi/six@1", "licenses": [{"license": {"id": "MIT"}}]},
             {"name": "own", "licenses": [{"license": {"name": "Ask me"}}]}]
    name, _ = artifacts.keep(json.dumps({"bomFormat": "CycloneDX", "components": parts}).encode())
    assert facts(ledger, artifacts, sbom=name)["sbom"]() == {
        "components": 2, "unnamed": ["own"], "unclear": ["own"], "licences": {"MIT": ["six 1"]}}


@pytest.fixture
def signed_release(artifacts: Artifacts) -> dict[str, Any]:
    """What a build leaves, signed with KEY."""
    sbom, of_sbom = artifacts.keep(b"{}", ".cdx.json")
    built = Built("shop", "1.4.0", "c" * 40, RELEASE["digest"], of_sbom)
    envelope = signed(Run("build_and_test", "r", Key("shop"), NOW), Repository(url="https://e.example/shop", test="t"), built,
                      keys_of(KEY))
    return {"sbom": sbom, "provenance": artifacts.keep(envelope, ".json")[0]}


def test_provenance_that_holds_says_who_built_from_what(ledger: Engine, artifacts: Artifacts,
                                                        signed_release: dict[str, Any]) -> None:
    found = facts(ledger, artifacts, key=KEY, **signed_release)["provenance"]()
    assert found == {"trouble": "", "builder": "urn:closed-loop:build_and_test",
                     "source": "git+https://e.example/shop@refs/heads/main", "keys": [key_id(keys_of(KEY).trusted[0])]}


@pytest.mark.parametrize(("release", "trouble"), [
    ({"digest": "sha256:" + "b" * 64}, "another archive"), ({"commit": "d" * 40}, "another commit"),
    ({"version": "1.5.0"}, "another release"), ({"sbom": "gone"}, "its SBOM is not among"),
    ({"provenance": "gone"}, "its provenance is not among"), ({}, "no signature on it is one of a trusted key")])
def test_provenance_that_does_not_hold_is_broken(ledger: Engine, artifacts: Artifacts, signed_release: dict[str, Any],
                                                 release: dict[str, Any], trouble: str) -> None:
    found = facts(ledger, artifacts, key=KEY if release else OTHER, **signed_release | release)["provenance"]()
    assert trouble in found["trouble"] and (found["builder"], found["keys"]) == ("", [])


@pytest.mark.parametrize("signatures", [[], [{"keyid": "k", "sig": "eA=="}]])
def test_what_nobody_signed_is_broken(ledger: Engine, artifacts: Artifacts, signed_release: dict[str, Any],
                                      signatures: list[dict[str, str]]) -> None:
    envelope = json.loads(artifacts.read(signed_release["provenance"])) | {"signatures": signatures}
    forged: dict[str, Any] = {"provenance": artifacts.keep(json.dumps(envelope).encode())[0]}
    assert "no signature" in facts(ledger, artifacts, key=KEY, **signed_release | forged)["provenance"]()["trouble"]


def test_without_a_key_nothing_is_shown(ledger: Engine, artifacts: Artifacts, signed_release: dict[str, Any]) -> None:
    found = facts(ledger, artifacts, **signed_release)["provenance"]()
    assert isinstance(found, Missing) and "'signing_key'" in found.why
