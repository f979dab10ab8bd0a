"""A file heard in slices comes to the same ledger as one heard in one go."""

import csv
import random
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import Engine

from include.artifacts import Artifacts
from include.connection import Connection
from include.key import Key
from include.ledger.engine import connect, upgrade
from include.ledger.runs import Result, Run
from include.ledger.tables import cursors, intakes, quarantine, voices
from include.product import Product
from include.voc_aggregation.contract import Contract
from include.voc_aggregation.intake import progress
from include.voc_aggregation.run import aggregate, cut, hear
from tests.conftest import NOW
from tests.crash import Dump, dump, ledger_after_kills
from tests.rows import get, product

HEADER = ["id", "text", "at", "who", "stars", "mail", "may"]
MAPPING = {"id": "id", "written_at": "at", "author": "who", "rating": "stars", "contact": "mail", "consent": "may"}
THINGS = ("coupon", "delivery", "search", "쿠폰", "배송", "검색")
TROUBLES = ("fails at checkout", "is slow", "안 돼요", "느려요", "is fine")


def rows(count: int = 400) -> list[list[Any]]:
    """Voices, some of them twice, some broken, some over several lines."""
    made: list[list[Any]] = []
    for number in range(count):
        said, who = f"{THINGS[number % 6]} {TROUBLES[number % 5]} {number % 7}", f"kim{number % 9}@example.com"
        made.append([number, said, (NOW - timedelta(hours=number)).isoformat(), who, number % 5 + 1, who,
                     "yes" if number % 4 else "no"])
    for number in range(0, count, 37):
        made[number][4] = 99
        made[(number + 50) % count][0] = number + 1
        made[(number + 20) % count][1] += '\nand "once" more,\n\n\nI say'
    return made


def write(path: Path, some: Sequence[Sequence[Any]], more: str = "") -> None:
    fresh = not path.exists()
    with path.open("a", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([HEADER, *some] if fresh else some)
        file.write(more)


def shop(path: Path, slice_rows: int, **source: Any) -> Product:
    said = {"name": "a", "path": str(path), "format": "csv", "columns": MAPPING} | source
    return product(voices={"sources": [said], "slice_rows": slice_rows})


def connections(_: str) -> Connection:
    return Connection("generic", password="contact secret")  # pragma: allowlist secret


def night(engine: Engine, about: Product, artifacts: Artifacts, number: int = 1, workers: int = 1, twice: bool = False) -> Result:
    """What the tasks of one run do; slices in no order, by so many workers, some of them more than once."""
    run = Run("voc_aggregation", f"run{number}", Key("shop"), NOW + timedelta(days=number))
    names = cut(engine, about, run, artifacts, connections)
    assert names == cut(engine, about, run, artifacts, connections)
    given = names * (1 + twice)
    random.Random(number).shuffle(given)
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(lambda name: hear(engine, about, run, name, artifacts, b"secret", connections), given))
    return aggregate(engine, about, run, artifacts, b"secret", connections) | {"slices": len(names)}


def nights(folder: Path, migrated: Path, slice_rows: int, workers: int = 1, **source: Any) -> tuple[Dump, Result]:
    """Two nights, on the second of which the file was appended to; the ledger after them, and what the second came to."""
    folder.mkdir()
    upgrade(url := f"sqlite:///{folder / 'ledger.db'}")
    engine = connect(url)
    path, artifacts = folder.parent / "a.csv", Artifacts(str(folder / "artifacts"))
    path.unlink(missing_ok=True)
    write(path, rows(), 'x,"open quote\n')
    night(engine, shop(path, slice_rows, **source), artifacts, 1, workers, twice=workers > 1)
    write(path, [[f"n{number}", *row[1:]] for number, row in enumerate(rows(90))])
    result = night(engine, shop(path, slice_rows, **source), artifacts, 2, workers)
    assert artifacts.listed("slices/shop") == []
    found = dump(engine, ("leases", "cursors.mtime_ns"))
    for row in found["cursors"]:
        if isinstance(row["value"], dict):
            row["value"].pop("mtime_ns", None)
    engine.dispose()
    return found, result


def test_one_worker_or_four_and_slices_of_any_size_come_to_the_same_ledger(tmp_path: Path, migrated: Path) -> None:
    whole, result = nights(tmp_path / "whole", migrated, 100_000)
    assert (result["slices"], result["sources"]["a"]["error"]) == (0, None)
    for slice_rows, workers in ((150, 1), (40, 4)):
        found, again = nights(tmp_path / f"by{slice_rows}", migrated, slice_rows, workers)
        assert again["slices"] > 2
        assert again | {"slices": 0} == result
        assert found == whole
    assert len(whole["themes"]) > 3
    assert len(whole["contacts"]) > 3
    assert len(whole["quarantine"]) > 8
    counts = whole["intakes"][0]
    assert counts["duplicates"] > 5
    assert counts["read"] == counts["stored"] + counts["duplicates"] + counts["quarantined"]


