"""Every rule of every pack finds what it is there for, and packs apply where the law does."""

import re
from pathlib import Path
from typing import Any

import pytest

from include.compliance_checks import policy
from include.compliance_checks.checks import CHECKS
from include.compliance_checks.facts import PROVIDERS, of_example
from include.compliance_checks.policy import PACKS, Finding, Judged, Rule, applying, judge, read_packs
from include.errors import InputError
from include.product import Product

HOUSE = read_packs(PACKS)
RULES = [rule for pack in HOUSE.values() for rule in pack.rules]
EXAMPLES = [pytest.param(rule, example, id=f"{rule.id}-{number}")
            for rule in RULES for number, example in enumerate(rule.examples)]
LAWS = {"privacy-gdpr", "privacy-pipa", "privacy-ccpa", "privacy-appi"}
EMAIL = {"field": "email", "purpose": "orders", "region": "KR", "retention_days": 30}
MINE = """
title: Mine
rules:
  - id: mine-a
    title: A
    severity: high
    serves: [{source: House, article: "1"}]
    needs: [tests]
    check: cel
    parameters: {expression: tests.passed > 1}
    remedy: Mend it.
    examples:
      - {outcome: pass, facts: {tests: {passed: 2}}}
      - {outcome: fail, facts: {tests: {passed: 1}}}
"""


def product(**compliance: Any) -> Product:
    return Product.model_validate({"name": "shop", "title": "Shop", "owner": "team", "compliance": compliance})


@pytest.mark.parametrize(("rule", "example"), EXAMPLES)
def test_each_rule_judges_its_own_examples(rule: Rule, example: Any) -> None:
    finding, _ = judge(rule, of_example(example.facts), CHECKS)
    assert finding.outcome == example.outcome, finding.detail
    assert finding.detail


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_each_rule_shows_how_it_passes_fails_and_is_not_shown(rule: Rule) -> None:
    outcomes = {example.outcome for example in rule.examples}
    assert outcomes >= ({"pass", "not_shown"} if rule.check == "attested" else {"pass", "fail", "not_shown"})
    assert rule.check in CHECKS and set(rule.needs) <= set(PROVIDERS)
    assert all(item.article and (item.says or item.url) for item in rule.serves) and rule.remedy


@pytest.mark.parametrize(("name", "law", "form"), [
    ("privacy-gdpr", "Regulation (EU) 2016/679 (General Data Protection Regulation)",
     r"(Art\. (\d+))(\(\d\)(\([a-f]\))?)?( and \(\d\))?"),
    ("privacy-pipa", "개인정보 보호법 (Personal Information Protection Act)", r"(제(\d+)조(의\d+)?)(제\d+항(제\d+호)?)?"),
    ("privacy-ccpa", "California Consumer Privacy Act of 2018 (Cal. Civ. Code)",
     r"(§ 1798\.(\d+))\([a-z]{1,2}\)(\(\d\))?( and \(b\))?"),
    ("privacy-appi", "個人情報の保護に関する法律 (Act on the Protection of Personal Information)", r"(第(\d+)条)(第\d+項)?")])
def test_a_privacy_rule_cites_its_law_as_the_law_counts_with_the_articles_own_heading(name: str, law: str, form: str) -> None:
    headings: dict[str, set[str | None]] = {}
    for provision in (item for rule in HOUSE[name].rules for item in rule.serves):
        cited = re.fullmatch(form, provision.article)
        assert provision.source == law and cited, provision.article
        headings.setdefault(cited[1], set()).add(provision.title)
        assert provision.says and str(provision).endswith(f"{provision.article} ({provision.title})")
    assert all(len(found) == 1 and None not in found for found in headings.values())
    assert len(set.union(*headings.values())) == len(headings)


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.check == "attested"], ids=lambda rule: rule.id)
def test_what_a_person_must_attest_warns_and_what_a_machine_shows_may_block(rule: Rule) -> None:
    assert rule.severity == "medium" and rule.parameters["days"] <= 365


def test_the_packs_are_those_of_the_house() -> None:
    assert set(HOUSE) >= LAWS | {"security-baseline"}
    assert {name: pack.applies.regions for name, pack in HOUSE.items() if pack.applies.regions} == {
        "privacy-gdpr": ["EU"], "privacy-pipa": ["KR"], "privacy-ccpa": ["US-CA"], "privacy-appi": ["JP"]}


