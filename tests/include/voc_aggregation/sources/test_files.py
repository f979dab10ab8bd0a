import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.connection import no_connections
from include.errors import InputError
from include.parts.channels import Columns, FileSource
from include.voc_aggregation.sources import files
from include.voc_aggregation.sources import source as base
from include.voc_aggregation.sources.source import Chunk


def source(path: Path, format: str = "csv", **fields: Any) -> FileSource:
    columns = fields.pop("columns", Columns(id="id"))
    return FileSource.model_validate({"name": "s", "path": str(path), "format": format, "columns": columns} | fields)


def chunks_of(source: FileSource) -> list[Chunk]:
    return list(files.chunks(source, files.stored(source, no_connections)))


def read(path: Path, format: str = "csv", **fields: Any) -> tuple[list[tuple[str, str, str]], list[tuple[str, str]]]:
    """Good rows as (place, id, text) and bad ones as (place, reason)."""
    chunks = chunks_of(source(path, format, **fields))
    good = [tuple(row) for chunk in chunks for row in chunk.frame[["place", "id", "text"]].to_numpy().tolist()]
    return good, [(bad.place, bad.reason) for chunk in chunks for bad in chunk.bad]


def test_csv_with_quotes_over_several_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('id,"text"\r\n1,"one, two\nthree ""four"""\r\n\r\n2,five\r\n', encoding="utf-8-sig")
    assert read(path) == ([("line 2", "1", 'one, two\nthree "four"'), ("line 5", "2", "five")], [])


def test_malformed_csv_lines_are_set_aside_and_the_good_ones_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('id,text\n1,a\n2,b,c\n3\n4,"never closed\n5,e\n6,"f" g\n7,"h"\n', encoding="utf-8")
    good, bad = read(path)
    assert [row[1] for row in good] == ["1", "5", "7"]
    assert [place for place, _ in bad] == ["line 3", "line 4", "line 5", "line 7"]
    assert bad[0][1] == "3 fields instead of 2"
    assert bad[2][1].startswith("malformed")


def test_a_quote_that_is_open_until_the_end_costs_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('id,text\n1,"open\n' + "".join(f"{n},text\n" for n in range(2, 50)), encoding="utf-8")
    good, bad = read(path)
    assert len(good) == 48
    assert [place for place, _ in bad] == ["line 2"]


def test_invalid_bytes_and_a_very_long_line_are_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"id,text\n1,good\n2,b\xff\xfed\n3," + b"x" * 50_000_000 + b"\n4,fine\n5,\"over\ntwo \xe3lines\"\n6,end\n")
    good, bad = read(path)
    assert [row[1] for row in good] == ["1", "4", "6"]
    assert bad == [("line 3", "not valid utf-8"), ("line 4", "line longer than 1,000,000 characters"),
                   ("line 6", "not valid utf-8")]


