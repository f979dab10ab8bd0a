"""Tables of requests, or of any numbers by time: a CSV file that grows, read like a log, and Parquet files, each read once."""

import csv
import hashlib
import io
from collections.abc import Callable, Container, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from include.errors import InputError
from include.markup import plain
from include.monitoring_rollups.access_log import Cursor, Reader, opened
from include.monitoring_rollups.counting import NO_NAMES, Counting, Ints, Names, counted, renamed
from include.monitoring_rollups.formats import LATEST, PER_SECOND, UNKNOWN
from include.monitoring_rollups.rollup import NO_VERSION, route_of, timed
from include.monitoring_rollups.sources.reading import Reading, points
from include.parquet import Room, is_text, texts, unpacked, valid
from include.parts.monitoring import TableColumns, TableSource

BATCH = 2**20  # rows
LONGEST = 100  # bytes of a time or a number that is written as text, on average
TAIL = 65_536  # bytes at a Parquet file's end: all that tells what it holds
SECONDS = 1e11  # what is less is no ms
Rows = tuple[Ints, Names, Names, Ints, NDArray[np.bool_]]  # minute, version, route, bucket, whether it failed
NO_ROWS: Rows = (np.zeros(0, np.int64), NO_NAMES, NO_NAMES, np.zeros(0, np.int64), np.zeros(0, np.bool_))
T = TypeVar("T")


def read(source: TableSource, path: Path, known: dict[str, Any] | None) -> Reading:
    """What is new at `path` since `known`, the cursor of the last run. Raises InputError where a file can't be read, has no such
    column, or is another than the one that was read."""
    return _parquet(source, path, known) if path.suffix == ".parquet" else _csv(source, path, known)


def _parquet(source: TableSource, path: Path, known: dict[str, Any] | None) -> Reading:
    reading, counting = Reading(None), Counting()
    read = dict(known or {})
    for file in sorted(path.parent.glob(path.name)):
        digest = _digest(file)
        if read.get(file.name, digest) != digest:
            raise InputError(f"{file}: is another file than the one that was read; a Parquet file is written once")
        if file.name not in read:
            for _, rows in _ahead(_take(reading, table, source) for table in _batches(file, wanted(source), source.columns)):
                counting.add(*rows)
            read[file.name] = digest
    reading.cursor, reading.frames = read, reading.frames + counting.frames()
    return reading


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(max(0, size - TAIL))
        return f"{size}-{hashlib.sha256(file.read()).hexdigest()[:16]}"


def wanted(source: TableSource) -> list[str]:
    """The columns that a source names, each once."""
    columns = source.columns
    names = [columns.at, columns.route, columns.version, columns.status, columns.took, columns.requests, columns.errors]
    return list(dict.fromkeys(name for name in [*names, *source.series.values()] if name))


def _batches(path: Path, names: list[str], columns: TableColumns) -> Iterator[pa.Table]:
    try:
        with pq.ParquetFile(path, read_dictionary=texts(pq.read_schema(path), names, path)) as file:
            room = Room(file, names, path.stat().st_size, path)
            for batch in _ahead(file.iter_batches(BATCH, columns=names)):
                room.take(batch)
                yield _written_out(batch, {columns.route, columns.version}, path)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: can't be read: {str(error)[:300]}") from error


def _written_out(batch: pa.RecordBatch, names: Container[str | None], path: Path) -> pa.Table:
    """Columns of text in which times and numbers are looked for have a value a row; `names` stay dictionaries."""
    table = pa.Table.from_batches([batch])
    for place, column in enumerate(batch.columns):
        if is_text(column.type):
            name, column = table.column_names[place], valid(column)
            if name not in names and unpacked(column) > LONGEST * BATCH:
                raise InputError(f"{path}: the column {name!r} holds long texts, neither times nor numbers")
            table = table.set_column(place, name, column if name in names else column.dictionary_decode())
    return table


