"""A file of voices as it comes: its columns are read off its names and first rows."""

from pathlib import Path

import pandas as pd
import pytest

from include.errors import InputError
from include.product import read_product
from local.own_voices import describe
from tests.conftest import SHARED


def columns_of(path: Path, folder: Path) -> dict[str, object]:
    product = describe(path, folder)
    assert read_product(folder / f"{product.name}.yaml") == product
    [source] = product.voices.sources
    return {name: value for name, value in source.columns.model_dump().items() if value is not None}


def test_english_names(tmp_path: Path) -> None:
    path = tmp_path / "My Feedback (2026).csv"
    path.write_text("ID,Created At,User,Stars,Review\n"
                    "1,2026-01-02,ann,5,I like the tea very much\n2,2026-01-03,bob,1,It was cold\n")
    assert columns_of(path, tmp_path) == {
        "id": "ID", "written_at": "Created At", "author": "User", "rating": "Stars", "text": "Review"}


def test_korean_names_and_a_scale_of_ten(tmp_path: Path) -> None:
    path = tmp_path / "후기.tsv"
    path.write_text("작성자\t작성일\t평점\t내용\n"
                    "김\t2026-01-02\t9\t차가 맛있어요\n이\t2026-01-03\t2\t배송이 늦어요\n", encoding="utf-8")
    product = describe(path, tmp_path)
    [source] = product.voices.sources
    assert (source.columns.text, source.columns.author, source.rating_scale) == ("내용", "작성자", (1, 10))
    assert product.name == "voices"


def test_what_does_not_fit_its_name_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": 1, "date": "soon", "score": 99, "body": "a long enough text"}\n'
                    '{"id": 1, "date": "later", "score": 3, "body": "another text"}\n')
    assert columns_of(path, tmp_path) == {"text": "body"}


def test_parquet_without_telling_names_takes_the_longest_text(tmp_path: Path) -> None:
    path = tmp_path / "b.parquet"
    pd.DataFrame({"a": ["x", "y"], "b": ["something that was said", "and something else"]}).to_parquet(path)
    assert columns_of(path, tmp_path) == {"text": "b"}


@pytest.mark.parametrize(("name", "content"), [
    ("a.txt", "x"), ("a.csv", ""), ("a.csv", "n\n1\n2\n"), ("a.parquet", "no"), ("b", "")])
def test_what_can_not_be_used_is_named(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=name):
        describe(tmp_path / name, tmp_path)


@pytest.mark.shared
def test_real_files(tmp_path: Path) -> None:
    data = SHARED / "data"
    bugs = columns_of(data / "gitbugs-hadoop" / "hadoop_bugs.csv", tmp_path)
    assert (bugs["text"], bugs["id"], bugs["written_at"]) == (["Summary", "Description"], "Issue id", "Created")
    reviews = columns_of(data / "nsmc-ko-dev" / "reviews.tsv", tmp_path)
    assert reviews == {"text": "document", "id": "review_id", "written_at": "date", "rating": "rating"}
