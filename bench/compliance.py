"""Compliance of a release with 500 parts, from the ledger to the evidence, beside its scanners run alone on the same release.

The release is this project's own code with an SBOM of 500 packages and a mirror of 2,000 advisories, every tenth of which touches
one of the parts. The difference is rules, tables, report, OSCAL, manifest and ledger.
"""

import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, insert

from bench.rows import row
from include.advisories import Mirror
from include.archive import extract
from include.artifacts import Artifacts
from include.compliance_checks.advisories import advised
from include.compliance_checks.dockerfile import dockerfiles
from include.compliance_checks.facts import licences_in
from include.compliance_checks.run import check
from include.compliance_checks.sast import sarif_of, summary
from include.compliance_checks.sbom import components
from include.compliance_checks.secrets import secrets_in
from include.key import Key
from include.ledger.engine import connect, upgrade, writing
from include.ledger.runs import Run
from include.ledger.tables import releases
from include.product import Product

ROOT = Path(__file__).resolve().parents[1]
PARTS, ADVISORIES = 500, 2_000
AT = datetime(2026, 3, 1, 2, tzinfo=UTC)
GREEN = {"passed": 9, "failed": 0, "errors": 0, "skipped": 0, "failures": []}


def measure() -> dict[str, Any]:
    """Check the release once cold; its scanners are run after it, so that what they import is theirs for nothing."""
    with tempfile.TemporaryDirectory(prefix="closed-loop-bench-") as name:
        folder = Path(name)
        os.environ["CLOSED_LOOP_HOME"] = name
        _mirror(folder / "osv")
        bom, archive = _sbom(), _archive()
        engine, artifacts = _ledger(folder), Artifacts(str(folder / "artifacts"))
        _release(engine, artifacts, bom, archive)
        product = Product.model_validate({"name": "own", "title": "Own", "owner": "team", "compliance": {
            "packs": ["security-baseline", "supply-chain"], "osv": "osv", "data_inventory": [
                {"field": f"customer.{n}", "purpose": "orders", "region": "KR", "retention_days": 30} for n in range(20)]}})
        run = Run("compliance_checks", "r", Key.parse("own|1.0.0"), AT)
        ours, result = _timed(lambda: check(engine, product, run, artifacts))
        extract(archive, folder / "tree")
        alone = {name: _timed(scanner)[0] for name, scanner in _scanners(folder / "tree", folder / "osv", bom).items()}
        evidence = folder / "artifacts" / result["evidence"]["folder"]
        files = sum(path.stat().st_size for path in evidence.iterdir())
    imports = _timed(lambda: subprocess.run([sys.executable, "-c", "import great_expectations"], check=True))[0]
    note = (f"{len(result['outcomes'])} rules; {files / 1e6:.1f} MB of evidence; {imports:.2f} s are the import of Great "
            "Expectations; alone: "
            + ", ".join(f"{name} {seconds:.2f} s" for name, seconds in alone.items()))
    return row("compliance", ours, "s of processor", "its scanners alone", sum(alone.values()), PARTS, note, more_is_better=False)


def _timed(what: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of processor, those of programs that were started included: what else the machine does matters less."""
    start = sum(os.times()[:4])
    found = what()
    return sum(os.times()[:4]) - start, found


def _scanners(tree: Path, mirror: Path, bom: bytes) -> dict[str, Callable[[], Any]]:
    return {"secrets": lambda: secrets_in(tree), "SAST": lambda: summary(sarif_of(tree)), "licences": lambda: licences_in(tree),
            "Dockerfiles": lambda: dockerfiles(tree), "advisories": lambda: advised(Mirror(mirror, "osv"), components(bom))}


def _sbom() -> bytes:
    return json.dumps({"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [
        {"type": "library", "name": f"part-{n}", "version": f"1.{n}.0", "purl": f"pkg:pypi/part-{n}@1.{n}.0",
         "licenses": [{"license": {"id": "MIT"}}]} for n in range(PARTS)]}).encode()


def _mirror(folder: Path) -> None:
    folder.mkdir()
    for n in range(ADVISORIES):
        name = f"part-{n // 10}" if n % 10 == 0 else f"other-{n}"
        span = {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "9"}]}
        (folder / f"GHSA-{n}.json").write_text(json.dumps({
            "id": f"GHSA-{n}", "summary": "x" * 80, "details": "y" * 2_000,
            "affected": [{"package": {"ecosystem": "PyPI", "name": name}, "ranges": [span]}]}))


def _archive() -> bytes:
    buffer = io.BytesIO()
    code = [path for folder in ("include", "dags") for path in (ROOT / folder).rglob("*.py")]
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path in sorted([*code, ROOT / "LICENSE", ROOT / "Dockerfile"]):
            archive.add(path, path.relative_to(ROOT).as_posix())
    return buffer.getvalue()


def _ledger(folder: Path) -> Engine:
    url = f"sqlite:///{folder / 'ledger.db'}"
    upgrade(url)
    return connect(url)


def _release(engine: Engine, artifacts: Artifacts, bom: bytes, archive: bytes) -> None:
    name, digest = artifacts.keep(archive, ".tar")
    with writing(engine) as connection:
        connection.execute(insert(releases).values(
            key="own|1.0.0", product="own", version="1.0.0", commit="c" * 40, artifact=name, digest=digest,
            changelog="", tests=GREEN, status="candidate", at=AT, sbom=artifacts.keep(bom, ".json")[0]))
