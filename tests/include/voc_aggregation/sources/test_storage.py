"""Files behind URLs: a real S3 API, and what fsspec knows."""

from pathlib import Path
from typing import Any

import fsspec
import pandas as pd
import pytest

from include.connection import Connection
from include.errors import InputError
from include.parts.channels import FileSource
from include.voc_aggregation.sources.files import FileChannel
from include.voc_aggregation.sources.source import Cursor

REVIEWS = "id,text\n1,쿠폰이 안 돼요\n2,late\n"


def news(connection: Connection, path: str, cursor: Cursor | None = None, **fields: Any) -> tuple[list[Any], Cursor | None]:
    source = FileSource.model_validate({"name": "s", "path": path, "format": "csv", "columns": {"id": "id"},
                                        "connection": "bucket"} | fields)
    chunks = list(FileChannel(source, lambda _: connection).news(cursor))
    found = [row for chunk in chunks for row in chunk.frame[["place", "text"]].to_numpy().tolist()]
    return found, chunks[-1].cursor if chunks else None


def test_a_file_in_a_bucket_is_read_when_it_changed(s3: tuple[Any, Connection]) -> None:
    client, connection = s3
    client.put_object(Bucket="voices", Key="in/reviews.csv", Body=REVIEWS.encode())
    first, cursor = news(connection, "s3://voices/in/reviews.csv")
    assert first == [["line 2", "쿠폰이 안 돼요"], ["line 3", "late"]]
    assert news(connection, "s3://voices/in/reviews.csv", cursor) == ([], None)
    client.put_object(Bucket="voices", Key="in/reviews.csv", Body=(REVIEWS + "3,new\n").encode())
    assert news(connection, "s3://voices/in/reviews.csv", cursor)[0] == [["line 4", "new"]]


@pytest.mark.parametrize("form", ["parquet", "jsonl", "tsv"])
def test_other_formats_in_a_bucket(s3: tuple[Any, Connection], tmp_path: Path, form: str) -> None:
    client, connection = s3
    frame, path = pd.DataFrame({"id": ["1", "2"], "text": ["하나", "two"]}), tmp_path / "x"
    write = {"parquet": frame.to_parquet, "tsv": lambda path: frame.to_csv(path, sep="\t", index=False),
             "jsonl": lambda path: frame.to_json(path, orient="records", lines=True)}[form]
    write(path)
    client.upload_file(str(path), "voices", f"x.{form}")
    assert [text for _, text in news(connection, f"s3://voices/x.{form}", format=form)[0]] == ["하나", "two"]


def test_what_a_bucket_has_not_is_named(s3: tuple[Any, Connection]) -> None:
    _, connection = s3
    for path in ("s3://voices/none.csv", "s3://nowhere/reviews.csv", "s3://voices/in"):
        with pytest.raises(InputError, match=f"{path}: no such file"):
            news(connection, path)
    assert news(connection, "s3://voices/none.csv", missing_ok=True) == ([], None)


def test_a_bucket_that_is_down_is_named() -> None:
    down = Connection("aws", login="a", password="hunter2", extra={"endpoint_url": "http://127.0.0.1:9", "region_name": "x"})
    with pytest.raises(InputError, match=r"s3://voices/a.csv: cannot be read") as error:
        news(down, "s3://voices/a.csv")
    assert "hunter2" not in str(error.value)


def test_any_url_that_fsspec_knows(tmp_path: Path) -> None:
    with fsspec.open("memory://reviews.csv", "w") as file:
        file.write(REVIEWS)
    (tmp_path / "reviews.csv").write_text(REVIEWS)
    for path in ("memory://reviews.csv", f"file://{tmp_path}/reviews.csv"):
        found, cursor = news(Connection("x"), path)
        assert len(found) == 2
        assert news(Connection("x"), path, cursor) == ([], None)
    for path in ("memory://none.csv", f"file://{tmp_path}/none.csv"):
        with pytest.raises(InputError, match="no such file"):
            news(Connection("x"), path)
    for path in ("klingon://none.csv", "gs://bucket/none.csv"):
        with pytest.raises(InputError, match="cannot be reached"):
            news(Connection("x"), path)
