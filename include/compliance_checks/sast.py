"""Static analysis of Python code for security (flake8-bandit's rules, by ruff), kept as SARIF 2.1.0."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from include.markup import plain

SECONDS = 300
# What Bandit grades high; its low ones are notes (bandit.readthedocs.io, "complete test plugin listing"); the rest warns.
HIGH = frozenset(("S201", "S202", "S304", "S305", "S312", "S321", "S324", "S401", "S402", "S412", "S413", "S501", "S502", "S505",
                  "S507", "S602", "S605", "S609", "S701"))
LOW = frozenset(("S101", "S105", "S106", "S107", "S110", "S112", "S311", "S403", "S404", "S405", "S406", "S603", "S606", "S607"))
TESTS = ("tests/**", "test/**", "**/test_*.py", "**/conftest.py")  # where asserts and made-up passwords belong
IN_TESTS = ("S101", "S105", "S106", "S107")


def sarif_of(tree: Path) -> dict[str, Any]:
    """The findings in `tree` as a SARIF 2.1.0 document: names relative to `tree`, levels after Bandit's severities.

    `# noqa` of the product's own counts; its configuration does not. Raises RuntimeError where the scanner fails.
    """
    ignored = ",".join(f"{pattern}:{rule}" for pattern in TESTS for rule in IN_TESTS)
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--config", "exclude = []", "--exit-zero",
               "--quiet", "--no-respect-gitignore", "--select", "S", "--output-format", "sarif", "--per-file-ignores", ignored,
               "--", "."]
    done = subprocess.run(command, cwd=tree, capture_output=True, timeout=SECONDS)
    if done.returncode or not done.stdout:
        raise RuntimeError(f"ruff ended with {done.returncode}: {plain(done.stderr.decode(errors='replace'), 300)}")
    return _relative(json.loads(done.stdout), tree)


def _relative(document: dict[str, Any], tree: Path) -> dict[str, Any]:
    root = tree.resolve().as_uri() + "/"
    for run in document["runs"]:
        run.pop("invocations", None)
        run["originalUriBaseIds"] = {"TREE": {"description": {"text": "The root of the release's archive."}}}
        for result in run["results"]:
            result["level"] = _level(result.get("ruleId"))
            for location in result["locations"]:
                place = location["physicalLocation"]["artifactLocation"]
                place |= {"uri": place["uri"].removeprefix(root), "uriBaseId": "TREE"}
        run["results"].sort(key=lambda result: (*_place(result), str(result.get("ruleId"))))
    return document


def _level(rule: str | None) -> str:
    """A file that can't be parsed has no rule: what it holds is not known, which is an error."""
    return "error" if rule is None or rule in HIGH or not rule.startswith("S") else "note" if rule in LOW else "warning"


def _place(result: dict[str, Any]) -> tuple[str, int]:
    place = result["locations"][0]["physicalLocation"]
    return place["artifactLocation"]["uri"], place.get("region", {}).get("startLine", 0)


def summary(document: dict[str, Any]) -> dict[str, Any]:
    """What rules look at: `findings` (file, line, rule, level, message; in order) of a SARIF document, and the `tool`."""
    findings = []
    for run in document["runs"]:
        for result in run["results"]:
            file, line = _place(result)
            findings.append({"file": plain(unquote(file)), "line": line, "rule": result.get("ruleId") or "unreadable",
                             "level": result["level"], "message": plain(result["message"]["text"], 200)})
    driver = document["runs"][0]["tool"]["driver"]
    return {"findings": findings, "tool": f"{driver['name']} {driver.get('version', '')}".strip()}
