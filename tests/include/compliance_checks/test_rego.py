"""A team's own Rego. The programs here are stand-ins that speak as opa (1.x) and conftest do: neither is packaged for Python or
Debian, so that they are not tested themselves."""

import json
from pathlib import Path

import pytest

from include.compliance_checks import rego as module
from include.compliance_checks.checks import CHECKS
from include.compliance_checks.facts import of_example
from include.compliance_checks.policy import Finding, judge, read_packs

PACK = """
title: Mine
rules:
  - id: mine-rego
    title: No part is unpinned
    severity: high
    serves: [{source: House, article: "1"}]
    needs: [tests]
    check: rego
    parameters: {policy: mine.rego}
    remedy: Mend it.
    examples:
      - {outcome: pass, facts: {tests: {passed: 2}}}
      - {outcome: fail, facts: {tests: {passed: 0}}}
"""
OPA = """#!/usr/bin/env python3
import json, os, sys
assert sys.argv[1:5] == ["eval", "--format", "json", "--data"] and sys.argv[6:] == ["--stdin-input", "data.main.deny"]
assert "package main" in open(sys.argv[5]).read() and "AIRFLOW_SECRET" not in os.environ
value = [{"msg": "no test passed"}] if json.load(sys.stdin)["tests"]["passed"] == 0 else []
print(json.dumps({"result": [{"expressions": [{"value": value, "text": "data.main.deny"}]}]}))
"""
CONFTEST = """#!/usr/bin/env python3
import json, sys
assert sys.argv[1:5] == ["test", "--output", "json", "--policy"]
bad = json.load(open(sys.argv[6]))["tests"]["passed"] == 0
failures = [{"msg": "no test passed"}] if bad else []
print(json.dumps([{"filename": sys.argv[6], "namespace": "main", "successes": 1 - bad, "failures": failures}]))
sys.exit(int(bad))
"""
POLICY = "package main\ndeny contains msg if { input.tests.passed == 0; msg := \"no test passed\" }\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the pack, and an empty one for programs before /usr/bin on PATH."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "mine.yaml").write_text(PACK)
    (tmp_path / "mine.rego").write_text(POLICY)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("AIRFLOW_SECRET", "s")
    return tmp_path


def program(folder: Path, name: str, text: str) -> None:
    path = folder / "bin" / name
    path.write_text(text)
    path.chmod(0o755)


def judged(folder: Path, passed: int = 0) -> Finding:
    [rule] = read_packs(folder)["mine"].rules
    return judge(rule, {"tests": lambda: {"passed": passed}}, CHECKS)[0]


@pytest.mark.parametrize(("name", "text"), [("opa", OPA), ("conftest", CONFTEST)])
def test_what_a_policy_denies_fails(folder: Path, name: str, text: str) -> None:
    program(folder, name, text)
    [rule] = read_packs(folder)["mine"].rules
    for example in rule.examples:
        assert judge(rule, of_example(example.facts), CHECKS)[0].outcome == example.outcome
    assert judged(folder) == Finding("fail", "no test passed")
    assert judged(folder, 2) == Finding("pass", "mine.rego denies nothing")


def test_without_a_program_a_rule_is_an_error_that_says_so(folder: Path) -> None:
    found = judged(folder, 2)
    assert found.outcome == "error" and "needs opa or conftest on PATH" in found.detail


@pytest.mark.parametrize(("name", "script", "message"), [
    ("opa", "cat >/dev/null; echo '{}'", "defines no set `deny`"),
    ("opa", "cat >/dev/null; echo '{\"result\": [{\"expressions\": [{\"value\": true}]}]}'", "defines no set `deny`"),
    ("opa", "cat >/dev/null; echo '{\"errors\": [1]}'; exit 2", "opa ended with 2"),
    ("opa", "echo no json", "JSONDecodeError"),
    ("opa", "sleep 30 & sleep 30", "took longer than 1 seconds"),
    ("opa", "yes", "opa ended with 153: y y"),
    ("conftest", "echo '[{\"successes\": 0}]'", "has no rule in `package main`"),
    ("conftest", "echo '[]'", "has no rule in `package main`"),
    ("conftest", "exit 3", "conftest ended with 3"),
])
def test_a_program_that_breaks_is_an_error(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, script: str,
                                           message: str) -> None:
    monkeypatch.setattr(module, "SECONDS", 1)
    monkeypatch.setattr(module, "MAX_BYTES", 100_000)
    program(folder, name, f"#!/bin/sh\n{script}\n")
    found = judged(folder, 2)
    assert found.outcome == "error" and message in found.detail


def test_a_policy_that_is_gone_or_facts_without_end_are_errors(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(folder, "opa", OPA)
    monkeypatch.setattr(module, "MAX_BYTES", len(json.dumps({"tests": {"passed": 2}})) - 1)
    assert "facts are larger" in judged(folder, 2).detail
    (folder / "mine.rego").unlink()
    assert judged(folder, 2).outcome == "error"
