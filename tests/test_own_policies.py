"""The project keeps to the rules that it checks others by: its own release is built and checked as a product's is."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from include.artifacts import Artifacts
from include.build_and_test.run import build
from include.compliance_checks.run import check
from include.key import Key
from include.ledger.engine import reading
from include.ledger.runs import Run
from include.ledger.tables import checks
from include.product import Product

ROOT = Path(__file__).resolve().parents[1]
HELD = {"purpose": "to hear its customers", "retention_days": 365, "region": "KR", "legal_basis": "consent"}
CLOSED_LOOP = {
    "name": "closed-loop", "title": "Closed Loop", "owner": "maintainers",
    "repository": {"url": str(ROOT), "test": f"{sys.executable} -m pytest -q tests/include/test_key.py --junitxml=junit.xml"},
    "compliance": {"licences": ["Apache-2.0"], "data_inventory": [
        {"field": "voices.text", **HELD}, {"field": "contacts.handle", "encrypted": True, **HELD}]}}
# A base is pinned by whoever builds the image: BASE is an argument. What tests start or read is no image of ours.
KNOWN = ("image-hardened: Dockerfile:4 unpinned: python:3.12-slim-bookworm", "image-hardened: tests/fuzz/good/Dockerfile:",
         "image-hardened: tests/scale/services/Dockerfile:")
FOR_PEOPLE = ("nobody has attested it", "no person has decided anything about it")


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="this copy of the project has no history")
def test_the_project_keeps_to_its_own_rules(ledger: Engine, tmp_path: Path) -> None:
    product, artifacts, now = Product.model_validate(CLOSED_LOOP), Artifacts(str(tmp_path / "artifacts")), datetime.now(UTC)
    built = build(ledger, product, Run("build_and_test", "1", Key("closed-loop"), now), artifacts)
    assert built["tests"]["passed"] > 0 and len(built["publish"]) == 1
    check(ledger, product, Run("compliance_checks", "2", Key.parse(built["publish"][0]), now), artifacts)
    with reading(ledger) as connection:
        found = connection.execute(select(checks.c.rule, checks.c.detail).where(checks.c.outcome != "pass")).all()
    said = [f"{rule}: {line}" for rule, detail in found for line in detail.split("; ") if line not in FOR_PEOPLE]
    assert [line for line in said if not line.startswith(KNOWN)] == []
