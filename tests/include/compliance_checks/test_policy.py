from pathlib import Path
from typing import Any

import pytest

from include.compliance_checks import policy
from include.compliance_checks.checks import CHECKS
from include.compliance_checks.policy import PACKS, Finding, Rule, judge, read_pack
from include.errors import InputError

RULES = [rule for path in sorted(PACKS.glob("*.yaml")) for rule in read_pack(path.stem)]
EXAMPLES = [pytest.param(rule, example, id=f"{rule.id}-{number}")
            for rule in RULES for number, example in enumerate(rule.examples)]


@pytest.mark.parametrize(("rule", "example"), EXAMPLES)
def test_each_rule_judges_its_own_examples(rule: Rule, example: Any) -> None:
    finding, facts = judge(rule, {name: (lambda value=value: value) for name, value in example.facts.items()}, CHECKS)
    assert finding.outcome == example.outcome, finding.detail
    assert facts == example.facts and finding.detail


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_each_rule_shows_how_it_passes_fails_and_is_not_shown(rule: Rule) -> None:
    assert {"pass", "fail", "not_shown"} <= {example.outcome for example in rule.examples}
    assert rule.check in CHECKS
    assert [other.id for other in RULES].count(rule.id) == 1


@pytest.mark.parametrize("name", ["nothing", "../packs/baseline", ""])
def test_a_pack_that_is_not_there_is_named(name: str) -> None:
    with pytest.raises(InputError, match="there are: baseline"):
        read_pack(name)


def test_a_malformed_pack_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "PACKS", tmp_path)
    (tmp_path / "mine.yaml").write_text("- id: a\n  titel: typo\n")
    with pytest.raises(InputError, match=r"mine\.yaml"):
        read_pack("mine")


def test_a_check_or_a_scanner_that_breaks_is_an_error_and_never_a_pass() -> None:
    def broken(**_: Any) -> Any:
        raise ZeroDivisionError("scanner")

    rule = RULES[0]
    tests = {"passed": 1}
    assert judge(rule, {"tests": lambda: tests}, {rule.check: broken})[0] == Finding("error", "ZeroDivisionError: scanner")
    assert judge(rule, {"tests": broken}, CHECKS)[0].outcome == "error"
    assert judge(rule, {"tests": lambda: tests}, {})[0].outcome == "error"
