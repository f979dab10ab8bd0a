"""Tables checked by Great Expectations. Importing this takes seconds: only a check that needs it does."""

import os
import warnings
from functools import cache
from typing import Any

import pandas as pd

os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")  # read at the import; it would report home otherwise
with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # the library's own imports
    import great_expectations as gx

PRESENT = "expect_column_values_to_not_be_null"


def unmet(rows: list[dict[str, Any]], key: str, expect: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Which columns of each row, by its `key`, don't meet the expectations `expect` (each with `type` and `kwargs`).

    A value that is missing meets none. Raises ValueError where an expectation is about no column of its own, and RuntimeError
    where one could not be evaluated.
    """
    columns = list(dict.fromkeys(_column(item) for item in expect))
    frame = pd.DataFrame([{name: row.get(name) for name in columns} for row in rows], columns=columns)
    frame = frame.astype({name: "Float64" for name in columns if _numbers(frame[name])})
    wanted = [*({"type": PRESENT, "kwargs": {"column": column}} for column in columns), *expect]
    suite = gx.ExpectationSuite("rule", [dict(item) for item in wanted])
    if len(suite.expectations) < len(wanted):  # the library leaves out what it doesn't know, and only logs it
        raise RuntimeError(f"unknown among the expectations: {', '.join(item['type'] for item in expect)}")
    found: dict[str, list[str]] = {}
    for result in _batch(frame).validate(suite, result_format="COMPLETE").results:
        column = result.expectation_config.kwargs["column"]
        for row in _unexpected(result):
            named = found.setdefault(str(rows[row].get(key)), [])
            named += [column] if column not in named else []
    return found


def _column(expectation: dict[str, Any]) -> str:
    column = expectation.get("kwargs", {}).get("column")
    if not isinstance(column, str):
        raise ValueError(f"{expectation.get('type')}: only expectations about one column tell which rows are wrong")
    return column


def _numbers(column: "pd.Series[Any]") -> bool:
    """A column of numbers stays one where values are missing."""
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in column if not pd.isna(value))


@cache
def _definition() -> Any:
    context: Any = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    return context.data_sources.add_pandas("facts").add_dataframe_asset("rows").add_batch_definition_whole_dataframe("all")


def _batch(frame: pd.DataFrame) -> Any:
    return _definition().get_batch({"dataframe": frame})


def _unexpected(result: Any) -> list[int]:
    raised = [info for info in (result.exception_info, *result.exception_info.values()) if isinstance(info, dict)]
    if any(info.get("raised_exception") for info in raised):
        raise RuntimeError(f"the table could not be checked: {result.exception_info}")
    if result.success:
        return []
    if "unexpected_index_list" not in result.result:
        raise RuntimeError(f"{result.expectation_config.type} does not tell which rows are wrong")
    found: list[int] = result.result["unexpected_index_list"]
    return found
