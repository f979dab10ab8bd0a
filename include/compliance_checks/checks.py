"""The checks that rules name: facts (plain values) in, a finding out. Each parameter is a fact or one of the rule's own."""

from typing import Any

from include.compliance_checks.policy import Check, Finding
from include.spdx import allows

CHECKS: dict[str, Check] = {}
MAX_NAMED = 10


def check(function: Check) -> Check:
    """Register a check under its own name."""
    CHECKS[function.__name__] = function
    return function


def _named(items: list[str]) -> str:
    more = f" and {len(items) - MAX_NAMED} more" if len(items) > MAX_NAMED else ""
    return "; ".join(items[:MAX_NAMED]) + more


@check
def tests_green(tests: dict[str, Any], min_passed: int) -> Finding:
    """Every test ended well, and enough of them ran."""
    if trouble := tests["failed"] + tests["errors"]:
        return Finding("fail", f"{trouble} tests failed: {_named(tests['failures'])}")
    if reason := tests.get("reason"):
        return Finding("fail", reason)
    if tests["passed"] < min_passed:
        return Finding("fail", f"{tests['passed']} tests passed, at least {min_passed} must")
    return Finding("pass", f"{tests['passed']} tests passed, {tests['skipped']} were skipped")


@check
def no_secrets(secrets: dict[str, Any]) -> Finding:
    """No file holds what looks like a secret, and every text file was looked at. Names places and types, never values."""
    if found := [f"{item['file']}:{item['line']} {item['type']}" for item in secrets["found"]]:
        return Finding("fail", _named(found))
    if secrets["unscanned"]:
        return Finding("not_shown", f"too big to be looked at: {_named(secrets['unscanned'])}")
    return Finding("pass", f"{secrets['scanned']} text files hold none; {secrets['binary']} binary files were not looked at")


@check
def licences_allowed(licences: dict[str, Any], policy: dict[str, Any]) -> Finding:
    """The licence files and the declared expression name only licences that the product's policy allows."""
    allowed = set(policy["licences"])
    wrong = [f"{item['file']} is {item['licence']}" for item in licences["files"]
             if item["licence"] and item["licence"] not in allowed]
    declared = licences["declared"]
    if declared is not None and (trouble := _declared_trouble(declared, allowed)):
        wrong.append(trouble)
    if wrong:
        return Finding("fail", f"{_named(wrong)}; allowed: {', '.join(sorted(allowed))}")
    if unknown := [f"{item['file']} (nearest: {item['nearest']})" for item in licences["files"] if not item["licence"]]:
        return Finding("not_shown", f"no known licence: {_named(unknown)}")
    if not licences["files"]:
        return Finding("not_shown", "there is no licence file")
    return Finding("pass", ", ".join(f"{item['file']} is {item['licence']}" for item in licences["files"]))


def _declared_trouble(declared: str, allowed: set[str]) -> str:
    try:
        return "" if allows(allowed, declared) else f"declared: {declared}"
    except ValueError as error:
        return f"the declared licence is no SPDX expression: {error}"


@check
def inventory_names(inventory: list[dict[str, Any]], columns: list[str]) -> Finding:
    """Every personal field in the data inventory names what `columns` lists (purpose, region, retention_days)."""
    if not inventory:
        return Finding("pass", "the product declares that it holds no personal data")
    from include.compliance_checks.inventory import gaps

    if found := gaps(inventory, columns):
        return Finding("fail", _named([f"{field}: no valid {', '.join(names)}" for field, names in found.items()]))
    return Finding("pass", f"{', '.join(columns)} named for {len(inventory)} fields")
