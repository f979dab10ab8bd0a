"""Checks of what a release is made of, and of who let it come to be: facts in, a finding out."""

from collections.abc import Sequence
from typing import Any

from include.compliance_checks.policy import Finding
from include.spdx import allows

MAX_NAMED = 10


def parts_allowed(sbom: dict[str, Any], policy: dict[str, Any]) -> Finding:
    """Every part of the SBOM bears a licence that the product's policy allows; a part without a clear one shows nothing."""
    allowed = set(policy["licences"])
    refused = [licence for licence in sbom["licences"] if not allows(allowed, licence)]
    wrong = [f"{part} is {licence}" for licence in refused for part in sbom["licences"][licence]]
    if wrong:
        return Finding("fail", f"{_named(sorted(wrong))}; allowed: {', '.join(sorted(allowed))}")
    if sbom["unclear"]:
        return Finding("not_shown", f"no clear licence: {_named(sbom['unclear'])}")
    return Finding("pass", f"{sbom['components']} parts bear allowed licences")


def four_eyes(approvals: list[dict[str, Any]]) -> Finding:
    """A person who wrote none of the release's commits let it, or its scope, go on."""
    people = [item for item in approvals if item["person"] and item["decision"] in {"approved", "accepted"}]
    if others := [item["gate"] for item in people if not item["wrote"]]:
        return Finding("pass", f"decided by somebody else: {', '.join(sorted(set(others)))}")
    if people:
        return Finding("fail", f"decided only by who wrote it: {', '.join(sorted({item['gate'] for item in people}))}")
    return Finding("not_shown", "no person has decided anything about it")


def _named(items: Sequence[str]) -> str:
    more = f" and {len(items) - MAX_NAMED} more" if len(items) > MAX_NAMED else ""
    return "; ".join(items[:MAX_NAMED]) + more