@pytest.mark.parametrize(("settings", "laws"), [
    ({}, set()), ({"data_inventory": []}, set()), ({"data_inventory": [], "regions": ["KR"]}, set()),
    ({"regions": ["KR"]}, {"privacy-pipa"}), ({"data_inventory": [EMAIL]}, {"privacy-pipa"}),
    ({"data_inventory": [EMAIL | {"region": "DE"}]}, {"privacy-gdpr"}), ({"regions": ["NO"]}, {"privacy-gdpr"}),
    ({"regions": ["US-CA"]}, {"privacy-ccpa"}),
    ({"regions": ["EU", "JP", "US"]}, {"privacy-gdpr", "privacy-appi", "privacy-ccpa"}),
    ({"regions": ["US-NY", "CH", "GB"]}, set()), ({"regions": ["KR-11"]}, {"privacy-pipa"}),
    ({"data_inventory": [EMAIL | {"subjects": ["FR", "JP"]}]}, {"privacy-gdpr", "privacy-appi"}),
], ids=str)
def test_the_law_of_the_people_applies_whose_data_it_is(settings: dict[str, Any], laws: set[str]) -> None:
    rules = {rule.id for rule in applying(product(**settings))[0]}
    assert {name for name in LAWS if {rule.id for rule in HOUSE[name].rules} <= rules} == laws
    assert {name for name in LAWS if {rule.id for rule in HOUSE[name].rules} & rules} == laws
    assert "tests-green" in rules


@pytest.mark.parametrize("name", ["nothing", "../packs/security-baseline", ""])
def test_a_pack_that_is_not_there_is_named(name: str) -> None:
    with pytest.raises(InputError, match=r"there are: .*security-baseline"):
        applying(product(packs=[name]))


def test_a_product_adds_packs_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(MINE)
    rules, known = applying(product(own_packs=str(tmp_path)))
    assert rules[-1].id == "mine-a" and {"mine-a", "gdpr-purpose", "tests-green"} <= known
    (tmp_path / "also.yaml").write_text(MINE)
    with pytest.raises(InputError, match="stand twice: mine-a"):
        applying(product(own_packs=str(tmp_path)))
    (tmp_path / "also.yaml").write_text(MINE.replace("mine-a", "no-secrets"))
    with pytest.raises(InputError, match="a pack of the house has too: no-secrets"):
        applying(product(own_packs=str(tmp_path)))
    with pytest.raises(InputError, match="is no folder"):
        applying(product(own_packs=str(tmp_path / "nowhere")))


@pytest.mark.parametrize(("old", "new", "message"), [
    ("title: A", "titel: A", "titel"),
    ("outcome: fail", "outcome: not_shown", "mine-a: no example with the outcome fail"),
    ("outcome: pass", "outcome: fail", "mine-a: no example with the outcome pass"),
    ("check: cel", "check: attested", "needs the parameters statement and days"),
    ("rules:", "rules: [", "mine.yaml"),
    ("rules:", "more: &more {more: [*more, *more]}\nrules:", "its aliases make it too large"),
    ("title: A", "title: !!python/object/apply:os.system [echo]", "mine.yaml"),
])
def test_a_malformed_pack_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    (tmp_path / "mine.yaml").write_text(MINE.replace(old, new))
    with pytest.raises(InputError, match=rf"(?s)mine\.yaml.*{message}|{message}"):
        applying(product(own_packs=str(tmp_path)))


def test_a_check_or_a_scanner_that_breaks_is_an_error_and_never_a_pass() -> None:
    def broken(**_: Any) -> Any:
        raise ZeroDivisionError("scanner")

    rule = next(rule for rule in RULES if rule.id == "tests-green")
    tests = {"passed": 1}
    assert judge(rule, {"tests": lambda: tests}, {rule.check: broken})[0] == Finding("error", "ZeroDivisionError: scanner")
    assert judge(rule, {"tests": broken}, CHECKS)[0].outcome == "error"
    assert judge(rule, {"tests": lambda: tests}, {})[0].outcome == "error"
    assert judge(rule, {}, CHECKS)[0].outcome == "error"


def test_a_waiver_covers_what_is_broken_or_not_shown_and_never_an_error() -> None:
    waiver = {"owner": "kim", "reason": "r", "until": "2026-03-01", "in_force": True}
    rule = next(rule for rule in RULES if rule.severity == "high")
    judged = {outcome: Judged(rule, Finding(outcome, ""), {}, waiver) for outcome in ("pass", "fail", "not_shown", "error")}
    assert {name for name, item in judged.items() if item.waived} == {"fail", "not_shown"}
    assert {name for name, item in judged.items() if item.blocks("high")} == {"error"}
    over = Judged(rule, Finding("fail", ""), {}, waiver | {"in_force": False})
    assert over.lapsed and over.blocks("high") and not over.blocks("critical")
    assert policy.SEVERITIES == ("low", "medium", "high", "critical")
