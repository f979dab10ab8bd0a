"""Expressions of a team's own compute numbers, and say where they are wrong."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.errors import InputError
from include.expression import compiled
from include.product import read_product

NAMES = ("reach", "effort", "voices")


@pytest.mark.parametrize(("expression", "result"), [
    ("reach / effort", 15.0), ("2 * reach + 0.5", 60.5), ("reach > 10 ? 3 : 1", 3.0), ("max(reach, 100) - 1", 99.0),
    ("log(0) + voices", 4.0), ("reach == 30.0 && 'a 1' == 'a 1' ? 1e3 : 0", 1000.0)])
def test_numbers_are_doubles(expression: str, result: float) -> None:
    assert compiled(expression, NAMES)({"reach": 30.0, "effort": 2.0, "voices": 4.0}) == result


@pytest.mark.parametrize(("expression", "problem"), [
    ("reach * ", "column 9: mismatched input '<EOF>'"), ("reach ** 2", "column 8: extraneous input '*'"),
    ("reach + foo", "column 9: there is no figure 'foo'; there are reach, effort, voices"),
    ("1 + sqrt(reach)", "column 5: there is no function 'sqrt'; there are min, max, log"),
    ("'a'", "column 1: the result is str, not a number"), ("reach > 1", "column 1: the result is bool, not a number"),
    ("", "column 1: "), ("1" * 2000, "column 1001: longer than 1,000 characters"), ("(" * 500, "column "),
    ("reach.startsWith('a')", "column 7: there is no function 'startsWith'"), ("reach\n+ foo", "column 9: there is no figure")])
def test_what_is_wrong_is_told_with_its_column(expression: str, problem: str) -> None:
    with pytest.raises(ValueError) as error:
        compiled(expression, NAMES)
    assert str(error.value).startswith(problem)


def test_a_result_that_is_not_finite_is_refused() -> None:
    with pytest.raises(ValueError, match=r"column 1: the result is inf; is something divided by 0\?"):
        compiled("reach / (effort - 1)", NAMES)({"reach": 1.0, "effort": 1.0, "voices": 1.0})


@given(st.text(max_size=60))
def test_any_text_is_a_number_or_told(expression: str) -> None:
    try:
        assert isinstance(compiled(expression, NAMES)({"reach": 30.0, "effort": 2.0, "voices": 4.0}), float)
    except ValueError as error:
        assert str(error).startswith("column ")


@pytest.mark.parametrize(("planning", "problem"), [
    ("{method: own, score: reach * impct}", "4:25: planning.score: Value error, column 9: there is no figure 'impct'"),
    ("{method: own}", "4:1: planning: Value error, method: own and score go together"),
    ("{capacity: -1}", "4:12: planning.capacity: Input should be greater than 0"),
    ("{capacity: .nan}", "4:12: planning.capacity: Input should be"),
    ("{capacity: .inf}", "4:12: planning.capacity: Input should be a finite number"),
    ("{pins: [S-1], exclude: [S-1]}", "4:1: planning: Value error, both pinned and excluded: S-1"),
    ("{kept: {debt: 0.6, law: 0.6}}", "4:1: planning: Value error, kept: the shares are more than the whole capacity"),
    ("{kept: {toys: 0.6}}", "4:"), ("{kept: {debt: null}}", "4:19: planning.kept.debt: Input should be a valid number"),
    ("{approval: {by: person, on_timeout: accept}}", "4:12: planning.approval: Value error, on_timeout: accept needs")])
def test_a_product_file_says_where_its_plan_is_wrong(tmp_path: Path, planning: str, problem: str) -> None:
    (path := tmp_path / "shop.yaml").write_text(f"name: shop\ntitle: Shop\nowner: team\nplanning: {planning}\n")
    with pytest.raises(InputError) as error:
        read_product(path)
    assert problem in str(error.value)