def test_in_tsv_a_quote_is_a_character(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text('id\ttext\n1\t"so-called" tea\n2\t"whole"\n3\t5" screen\n4\tx\ty\n', encoding="utf-8")
    good, bad = read(path, "tsv")
    assert [row[2] for row in good] == ['"so-called" tea', "whole", '5" screen']
    assert [place for place, _ in bad] == ["line 5"]


def test_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    lines = [json.dumps({"id": 1, "text": "차"}, ensure_ascii=False), "{broken", "[1]", '{"id": 2, "text": "x"}', "[" * 100_000]
    path.write_bytes("\n".join(lines).encode() + b'\n{"id": "\xff"}\n')
    good, bad = read(path, "jsonl")
    assert [(place, text) for place, _, text in good] == [("line 1", "차"), ("line 4", "x")]
    assert [place for place, _ in bad] == ["line 2", "line 3", "line 5", "line 6"]
    assert bad[1][1] == "no JSON object"


def test_parquet(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pd.DataFrame({"id": [1, 2], "text": ["a", None], "other": [0, 0]}).to_parquet(path)
    good, bad = read(path, "parquet")
    assert [row[:2] for row in good] == [("row 1", 1), ("row 2", 2)]
    assert bad == []


def test_other_encodings(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    for encoding in ("cp949", "utf-16", "utf-8-sig"):
        path.write_text("id,text\n1,쿠폰이 안 돼요\n", encoding=encoding)
        assert read(path, encoding=encoding)[0] == [("line 2", "1", "쿠폰이 안 돼요")]


@pytest.mark.parametrize(("content", "format", "says"), [
    (b"", "csv", "is empty"),
    (b"number,comment\n1,a\n", "csv", "line 1: no column 'text', 'id'; there are number, comment"),
    ("id,text\n1,쿠폰\n2,배송\n".encode("cp949"), "csv", "line 2: most rows are not utf-8"),
    (b'{"number": 1}\n', "jsonl", "no field 'text'"),
    (b"id,text\n", "parquet", "cannot be read as parquet"),
])
def test_what_cannot_be_read_at_all_says_so(tmp_path: Path, content: bytes, format: str, says: str) -> None:
    path = tmp_path / f"a.{format}"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        chunks_of(source(path, format))
    assert str(path) in str(caught.value)
    assert says in str(caught.value)


def test_parquet_of_every_plain_type(tmp_path: Path) -> None:
    table = pd.DataFrame({"id": pd.Categorical([3, 4]), "text": pd.Categorical(["a", "b"]), "n": [1.5, None]})
    big = pd.Series(["x", None], dtype="large_string[pyarrow]")
    for name, columns in (("text", table), ("n", table), ("big", table.assign(big=big)), ("raw", table.assign(raw=[b"y", None]))):
        columns.to_parquet(tmp_path / "a.parquet")
        [chunk] = chunks_of(source(tmp_path / "a.parquet", "parquet", columns=Columns(id="id", text=name)))
        assert chunk.frame["id"].tolist() == [3, 4] and len(chunk.frame[name]) == 2
    table.assign(text=[["a"], ["b"]]).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(InputError, match="the column 'text' holds no plain values"):
        read(tmp_path / "a.parquet", "parquet")


@pytest.mark.parametrize("how", [
    {"compression": "zstd", "dictionary_pagesize_limit": 2**26}, {"compression": "zstd", "use_dictionary": False},
])
def test_a_parquet_bomb_is_refused_before_it_unpacks(tmp_path: Path, how: dict[str, Any]) -> None:
    words = pa.DictionaryArray.from_arrays(pa.array(np.zeros(200, dtype="int32")), pa.array(["spam " * 200_000]))
    pq.write_table(pa.table({"id": pa.array(range(200)), "text": words}), tmp_path / "a.parquet", **how)
    assert (tmp_path / "a.parquet").stat().st_size < 100_000  # 200 MB of text
    with pytest.raises(InputError, match="unpacks to more than 200 times its size: refused"):
        read(tmp_path / "a.parquet", "parquet")


@pytest.mark.parametrize("kind", [pa.string(), pa.binary()])
def test_bytes_in_a_parquet_file_that_are_no_text(tmp_path: Path, kind: pa.DataType) -> None:
    lying = pa.Array.from_buffers(kind, 2, pa.array([b"caf\xe9", "차".encode()]).buffers())
    pq.write_table(pa.table({"id": ["1", "2"], "text": lying}), tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet", "parquet") == ([("row 1", "1", "caf�"), ("row 2", "2", "차")], [])


def test_a_missing_file_an_unknown_encoding_and_a_missing_parquet_column(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        read(tmp_path / "none.csv")
    path = tmp_path / "a.csv"
    path.write_text("id,text\n1,a\n")
    with pytest.raises(InputError, match="encoding 'klingon' is unknown"):
        read(path, encoding="klingon")
    pd.DataFrame({"text": ["a"]}).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(InputError, match="no column 'id'; there are text"):
        read(tmp_path / "a.parquet", "parquet")


def test_a_chunk_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,text\n" + "".join(f"{n},{'x' * 100}\n" for n in range(50)))
    monkeypatch.setattr(base, "CHUNK_ROWS", 20)
    assert [len(chunk.frame) for chunk in chunks_of(source(path))] == [20, 20, 10]
    monkeypatch.setattr(base, "CHUNK_CHARACTERS", 1000)
    assert max(len(chunk.frame) for chunk in chunks_of(source(path))) == 10


def news(path: Path, cursor: dict[str, Any] | None, format: str = "csv") -> tuple[list[Any], dict[str, Any] | None]:
    """What is new in a file since `cursor`, each as (place, text), and the cursor after it."""
    found = list(files.FileChannel(source(path, format), no_connections).news(cursor))
    rows = [(place, text) for chunk in found for place, text in chunk.frame[["place", "text"]].to_numpy().tolist()]
    return rows, found[-1].cursor if found else cursor


@pytest.mark.parametrize(("format", "head", "row"), [
    ("csv", "\ufeffid,text\n", "{0},글 {0}\n"), ("tsv", "id\ttext\n", "{0}\t글 {0}\n"),
    ("jsonl", "", '{{"id": {0}, "text": "글 {0}"}}\n')])
def test_what_is_appended_is_read_alone(tmp_path: Path, format: str, head: str, row: str) -> None:
    path, first = tmp_path / "a", 1 if format == "jsonl" else 2
    path.write_text(head + "".join(map(row.format, range(20_000))), encoding="utf-8")
    rows, cursor = news(path, None, format)
    assert len(rows) == 20_000
    with path.open("a", encoding="utf-8") as file:
        file.write(row.format(20_000) + row.format(20_001))
    rows, cursor = news(path, cursor, format)
    assert rows == [(f"line {first + 20_000}", "글 20000"), (f"line {first + 20_001}", "글 20001")]
    assert news(path, cursor, format) == ([], cursor)
    with path.open("a", encoding="utf-8") as file:
        file.write(row.format(20_002).rstrip("\n"))
    rows, cursor = news(path, cursor, format)
    assert [text for _, text in rows] == ["글 20002"]
    with path.open("a", encoding="utf-8") as file:
        file.write("\n" + row.format(20_003))
    assert len(news(path, cursor, format)[0]) == 20_004  # the last line may not have been whole: all is read


@pytest.mark.parametrize("change", [("0,a\n", "0,z\n"), ("7,a\n", "7,z\n"), ('3,a\n', '3,"a\n'), ("id,text", "text,id")])
def test_a_file_that_was_not_only_appended_to_is_read_whole(tmp_path: Path, change: tuple[str, str]) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,text\n" + "".join(f"{number},a\n" for number in range(8)))
    _, cursor = news(path, None)
    path.write_text(path.read_text().replace(*change) + "8,new\n")
    assert len(news(path, cursor)[0]) >= 8


def test_an_open_quote_may_be_closed_by_what_is_appended(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('id,text\n1,a\n2,"open\n')
    rows, cursor = news(path, None)
    assert rows == [("line 2", "a")]
    with path.open("a") as file:
        file.write('closed"\n')
    assert news(path, cursor)[0] == [("line 2", "a"), ("line 3", "open\nclosed")]
