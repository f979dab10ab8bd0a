"""A check as OSCAL 1.1 assessment results (pages.nist.gov/OSCAL/reference/1.1.2/assessment-results/json-outline)."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from include.compliance_checks.evidence.about import About, waiver
from include.compliance_checks.policy import Judged

VERSION = "1.1.2"
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "closed-loop/evidence")
# Only what passes is shown to hold. What was not shown, or broke, is not a failure, and not satisfied either.
_REASON = {"pass": "pass", "fail": "fail"}


def assessment(subject: About, judged: Sequence[Judged], files: Mapping[str, str]) -> dict[str, Any]:
    """The document. `files` are the evidence's files by name, with their SHA-256 in hex. Ids follow from what they name."""
    of = subject.identity
    resources = {name: _id(of, "file", name) for name in files}
    component = _id(of, "component", subject.release)
    result = {
        "uuid": _id(of, "result"), "title": f"Compliance of {subject.release}", "start": subject.at,
        "description": f"Commit {subject.commit}, archive {subject.digest}, against {len(judged)} rules.",
        "local-definitions": {"components": [{
            "uuid": component, "type": "software", "title": subject.release, "description": f"Release {subject.release}",
            "props": _props({"commit": subject.commit, "digest": subject.digest}), "status": {"state": "operational"}}]},
        "reviewed-controls": {"control-selections": [{"include-controls": [{"control-id": item.rule.id} for item in judged]}]},
        "observations": [{
            "uuid": _id(of, "observation", item.rule.id), "title": item.rule.title, "description": _said(item),
            "methods": ["TEST"], "collected": subject.at, "subjects": [{"subject-uuid": component, "type": "component"}],
            "relevant-evidence": [{"href": f"#{resources['facts.json']}", "description": f"Facts: {', '.join(item.rule.needs)}"}],
        } for item in judged],
        "findings": [_finding(of, item) for item in judged]}
    if risks := [_risk(of, item) for item in judged if item.finding.outcome != "pass"]:
        result["risks"] = risks
    return {"assessment-results": {
        "uuid": _id(of, "document"),
        "metadata": {"title": f"Assessment results of {subject.release}", "last-modified": subject.at, "version": subject.version,
                     "oscal-version": VERSION},
        "import-ap": {"href": f"#{resources['results.json']}", "remarks": "The rules that were applied are part of the results."},
        "results": [result],
        "back-matter": {"resources": [{
            "uuid": resources[name], "title": name,
            "rlinks": [{"href": name, "hashes": [{"algorithm": "SHA-256", "value": digest}]}]}
            for name, digest in files.items()]}}}


def _finding(of: str, item: Judged) -> dict[str, Any]:
    reason = _REASON.get(item.finding.outcome, "other")
    status = {"state": "satisfied" if item.finding.outcome == "pass" else "not-satisfied", "reason": reason}
    remarks = {} if reason != "other" else {"remarks": f"{item.finding.outcome}: {item.finding.detail}"}
    risk = {} if item.finding.outcome == "pass" else {"related-risks": [{"risk-uuid": _id(of, "risk", item.rule.id)}]}
    return {
        "uuid": _id(of, "finding", item.rule.id), "title": item.rule.title, "description": _said(item),
        "props": _props({"severity": item.rule.severity, "outcome": item.finding.outcome}) + [
            prop for text in map(str, item.rule.serves) for prop in _props({"serves": text})],
        "target": {"type": "objective-id", "target-id": item.rule.id, "status": status | remarks},
        "related-observations": [{"observation-uuid": _id(of, "observation", item.rule.id)}], **risk}


def _risk(of: str, item: Judged) -> dict[str, Any]:
    return {"uuid": _id(of, "risk", item.rule.id), "title": item.rule.title, "description": _said(item),
            "statement": waiver(item) or item.rule.remedy, "status": "deviation-approved" if item.waived else "open",
            "props": _props({"severity": item.rule.severity})}


def _said(item: Judged) -> str:
    return item.finding.detail or item.finding.outcome


def _props(values: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "ns": "urn:closed-loop:oscal", "value": " ".join(value.split())}
            for name, value in values.items() if value.strip()]


def _id(*parts: str) -> str:
    return str(uuid.uuid5(_NAMESPACE, "\x1f".join(parts)))
