from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest

from include.parts.channels import Columns, FileSource
from include.voc_aggregation.mapping import mapped, times, voice_id

AT = datetime(2026, 3, 2, 2, tzinfo=UTC)


@pytest.mark.parametrize(("given", "expected"), [
    ("2026-03-01T10:00:00+09:00", datetime(2026, 3, 1, 1, tzinfo=UTC)), ("2026-03-01", datetime(2026, 3, 1, tzinfo=UTC)),
    ("30/Sep/21 17:20", datetime(2021, 9, 30, 17, 20, tzinfo=UTC)), ("Mar 1, 2026 5pm", datetime(2026, 3, 1, 17, tzinfo=UTC)),
    ("1696118400", datetime(2023, 10, 1, tzinfo=UTC)), ("1696118400000", datetime(2023, 10, 1, tzinfo=UTC)), (None, AT),
])
def test_times_are_read_in_any_usual_form(given: str | None, expected: datetime) -> None:
    assert times(pd.Series([given], dtype=object), AT).tolist() == [expected]


@pytest.mark.parametrize("given", ["yesterday", "now", "17:20", "99/99/2026", "2026-13-45", "-", "0", "9" * 40])
def test_what_is_no_time_is_none(given: str) -> None:
    assert times(pd.Series([given, "2026-03-01"], dtype=object), AT).isna().tolist() == [True, False]


def rows(*values: dict[str, Any], **columns: Any) -> pd.DataFrame:
    source = FileSource(name="s", path="x", format="jsonl", columns=Columns.model_validate(columns))
    frame = pd.DataFrame([{"place": f"line {n}"} | row for n, row in enumerate(values, 1)], dtype=object)
    return mapped(frame, source, "shop", AT)


def test_text_may_join_columns_and_is_cleaned() -> None:
    found = rows({"a": "Title ", "b": "body\x00\u202e"}, {"a": "가".encode().decode(), "b": None}, {"a": float("nan"), "b": 7},
                 {"a": "x\ud800y", "b": ""}, text=["a", "b"])
    assert found["text"].tolist() == ["Title\nbody", "가", "7", "xy"]


def test_an_id_of_the_source_identifies_else_text_and_date() -> None:
    own = rows({"text": "a", "id": 7, "at": "2026-03-01"}, {"text": "b", "id": "7", "at": None}, id="id", written_at="at")
    assert own["id"].nunique() == 1
    content = rows({"text": "a", "at": "2026-03-01"}, {"text": "a", "at": "2026-03-01"}, {"text": "a", "at": "2026-03-02"},
                   written_at="at")
    assert content["id"].nunique() == 2
    assert voice_id("shop", "s", "7") != voice_id("shop", "t", "7") != voice_id("tea", "s", "7")
    assert voice_id("shop", "s", "7") != voice_id("shop", "s", "7", own=False)


def test_ratings_are_numbers_where_they_can_be() -> None:
    found = rows({"text": "a", "stars": "4"}, {"text": "b", "stars": "many"}, {"text": "c", "stars": ""}, rating="stars")
    assert found["rating"].fillna(-1).tolist() == [4, -1, -1]
    assert found["rating_given"].tolist() == ["4", "many", None]
