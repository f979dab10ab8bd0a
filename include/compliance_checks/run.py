"""Step 10: a candidate, or nightly what runs already, against the policy rules; the evidence of each rule is kept."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from semver import Version
from sqlalchemy import Connection, Engine, RowMapping, select

from include.archive import extract, remove
from include.artifacts import Artifacts
from include.compliance_checks.checks import CHECKS
from include.compliance_checks.facts import Subject, facts_of
from include.compliance_checks.policy import BLOCKING, Finding, Rule, judge, read_pack
from include.errors import InputError
from include.key import Key
from include.ledger.engine import reading, upsert
from include.ledger.runs import Result, Run, finish, result_of
from include.ledger.tables import checks, releases
from include.ledger.trail import event, record
from include.product import Product, home

Judged = tuple[Rule, Finding, dict[str, Any]]  # with the facts that the finding rests on


def check(engine: Engine, product: Product, run: Run, artifacts: Artifacts) -> Result:
    """Check the release that `run.key` names, or for the key of a product (nightly) the release that runs.

    The result publishes a candidate's key where every rule of severity high or above passes, else `failed` names those that
    did not; for a release that runs, `violations` does. Raises InputError where the release is unknown, its archive is not
    the one that was tested, or a policy pack is wrong.
    """
    if (known := result_of(engine, run)) is not None:
        return known
    rules = [rule for name in product.compliance.packs for rule in read_pack(name)]
    release = _release(engine, run.key)
    if release is None:
        return finish(engine, run, lambda _: {"publish": [], "rests": "nothing is deployed"})
    folder = home() / "checks" / hashlib.sha256(f"{run.run_id} {release['key']}".encode()).hexdigest()[:16]
    remove(folder)  # what a killed run left
    try:
        facts = facts_of(Subject(product, dict(release), _tree(artifacts, release, folder), run.at, engine, artifacts))
        judged = [(rule, *judge(rule, facts, CHECKS)) for rule in rules]
    finally:
        remove(folder)
    rows = [_row(artifacts, run, release, item) for item in judged]
    return finish(engine, run, lambda connection: _written(connection, run, release["key"], judged, rows))


def _release(engine: Engine, key: Key) -> RowMapping | None:
    """The release to check; None where nothing runs yet."""
    query = select(releases).where(releases.c.product == key.product)
    with reading(engine) as connection:
        if key.version is None:
            running = connection.execute(query.where(releases.c.status == "deployed")).mappings().all()
            return max(running, key=lambda row: Version.parse(row["version"]), default=None)
        found = connection.execute(query.where(releases.c.key == str(key))).mappings().first()
    if found is None:
        raise InputError(f"release {str(key)!r} is not in the ledger")
    return found


def _tree(artifacts: Artifacts, release: RowMapping, folder: Path) -> Path | None:
    """The release's archive, unpacked; None where there is none."""
    if not release["artifact"] or not artifacts.exists(release["artifact"]):
        return None
    content = artifacts.read(release["artifact"])
    if (digest := f"sha256:{hashlib.sha256(content).hexdigest()}") != release["digest"]:
        raise InputError(f"release {release['key']}: the archive's digest is {digest}, the release's is {release['digest']}")
    extract(content, folder)
    return folder


def _row(artifacts: Artifacts, run: Run, release: RowMapping, judged: Judged) -> dict[str, Any]:
    """Keep the evidence of one rule; returns its row for the ledger."""
    rule, finding, facts = judged
    document = {"release": release["key"], "commit": release["commit"], "archive": release["digest"], "at": run.at.isoformat(),
                "rule": rule.model_dump(exclude={"examples"}), "facts": facts, **asdict(finding)}
    content = json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True).encode()
    name, digest = artifacts.keep(content, ".json")
    return {"key": release["key"], "rule": rule.id, "run_id": run.run_id, "outcome": finding.outcome, "at": run.at,
            "severity": rule.severity, "serves": "; ".join(map(str, rule.serves)), "detail": finding.detail, "evidence": name,
            "digest": digest}


def _written(connection: Connection, run: Run, key: str, judged: list[Judged], rows: list[dict[str, Any]]) -> Result:
    upsert(connection, checks, rows)
    outcomes = {rule.id: finding.outcome for rule, finding, _ in judged}
    broken = [f"{rule.id} ({finding.outcome}): {finding.detail}" for rule, finding, _ in judged
              if finding.outcome != "pass" and rule.severity in BLOCKING]
    record(connection, run, [event(run, "compliance.checked", key, {"outcome": "failure" if broken else "success",
                                                                    "rules": outcomes})])
    result = {"release": key, "outcomes": outcomes, "publish": []}
    if run.key.version is None:
        return result | {"violations": broken}
    return result | ({"failed": f"{key} is not compliant: {' | '.join(broken)}"} if broken else {"publish": [key]})
