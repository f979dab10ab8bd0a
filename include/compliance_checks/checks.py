"""The checks that rules name: facts (plain values) in, a finding out. Each parameter is a fact or one of the rule's own."""

from typing import Any

from include.compliance_checks.parts import four_eyes, parts_allowed
from include.compliance_checks.policy import Check, Finding
from include.compliance_checks.rego import rego
from include.expression import about
from include.markup import plain
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
def cel(expression: str, **facts: Any) -> Finding:
    """`expression` in CEL over the rule's facts: true or an empty list passes, false or a list of what is wrong fails."""
    found = about(expression, tuple(facts))(facts)
    if found is True or found == []:
        return Finding("pass", "holds")
    if found is False:
        return Finding("fail", "does not hold")
    if isinstance(found, list) and all(isinstance(item, str) for item in found):
        return Finding("fail", _named([plain(item, 200) for item in found]))
    raise ValueError(f"the expression makes {type(found).__name__}: it must make true, false or a list of texts")


@check
def table(table: str, key: str, expect: list[dict[str, Any]], where: str = "true", **facts: Any) -> Finding:
    """Each row of the fact `table` meets the expectations (as Great Expectations writes them) about its columns; a value that is
    missing meets none. Only rows that fulfil `where` (CEL over `row`) are looked at; `key` is the column that names a row."""
    holds = about(where, ("row",))
    rows = [row for row in facts[table] if holds({"row": row})]
    if not rows:
        return Finding("pass", f"no row of {table} is concerned")
    from include.compliance_checks.tables import unmet

    if found := unmet(rows, key, expect):
        return Finding("fail", _named([f"{plain(name, 100)}: no valid {', '.join(columns)}" for name, columns in found.items()]))
    return Finding("pass", f"{len(rows)} rows of {table} meet {len(expect)} expectations")


@check
def attested(attestations: list[dict[str, Any]], statement: str, days: int) -> Finding:
    """A person attested `statement`, not longer than `days` ago."""
    said = next((item for item in attestations if item["statement"] == statement), None)
    if said is None:
        return Finding("not_shown", "nobody has attested it")
    if said["days_ago"] >= days:
        return Finding("not_shown", f"the attestation by {said['by']} is {said['days_ago']} days old and lasts for {days}")
    return Finding("pass", f"{said['by']} attested it {said['days_ago']} days ago")


check(rego)
check(parts_allowed)
check(four_eyes)
