"""The data inventory as a table, checked by Great Expectations. Importing this takes seconds: only a check that needs it does."""

import os
import warnings
from typing import Any

import pandas as pd

os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")  # read at the import; it would report home otherwise
with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # the library's own imports
    import great_expectations as gx
    from great_expectations.expectations.core.expect_column_values_to_be_between import ExpectColumnValuesToBeBetween
    from great_expectations.expectations.core.expect_column_values_to_match_regex import ExpectColumnValuesToMatchRegex
    from great_expectations.expectations.core.expect_column_values_to_not_be_null import ExpectColumnValuesToNotBeNull

# ISO 3166-1 alpha-2 (where EU is reserved for the European Union); a retention of at least a day
EXPECTATIONS: dict[str, Any] = {
    "purpose": ExpectColumnValuesToMatchRegex(column="purpose", regex=r"\S"),
    "region": ExpectColumnValuesToMatchRegex(column="region", regex="^[A-Z]{2}$"),
    "retention_days": ExpectColumnValuesToBeBetween(column="retention_days", min_value=1),
}


def gaps(inventory: list[dict[str, Any]], columns: list[str]) -> dict[str, list[str]]:
    """Which of `columns` each field lacks, by the field's name; empty where the inventory is complete.

    `inventory` has one row a personal field: `field`, `purpose`, `region`, `retention_days`. Raises RuntimeError where an
    expectation could not be evaluated.
    """
    frame = pd.DataFrame(inventory, columns=["field", *EXPECTATIONS]).astype({"retention_days": "Float64"})
    pairs = ((ExpectColumnValuesToNotBeNull(column=column), EXPECTATIONS[column]) for column in columns)
    suite = gx.ExpectationSuite("inventory", [expectation for pair in pairs for expectation in pair])
    context: Any = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("inventory").add_dataframe_asset("fields")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})
    found: dict[str, list[str]] = {}
    for result in batch.validate(suite, result_format="COMPLETE").results:
        column = result.expectation_config.kwargs["column"]
        for row in _unexpected(result):
            named = found.setdefault(str(frame.loc[row, "field"]), [])
            named += [column] if column not in named else []
    return found


def _unexpected(result: Any) -> list[int]:
    raised = [info for info in (result.exception_info, *result.exception_info.values()) if isinstance(info, dict)]
    if any(info.get("raised_exception") for info in raised):
        raise RuntimeError(f"the inventory could not be checked: {result.exception_info}")
    return [] if result.success else result.result["unexpected_index_list"]
