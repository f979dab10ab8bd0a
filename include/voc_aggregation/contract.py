"""What a source's rows must keep to before they become voices: a Great Expectations contract at the border."""

import gc
import logging
import os
import warnings
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

LONGEST = 20_000  # characters of a text
LONGEST_ID = 255


class Contract:
    """One contract for one source. Made only when there are new rows: importing Great Expectations costs seconds."""

    def __init__(self, rating_scale: tuple[float, float], at: datetime) -> None:
        os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")  # what customers write is nobody else's business
        logging.getLogger("great_expectations").setLevel(logging.WARNING)  # it tells each method that it makes, already on import
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # the library's own imports
            gc.disable()  # half a million objects that stay: collections need not look at them again and again
            import great_expectations
        gc.freeze()
        gc.enable()
        gx: Any = great_expectations  # its own annotations don't hold under mypy --strict
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = {"globally": False}
        source = context.data_sources.add_pandas("voices")
        self._batches = source.add_dataframe_asset("rows").add_batch_definition_whole_dataframe("chunk")
        self._suite = gx.ExpectationSuite("voices", expectations=_expectations(rating_scale, at))
        self._rows = 0
        self._unexpected: Counter[str] = Counter()

    def broken(self, rows: pd.DataFrame) -> dict[int, str]:
        """Which of `rows` (as `mapping.mapped` gives them, on a running index) break the contract: row to reason."""
        checked = rows[["written_at", "rating", "rating_given"]].assign(
            text_length=rows["text"].map(len), id_length=rows["external_id"].map(len, na_action="ignore").astype(float))
        batch = self._batches.get_batch(batch_parameters={"dataframe": checked})
        results = batch.validate(self._suite, result_format={"result_format": "COMPLETE"}).results
        reasons: dict[int, str] = {}
        self._rows += len(rows)
        for result in results:
            if result.exception_info.get("raised_exception"):
                raise RuntimeError(f"the contract could not be checked: {result.exception_info['exception_message']}")
            reason = result.expectation_config.meta["reason"]
            unexpected = result.result["unexpected_index_list"] or []
            self._unexpected[reason] += len(unexpected)
            for row in unexpected:
                reasons[row] = f"{reasons[row]}; {reason}" if row in reasons else reason
        return reasons

    def evidence(self) -> dict[str, Any]:
        """What was checked and how often it was broken: numbers only, no content of any row."""
        expectations = [{"type": item.expectation_type, "reason": item.meta["reason"], "arguments": _arguments(item),
                         "unexpected": self._unexpected[item.meta["reason"]]} for item in self._suite.expectations]
        return {"rows": self._rows, "expectations": expectations}


def added(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The evidence of parts of a source as one."""
    expectations = [each[0] | {"unexpected": sum(item["unexpected"] for item in each)}
                    for each in zip(*(part["expectations"] for part in parts), strict=True)]
    return {"rows": sum(part["rows"] for part in parts), "expectations": expectations}


def _arguments(expectation: Any) -> dict[str, Any]:
    names = ("column", "min_value", "max_value", "regex")
    return {name: str(value) for name in names if (value := getattr(expectation, name, None)) is not None}


def _expectations(scale: tuple[float, float], at: datetime) -> list[Any]:
    from great_expectations import expectations

    gxe: Any = expectations  # it exports nothing that mypy sees

    def meta(reason: str) -> dict[str, Any]:
        return {"meta": {"reason": reason}}

    return [
        gxe.ExpectColumnValuesToBeBetween(column="text_length", min_value=1, **meta("no text")),
        gxe.ExpectColumnValuesToBeBetween(column="text_length", max_value=LONGEST,
                                          **meta(f"text longer than {LONGEST:,} characters")),
        gxe.ExpectColumnValuesToBeBetween(column="id_length", max_value=LONGEST_ID,
                                          **meta(f"id longer than {LONGEST_ID} characters")),
        gxe.ExpectColumnValuesToNotBeNull(column="written_at", **meta("the date can't be read")),
        gxe.ExpectColumnValuesToBeBetween(column="written_at", max_value=at + timedelta(days=1),
                                          **meta("written in the future")),
        gxe.ExpectColumnValuesToMatchRegex(column="rating_given", regex=r"^[-+]?\d+(?:\.\d+)?$",
                                           **meta("the rating is no number")),
        gxe.ExpectColumnValuesToBeBetween(column="rating", min_value=scale[0], max_value=scale[1],
                                          **meta(f"rating outside {scale[0]:g} to {scale[1]:g}")),
    ]
