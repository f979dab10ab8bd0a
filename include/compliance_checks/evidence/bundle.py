"""What a check leaves behind for an auditor: the files, in a folder of their own, and their manifest."""

import csv
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from include.compliance_checks.evidence.about import About, waiver
from include.compliance_checks.evidence.chain import keep
from include.compliance_checks.evidence.kept import last_before
from include.compliance_checks.evidence.oscal import assessment
from include.compliance_checks.evidence.report import page
from include.compliance_checks.policy import Judged
from include.ledger.runs import Run

if TYPE_CHECKING:
    from include.compliance_checks.facts import Subject

Table = Sequence[Mapping[str, Any]]
# owasp.org/www-community/attacks/CSV_Injection; spreadsheets of Japan and Korea take the wide signs for the narrow ones
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def bundle(subject: "Subject", run: Run, judged: Sequence[Judged]) -> dict[str, str]:
    """Keep the evidence of one check; a run that comes again keeps the same. Returns its `folder` and its manifest's `head`."""
    release = subject.release
    blocks = any(item.blocks(subject.product.compliance.blocks_from) for item in judged)
    about = About(f"{release['key']} {run.run_id}", subject.product.title, release["key"], release["version"], release["commit"],
                  release["digest"] or "", run.at.isoformat(), blocks)
    stamp = f"{run.at:%Y%m%dT%H%M%SZ}-{hashlib.sha256(run.run_id.encode()).hexdigest()[:8]}"
    folder = f"evidence/{release['product']}/{release['version']}/{stamp}"
    facts = {name: fact for item in judged for name, fact in item.facts.items()}
    files = _documents(about, judged, facts) | _papers(subject)
    files["oscal-assessment-results.json"] = _json(assessment(about, judged, _digests(files)))
    files["report.html"] = page(about, judged, _tables(facts), _digests(files))
    said = {"release": about.release, "commit": about.commit, "archive": about.digest, "at": about.at, "run": run.run_id,
            "blocks": blocks}
    link = keep(subject.artifacts, folder, said, files, last_before(subject.engine, run))
    return {"folder": link.folder, "head": link.head}


def _documents(about: About, judged: Sequence[Judged], facts: Mapping[str, Any]) -> dict[str, bytes]:
    results = [{"rule": item.rule.id, "title": item.rule.title, "severity": item.rule.severity, "outcome": item.finding.outcome,
                "detail": item.finding.detail, "serves": list(map(str, item.rule.serves)), "waiver": waiver(item)}
               for item in judged]
    head = {"release": about.release, "commit": about.commit, "archive": about.digest, "at": about.at, "blocks": about.blocks}
    files = {"results.json": _json(head | {"results": results}), "results.csv": _csv(results),
             "facts.json": _json({name: _without(fact, "sarif") for name, fact in sorted(facts.items())})}
    files |= {f"{name}.csv": _csv(rows) for name, rows in _rows(facts).items() if rows}
    if sast := facts.get("sast"):
        files["sast.sarif"] = _json(sast["sarif"])
    return files


def _papers(subject: "Subject") -> dict[str, bytes]:
    """What the build made, as it is."""
    names = {"sbom.cdx.json": subject.release.get("sbom"), "provenance.json": subject.release.get("provenance")}
    return {file: subject.artifacts.read(name) for file, name in names.items() if name and subject.artifacts.exists(name)}


def _rows(facts: Mapping[str, Any]) -> dict[str, Table]:
    """The facts that are tables, or hold one."""
    within = {"advisories": "found", "sast": "findings", "dockerfile": "problems", "licences": "files",
              "secrets": "found"}  # pragma: allowlist secret
    held = {name: facts[name][key] for name, key in within.items() if facts.get(name)}
    tables = {name: fact for name, fact in facts.items() if isinstance(fact, list) and all(isinstance(row, dict) for row in fact)}
    return tables | held


def _tables(facts: Mapping[str, Any]) -> dict[str, Table]:
    titles = {"advisories": "Advisories", "sast": "Static analysis", "dockerfile": "Dockerfiles",
              "secrets": "Secrets",  # pragma: allowlist secret
              "licences": "Licence files", "approvals": "Approvals", "inventory": "Data inventory"}
    rows = _rows(facts)
    return {title: rows[name] for name, title in titles.items() if name in rows}


def _without(fact: Any, name: str) -> Any:
    return {key: value for key, value in fact.items() if key != name} if isinstance(fact, dict) else fact


def _digests(files: Mapping[str, bytes]) -> dict[str, str]:
    return {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}


def _csv(rows: Table) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([_cell(name) for name in rows[0]] if rows else [])
    writer.writerows([_cell(value) for value in row.values()] for row in rows)
    return text.getvalue().encode("utf-8-sig")


def _cell(value: Any) -> str:
    """A value as a spreadsheet may open it: nothing of it is a formula."""
    text = "; ".join(map(str, value)) if isinstance(value, list) else json.dumps(value, ensure_ascii=False) if isinstance(
        value, dict) else "" if value is None else str(value)
    return f"'{text}" if text.startswith(FORMULA) else text


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode()