def _ahead(items: Iterator[T]) -> Iterator[T]:
    """The next is made while one is used: a batch is decoded while one is looked through and one is counted."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, items, None)
            yield item


def frames(path: Path, source: TableSource) -> list[pd.DataFrame]:
    """The requests of one Parquet file whose rows are one request each, as `counting` gives them."""
    counting = Counting()
    for rows in _ahead(_rows(*_good(table, source.columns), source) for table in _batches(path, wanted(source), source.columns)):
        counting.add(*rows)
    return counting.frames()


def _csv(source: TableSource, path: Path, known: dict[str, Any] | None) -> Reading:
    reading, counting = Reading(None), Counting()

    def take(table: pa.Table) -> int:
        kept, rows = _take(reading, table, source)
        counting.add(*rows)
        return kept

    reader = Reader(path, Cursor(**known) if known else Cursor(), partial(_lines, source=source, path=path, take=take))
    for _ in reader.frames():
        pass
    reading.frames += counting.frames()
    reading.cursor, reading.malformed = reader.cursor.plain(), reader.malformed
    return reading


def _lines(content: bytes, source: TableSource, path: Path, take: Callable[..., int]) -> tuple[pd.DataFrame, int]:
    with opened(path) as file:
        header = file.readline()
    lines = content.removeprefix(header) if content.startswith(header) else content
    names = pd.read_csv(io.BytesIO(header), dtype=str).columns.tolist()
    if gone := sorted(set(wanted(source)) - set(names)):
        raise InputError(f"{path}: has no column {', '.join(gone)}")
    frame = pd.read_csv(io.BytesIO(lines), names=names, dtype=str, on_bad_lines="skip", encoding_errors="replace",
                        keep_default_na=False, quoting=csv.QUOTE_MINIMAL, index_col=False)
    kept = take(pa.Table.from_pandas(frame, preserve_index=False))
    return frame, lines.count(b"\n") - kept


def _take(reading: Reading, table: pa.Table, source: TableSource) -> tuple[int, Rows]:
    """How many rows of `table` could be used, and those that are to be counted; all else that it says goes to `reading`."""
    (good, at), rows = _good(table, source.columns), NO_ROWS
    reading.malformed += table.num_rows - len(at)
    if source.columns.count and source.columns.requests:
        reading.frames.append(_sums(good, at, source))
    elif source.columns.count:
        rows = _rows(good, at, source)
    reading.series += [points(name, at // 60_000, _numbers(good[column])) for name, column in source.series.items()]
    return len(at), rows


def _good(table: pa.Table, columns: TableColumns) -> tuple[pa.Table, Ints]:
    """The rows with a time and, where it is given, a number of requests; and their times in ms since 1970."""
    at = _times(table[columns.at])
    good = (at >= 0) & (at < LATEST)
    if columns.requests:
        good &= _numbers(table[columns.requests]) >= 0
    return (table, at) if good.all() else (table.filter(pa.array(good)), at[good])


def _rows(table: pa.Table, at: Ints, source: TableSource) -> Rows:
    """Minute, version, route, bucket and whether it failed of rows that are one request each."""
    columns = source.columns
    bucket = timed(_took(table[columns.took], columns.unit)) if columns.took else np.full(len(at), UNKNOWN)
    failed = _whole(table[columns.status]) >= 500 if columns.status else np.zeros(len(at), dtype=bool)
    return at // 60_000, *_names(table, source), bucket, failed


def _sums(table: pa.Table, at: Ints, source: TableSource) -> pd.DataFrame:
    """Counts of rows that stand for many requests."""
    many = _whole(table[str(source.columns.requests)])
    bad = np.clip(_whole(table[source.columns.errors]), 0, many) if source.columns.errors else np.zeros_like(many)
    return counted(at // 60_000, *_names(table, source), np.full(len(at), UNKNOWN), bad, many)


def _names(table: pa.Table, source: TableSource) -> tuple[Names, Names]:
    own = source.version or NO_VERSION
    return (_named(table, source.columns.version, lambda name: plain(name, 100) or own),
            _named(table, source.columns.route, route_of))


def _named(table: pa.Table, column: str | None, function: Callable[[str], str]) -> Names:
    if column is None:
        return Names(np.zeros(table.num_rows, dtype=np.int64), np.array([function("")], dtype=object))
    values = table[column].combine_chunks()
    if values.null_count or not pa.types.is_dictionary(values.type):
        values = pc.fill_null(values.cast(pa.string()), "").dictionary_encode()
    known = values.dictionary.cast(pa.string()).to_numpy(zero_copy_only=False)
    return renamed(Names(values.indices.to_numpy(), known), function)


def _times(column: pa.ChunkedArray) -> Ints:
    """ms since 1970, -1 for what is no time. Times without a zone are UTC."""
    if pa.types.is_timestamp(column.type):
        found: Ints = pc.fill_null(column.cast(pa.timestamp("ms"), safe=False).cast(pa.int64()), -1).to_numpy()
        return found
    numbers = _numbers(column)
    if numbers.dtype.kind == "i" and len(numbers) and numbers.min() > SECONDS and numbers.max() < LATEST:
        return numbers
    if len(numbers) and not np.fmin.reduce(np.abs(numbers)) > SECONDS:  # or all are NaN
        numbers = np.where(np.abs(numbers) > SECONDS, numbers, numbers * 1000)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        unread = np.isnan(numbers)
        times = pd.to_datetime(column.to_pandas()[unread], format="ISO8601", utc=True, errors="coerce")
        numbers = numbers.copy()
        numbers[unread] = times.astype("datetime64[ms, UTC]").astype("int64").where(times.notna(), -1).to_numpy(dtype=float)
    return np.where((numbers >= 0) & (numbers < LATEST), numbers, -1).astype(np.int64)


def _numbers(column: pa.ChunkedArray) -> NDArray[Any]:
    """As they are, NaN for what is none."""
    found: NDArray[Any]
    if pa.types.is_integer(column.type) and not column.null_count:
        found = column.to_numpy()
    else:
        found = pd.to_numeric(column.to_pandas(), errors="coerce").to_numpy(dtype=float)
    return found


def _whole(column: pa.ChunkedArray) -> Ints:
    numbers = _numbers(column)
    return numbers if numbers.dtype.kind == "i" else np.nan_to_num(np.clip(numbers, -1, 2**53), nan=0).astype(np.int64)


def _took(column: pa.ChunkedArray, unit: str) -> Ints:
    numbers = _numbers(column)
    if numbers.dtype.kind == "i" and unit == "ms":
        return numbers if not len(numbers) or numbers.min() >= 0 else np.where(numbers < 0, UNKNOWN, numbers)
    ms = np.nan_to_num(numbers * PER_SECOND[unit], nan=UNKNOWN, posinf=UNKNOWN, neginf=UNKNOWN)
    return np.where((ms < 0) | (ms > 2**53), UNKNOWN, np.rint(ms)).astype(np.int64)
