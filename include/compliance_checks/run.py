"""Step 10: a candidate, or nightly what runs already, against the policy rules; the evidence of each rule is kept."""

import hashlib
import json
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from semver import Version
from sqlalchemy import Connection, Engine, RowMapping, select

from include.archive import extract, remove
from include.artifacts import Artifacts
from include.compliance_checks.checks import CHECKS
from include.compliance_checks.evidence.bundle import bundle
from include.compliance_checks.facts import Subject, facts_of
from include.compliance_checks.policy import Judged, Rule, applying, judge
from include.compliance_checks.signalled import signal
from include.connection import Connection as SigningKey
from include.errors import InputError
from include.key import Key
from include.ledger.engine import reading, upsert
from include.ledger.runs import Result, Run, finish, lease, result_of
from include.ledger.tables import checks, releases
from include.ledger.trail import event, record
from include.product import Product, home


def check(engine: Engine, product: Product, run: Run, artifacts: Artifacts, signing_key: SigningKey | None = None) -> Result:
    """Check the release that `run.key` names, or for the key of a product (nightly) the release that runs.

    The result publishes a candidate's key where no rule of a severity that blocks is broken, else `failed` names those that
    are; for a release that runs, `violations` does. What is broken there, and a broken rule whose waiver is over, becomes a
    signal: `signals` is the product where there is a new one. `evidence` names the folder of what an auditor gets, and the head
    of its manifest. Provenance is verified with the connection `signing_key`. Raises InputError where the release is unknown,
    its archive is not the one that was tested, or a policy pack or waiver is wrong.
    """
    if (known := result_of(engine, run)) is not None:
        return known
    rules, ids = applying(product)
    if unknown := [waiver.rule for waiver in product.compliance.waivers if waiver.rule not in ids]:
        raise InputError(f"compliance.waivers: there is no rule {unknown[0]!r}")
    release = _release(engine, run.key)
    if release is None:
        return finish(engine, run, lambda _: {"publish": [], "rests": "nothing is deployed"})
    folder = home() / "checks" / hashlib.sha256(f"{run.run_id} {release['key']}".encode()).hexdigest()[:16]
    remove(folder)  # what a killed run left
    try:
        subject = Subject(product, dict(release), _tree(artifacts, release, folder), run.at, engine, artifacts, signing_key)
        facts = facts_of(subject)
        judged = [Judged(rule, *judge(rule, facts, CHECKS), _waiver(product, rule, run.at.date())) for rule in rules]
    finally:
        remove(folder)
    rows = [_row(artifacts, run, release, item) for item in judged]
    with lease(engine, f"compliance:{product.name}", f"{run.run_id} {run.key}"):
        if (known := result_of(engine, run)) is not None:
            return known  # its evidence stays as it is
        evidence = bundle(subject, run, judged)
        return finish(engine, run, lambda connection: _written(
            connection, product, run, release["key"], judged, rows) | {"evidence": evidence})


def _waiver(product: Product, rule: Rule, today: date) -> dict[str, Any] | None:
    """The product's waiver of `rule`, as plain values; it holds until its last day is over (UTC)."""
    waiver = next((item for item in product.compliance.waivers if item.rule == rule.id), None)
    return waiver.model_dump(mode="json", exclude={"rule"}) | {"in_force": today <= waiver.until} if waiver else None


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
    rule, finding = judged.rule, judged.finding
    document = {"release": release["key"], "commit": release["commit"], "archive": release["digest"], "at": run.at.isoformat(),
                "rule": rule.model_dump(exclude={"examples"}), "facts": judged.facts, "waiver": judged.waiver, **asdict(finding)}
    content = json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True).encode()
    name, digest = artifacts.keep(content, ".json")
    return {"key": release["key"], "rule": rule.id, "run_id": run.run_id, "outcome": finding.outcome, "at": run.at,
            "severity": rule.severity, "serves": rule.cited, "detail": finding.detail, "evidence": name, "digest": digest,
            "waiver": judged.waiver}


def _written(connection: Connection, product: Product, run: Run, key: str, judged: list[Judged],
             rows: list[dict[str, Any]]) -> Result:
    upsert(connection, checks, rows)
    outcomes = {item.rule.id: item.finding.outcome for item in judged}
    stopped = [item for item in judged if item.blocks(product.compliance.blocks_from)]
    record(connection, run, [event(run, "compliance.checked", key, {"outcome": "failure" if stopped else "success",
                                                                    "rules": outcomes})])
    runs = run.key.version is None
    opened = signal(connection, product, run, key, [item for item in judged if item.lapsed or (runs and item in stopped)])
    broken = [f"{item.rule.id} ({item.finding.outcome}): {item.finding.detail}" for item in stopped]
    result = {"release": key, "outcomes": outcomes, "waived": [item.rule.id for item in judged if item.waived], "publish": [],
              "signals": [product.name] if opened else []}
    if runs:
        return result | {"violations": broken}
    return result | ({"failed": f"{key} is not compliant: {' | '.join(broken)}"} if broken else {"publish": [key]})
