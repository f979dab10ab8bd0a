"""The checks that packs are written with: CEL over documents, Great Expectations over tables. Nothing that breaks passes."""

from typing import Any

import pytest

from include.compliance_checks.checks import CHECKS
from include.compliance_checks.policy import Finding
from include.compliance_checks.tables import unmet

FULL = {"field": "a", "purpose": "p", "region": "KR", "days": 30}
PURPOSE = {"type": "expect_column_values_to_match_regex", "kwargs": {"column": "purpose", "regex": r"\S"}}
REGION = {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "region", "value_set": ["KR"]}}
DAYS = {"type": "expect_column_values_to_be_between", "kwargs": {"column": "days", "min_value": 1}}
ROWS = [FULL, FULL | {"field": "b", "purpose": None, "days": None}, FULL | {"field": "c", "region": "kr"}]


def test_what_does_not_meet_the_expectations_is_named_by_row_and_column() -> None:
    assert unmet(ROWS, "field", [PURPOSE, REGION, DAYS]) == {"b": ["purpose", "days"], "c": ["region"]}
    assert unmet([FULL | {"days": None}], "field", [DAYS]) == {"a": ["days"]}
    assert unmet([FULL | {"days": 0}], "field", [DAYS]) == {"a": ["days"]}
    assert unmet([FULL], "field", [PURPOSE, REGION, DAYS]) == {}


@pytest.mark.parametrize(("expectation", "message"), [
    ({"type": "expect_nonsense", "kwargs": {"column": "days"}}, "unknown among the expectations: expect_nonsense"),
    ({"type": "expect_table_row_count_to_equal", "kwargs": {"value": 1}}, "only expectations about one column"),
    ({"type": "expect_column_max_to_be_between", "kwargs": {"column": "days", "max_value": 1}}, "does not tell which rows"),
    (DAYS | {"kwargs": {"column": "purpose", "min_value": 1}}, "could not be checked"),
])
def test_an_expectation_that_can_not_be_evaluated_is_an_error(expectation: dict[str, Any], message: str) -> None:
    with pytest.raises((RuntimeError, ValueError), match=message):
        unmet([FULL], "field", [expectation])


def test_a_table_checks_the_rows_that_are_concerned() -> None:
    def table(where: str) -> Finding:
        return CHECKS["table"](table="rows", key="field", expect=[REGION], where=where, rows=ROWS)

    assert table("true") == Finding("fail", "c: no valid region")
    assert table("row.field != 'c'").outcome == "pass"
    assert table("row.field == 'x'") == Finding("pass", "no row of rows is concerned")
    with pytest.raises(ValueError, match="typo"):
        table("typo.field == 'x'")


@pytest.mark.parametrize(("expression", "outcome", "detail"), [
    ("doc.n == 3", "pass", "holds"), ("doc.n > 3", "fail", "does not hold"),
    ("doc.list.filter(x, x.bad).map(x, x.name)", "fail", "one; two"),
    ("doc.list.filter(x, x.name == '').map(x, x.name)", "pass", "holds"),
])
def test_cel_judges_documents(expression: str, outcome: str, detail: str) -> None:
    document = {"n": 3, "list": [{"name": "one", "bad": True}, {"name": "two", "bad": True}, {"name": "three", "bad": False}]}
    assert CHECKS["cel"](expression=expression, doc=document) == Finding(outcome, detail)


@pytest.mark.parametrize("expression", [
    "doc.missing", "doc.n", "'yes'", "null", "[1]", "dok.n == 3", "doc.n ==", "doc.n + 'a'", "1 / 0 == 1"])
def test_cel_that_makes_neither_yes_nor_no_raises(expression: str) -> None:
    with pytest.raises(ValueError, match=r"column \d+|it must make|Error"):
        CHECKS["cel"](expression=expression, doc={"n": 3})
