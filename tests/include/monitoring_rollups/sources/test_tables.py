"""CSV files that grow and Parquet files that come."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import Engine

from include.key import Key
from include.ledger.runs import Result, Run
from include.ledger.tables import rollups, series_minutes
from include.monitoring_rollups.run import roll_up
from include.monitoring_rollups.sources import tables
from tests import rows
from tests.conftest import NOW

ONE = {"at": "time", "route": "path", "version": "v", "status": "status", "took": "ms"}


def roll(engine: Engine, name: str, path: Path, **fields: Any) -> Result:
    shop = rows.product(monitoring={"sources": [{"name": "file", "kind": "table", "path": str(path)} | fields]})
    return roll_up(engine, shop, Run("monitoring_rollups", name, Key("shop"), NOW))


def counts(engine: Engine) -> list[tuple[Any, ...]]:
    return [(int((row["minute"] - NOW).total_seconds() // 60), row["version"], row["route"], row["requests"], row["errors"],
             sum(row["durations"].values())) for row in rows.get(engine, rollups)]


def test_a_csv_file_is_read_as_it_grows(ledger: Engine, tmp_path: Path) -> None:
    path = tmp_path / "requests.csv"
    path.write_text(f'time,path,v,status,ms\n{NOW.isoformat()},"/teas/7",1.0.0,200,12\n{NOW.timestamp():.0f},/teas/8,1.0.0,503,\n')
    first = roll(ledger, "a", path, columns=ONE)
    assert (first["requests"], first["malformed"]) == (2, 0)
    with path.open("a") as file:
        file.write("never,/,1.0.0,200,5\n" + "too,many,fields,in,this,line\n"
                   f"{(NOW.timestamp() + 60) * 1000:.0f},,,200,7\n{NOW.isoformat()},/torn")
    second = roll(ledger, "b", path, columns=ONE, version="2.0.0")
    assert (second["requests"], second["malformed"]) == (1, 2)
    with path.open("a") as file:
        file.write(",1.0.0,200,3\n")
    assert roll(ledger, "c", path, columns=ONE)["requests"] == 1
    assert roll(ledger, "d", path, columns=ONE)["requests"] == 0
    assert counts(ledger) == [(0, "1.0.0", "/teas/{id}", 2, 1, 1), (0, "1.0.0", "/torn", 1, 0, 1), (1, "2.0.0", "/", 1, 0, 1)]


def test_rows_that_stand_for_many_and_other_numbers(ledger: Engine, tmp_path: Path) -> None:
    path = tmp_path / "sums.csv"
    path.write_text("time,n,bad,orders\n" + f"{NOW.isoformat()},100,3,7\n{NOW.isoformat()},10,99,9\n{NOW.isoformat()},-1,0,1\n"
                    f"{NOW.isoformat()},5,,many\n")
    found = roll(ledger, "a", path, columns={"requests": "n", "errors": "bad"}, series={"orders": "orders"})
    assert (found["requests"], found["malformed"]) == (115, 1)
    assert counts(ledger) == [(0, "none", "/", 115, 13, 0)]
    [row] = rows.get(ledger, series_minutes)
    assert (row["series"], row["total"], row["n"]) == ("orders", 16, 2)
    only = roll(ledger, "b", tmp_path / "gone.csv", columns={"count": False})
    assert only["requests"] == 0


def table(path: Path, size: int, seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    frame = pd.DataFrame({
        "time": [NOW + timedelta(seconds=int(n)) for n in random.integers(0, 600, size)],
        "path": random.choice(["/a", "/b/7"], size), "v": random.choice(["1.0.0", "1.1.0"], size),
        "status": random.choice([200, 500], size), "ms": random.integers(0, 70_000, size)})
    pq.write_table(pa.Table.from_pandas(frame), path, row_group_size=700)
    return frame


def test_parquet_files_are_read_once_each(ledger: Engine, tmp_path: Path) -> None:
    one = table(tmp_path / "a.parquet", 2000, 1)
    assert roll(ledger, "a", tmp_path / "*.parquet", columns=ONE)["requests"] == 2000
    two = table(tmp_path / "b.parquet", 1000, 2)
    assert roll(ledger, "b", tmp_path / "*.parquet", columns=ONE)["requests"] == 1000
    assert roll(ledger, "c", tmp_path / "*.parquet", columns=ONE)["requests"] == 0
    whole = pd.concat([one, two])
    groups = whole.groupby([whole["time"].dt.floor("min"), "v", whole["path"].str.replace("7", "{id}")])
    exact = groups.agg(n=("ms", "size"), bad=("status", lambda status: (status == 500).sum()))
    assert [row[3:] for row in counts(ledger)] == [(n, bad, n) for n, bad in exact.itertuples(index=False)]
    p95 = groups["ms"].apply(lambda ms: np.quantile(ms, 0.95, method="inverted_cdf"))
    assert [row["p95"] for row in rows.get(ledger, rollups)] == pytest.approx(p95.tolist(), rel=0.0101)


@pytest.mark.parametrize("spoil", ["rewritten", "cut", "column"])
def test_files_that_can_not_be_trusted(ledger: Engine, tmp_path: Path, spoil: str) -> None:
    path = tmp_path / "a.parquet"
    table(path, 100, 1)
    columns = ONE | ({"route": "nowhere"} if spoil == "column" else {})
    if spoil == "rewritten":
        roll(ledger, "a", path, columns=columns)
        table(path, 100, 2)
    elif spoil == "cut":
        path.write_bytes(path.read_bytes()[:-50])
    found = roll(ledger, "b", path, columns=columns)
    problem = {"rewritten": "another file than the one that was read", "cut": "can't be read", "column": "no column 'nowhere'"}
    assert problem[spoil] in found["problems"]["file"]
    assert found["requests"] == 0


def bomb(**columns: pa.Array) -> pa.Table:
    """800 requests at the same time, of one route."""
    rest = {"time": pa.array([1_800_000_000] * 800), "path": pa.array(["/a"] * 800), "ms": pa.array([1] * 800)}
    return pa.table(rest | columns)


LONG = "spam " * 20_000  # times 800: 80 MB
BOMBS = {
    **{f"{kind} in {name}": lambda kind=kind, name=name: bomb(**{name: pa.array([LONG] * 800, kind)})
       for kind in (pa.string(), pa.string_view(), pa.binary()) for name in ("time", "path", "ms")},
    "rows": lambda: pa.table(dict.fromkeys(("time", "path", "ms"), pa.array(np.zeros(4_000_000, dtype="int64")))),
    "wide values": lambda: bomb(path=pa.array([b"x" * 100_000] * 800, pa.binary(100_000))),
    "lists": lambda: bomb(path=pa.array([["/a"]] * 800))}


@pytest.mark.parametrize("name", BOMBS)
def test_a_parquet_bomb_is_refused(ledger: Engine, tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(BOMBS[name](), path, compression="zstd", dictionary_pagesize_limit=2**26)
    assert path.stat().st_size < 100_000
    found = roll(ledger, "a", path, columns={"at": "time", "route": "path", "took": "ms"})
    assert re.search("unpacks to more than 200 times its size|holds no plain values", found["problems"]["file"])
    assert (found["requests"], rows.get(ledger, rollups)) == (0, [])


def test_text_that_is_none_is_read_as_far_as_it_is(ledger: Engine, tmp_path: Path) -> None:
    raw = pa.array([b"/caf\xe9", b"/tea"])
    lying = pa.Array.from_buffers(pa.string(), 2, raw.buffers())
    for name, column in (("text", lying), ("bytes", raw)):
        pq.write_table(pa.table({"time": [1.8e9, 1.8e9], "path": column, "ms": column}), path := tmp_path / f"{name}.parquet")
        assert roll(ledger, name, path, columns={"at": "time", "route": "path", "took": "ms"})["requests"] == 2
    assert {row["route"] for row in rows.get(ledger, rollups)} == {"/caf�", "/tea"}


def test_long_texts_are_no_numbers(ledger: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "BATCH", 100)
    pq.write_table(pa.table({"time": ["2027-01-15T08:00:00Z " + " " * 100] * 100}), tmp_path / "a.parquet")
    found = roll(ledger, "a", tmp_path / "a.parquet", columns={"at": "time"})
    assert "the column 'time' holds long texts, neither times nor numbers" in found["problems"]["file"]
