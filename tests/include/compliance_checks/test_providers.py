"""Facts of a release as rules get them; what is not there is missing and says why."""

import base64
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from include.artifacts import Artifacts
from include.compliance_checks.facts import Subject, facts_of
from include.compliance_checks.policy import Missing
from include.product import Product
from tests.conftest import NOW

RELEASE = {"key": "shop|1.4.0", "product": "shop", "version": "1.4.0", "previous": None, "status": "candidate",
           "commit": "c" * 40, "digest": "sha256:" + "a" * 64, "tests": {}, "sbom": None, "provenance": None}


def facts(engine: Engine, artifacts: Artifacts, tree: Path | None = None, product: dict[str, Any] = {},  # noqa: B006 - only read
          **release: Any) -> dict[str, Any]:
    made = Product.model_validate({"name": "shop", "title": "Shop", "owner": "team"} | product)
    return facts_of(Subject(made, RELEASE | release, tree, NOW + timedelta(1), engine, artifacts))


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


@pytest.mark.parametrize(("release", "trouble"), [
    ({}, ""), ({"digest": "sha256:" + "b" * 64}, "it is about another archive"),
    ({"commit": "d" * 40}, "it is about another commit")])
def test_provenance_is_held_against_the_release(ledger: Engine, artifacts: Artifacts, release: dict[str, str],
                                                trouble: str) -> None:
    source = {"uri": "git+https://example.com/shop@refs/heads/main", "digest": {"gitCommit": "c" * 40}}
    statement = {"subject": [{"name": "pkg:generic/shop@1.4.0", "digest": {"sha256": "a" * 64}}], "predicate": {
        "buildDefinition": {"resolvedDependencies": [source]},
        "runDetails": {"builder": {"id": "urn:closed-loop:build_and_test"}}}}
    envelope = {"payload": base64.b64encode(json.dumps(statement).encode()).decode(), "signatures": [{"keyid": "k", "sig": "x"}]}
    name, _ = artifacts.keep(json.dumps(envelope).encode())
    found = facts(ledger, artifacts, provenance=name, **release)["provenance"]()
    assert found == {"trouble": trouble, "builder": "urn:closed-loop:build_and_test", "source": source["uri"], "keys": ["k"]}