def test_rows_of_parquet_are_cut_too(tmp_path: Path, ledger: Engine, artifacts: Artifacts) -> None:
    columns = {name: [str(row[place]) for row in rows(300)] for place, name in enumerate(HEADER)}
    pq.write_table(pa.table(columns), tmp_path / "a.parquet", row_group_size=70)
    result = night(ledger, shop(tmp_path / "a.parquet", 110, format="parquet"), artifacts)
    assert result["slices"] == 3
    assert result["sources"]["a"]["read"] == 300
    assert {row["place"] for row in get(ledger, quarantine)} == {f"row {number + 1}" for number in range(0, 300, 37)}


def test_what_another_run_stored_meanwhile_is_a_duplicate(tmp_path: Path, ledger: Engine, artifacts: Artifacts) -> None:
    write(tmp_path / "a.csv", rows())
    about, run = shop(tmp_path / "a.csv", 150), Run("voc_aggregation", "slow", Key("shop"), NOW + timedelta(days=1))
    for name in cut(ledger, about, run, artifacts, connections):
        hear(ledger, about, run, name, artifacts, b"secret", connections)
    stored = night(ledger, about, artifacts, 2)["voices"]
    late = aggregate(ledger, about, run, artifacts, b"secret", connections)
    assert (late["publish"], late["voices"]) == ([], 0)
    assert len(get(ledger, voices)) == stored
    assert [row["stored"] for row in get(ledger, intakes, source="a")] == [stored, 0]


def test_a_slice_that_cannot_be_read_is_the_error_of_its_source(tmp_path: Path, ledger: Engine, artifacts: Artifacts) -> None:
    write(tmp_path / "a.csv", rows())
    about, run = shop(tmp_path / "a.csv", 150), Run("voc_aggregation", "run1", Key("shop"), NOW + timedelta(days=1))
    names = cut(ledger, about, run, artifacts, connections)
    for number, name in enumerate(names):
        if number == 1:
            (tmp_path / "a.csv").unlink()
        hear(ledger, about, run, name, artifacts, b"secret", connections)
    counts = aggregate(ledger, about, run, artifacts, b"secret", connections)["sources"]["a"]
    assert counts["read"] == 150
    assert "a.csv" in counts["error"]
    assert get(ledger, cursors, name="voices:shop:a") == []


def test_slices_hold_nothing_personal_and_go_in_time(tmp_path: Path, ledger: Engine, artifacts: Artifacts) -> None:
    write(tmp_path / "a.csv", [[*row[:1], f"call 010-1234-5678, {row[1]}", *row[2:]] for row in rows()])
    about, run = shop(tmp_path / "a.csv", 150), Run("voc_aggregation", "given up", Key("shop"), NOW - timedelta(days=3))
    names = cut(ledger, about, run, artifacts, connections)
    for name in names:
        hear(ledger, about, run, name, artifacts, b"secret", connections)
    kept = list((tmp_path / "artifacts").rglob("*.zip"))
    assert len(kept) == len(names)
    for path in kept:
        with zipfile.ZipFile(path) as file:
            plain = str(pa.ipc.open_file(file.read("voices.arrow")).read_all().to_pylist()) + file.read("rest.json").decode()
        assert "[phone]" in plain
        assert not [word for word in ("kim", "1234-5678") if word in plain]
    night(ledger, about, artifacts, 1)
    assert artifacts.listed("slices/shop") == []


def test_the_log_says_how_much_is_done_and_left() -> None:
    assert progress(20_000, 2.0, 0.25) == "20,000 rows read, 10,000 a second, 25% done, about 6 s to go"
    assert progress(20_000, 2.0, None) == "20,000 rows read, 10,000 a second"


def test_a_long_file_is_logged_with_what_remains(tmp_path: Path, ledger: Engine, artifacts: Artifacts,
                                                 caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.voc_aggregation.sources.source.CHUNK_ROWS", 100)
    write(tmp_path / "a.csv", rows())
    with caplog.at_level("INFO", "include.voc_aggregation"):
        night(ledger, shop(tmp_path / "a.csv", 1000), artifacts)
    said = [line for line in caplog.messages if "rows read" in line]
    assert len(said) == 4
    assert "100% done, about 0 s to go" in said[-1]


def prepare(engine: Engine, folder: Path) -> None:
    write(folder / "a.csv", rows(120))


def scenario(engine: Engine, folder: Path) -> Result:
    result = night(engine, shop(folder / "a.csv", 50), Artifacts(str(folder / "artifacts")))
    return result | {"slices": None}  # a run that had ended has none any more


def warm() -> None:
    Contract((1, 5), NOW)


def test_a_kill_changes_nothing(migrated: Path, tmp_path: Path) -> None:
    assert ledger_after_kills(migrated, tmp_path, f"{__name__}:scenario", at_most=8) == 8
