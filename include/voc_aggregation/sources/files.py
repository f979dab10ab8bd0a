"""Reading a file source chunk by chunk: the good rows as a frame, the bad ones with their place and their reason."""

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from typing import Any, BinaryIO, NamedTuple, TextIO

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from include.connection import Connections
from include.errors import InputError
from include.parts.channels import FileSource
from include.product import home
from include.voc_aggregation.sources import source as base
from include.voc_aggregation.sources.source import BadRow, Chunk, Cursor, Row, chunked, frame
from include.voc_aggregation.sources.storage import FsspecFile, LocalFile, S3File, Stored

MAX_LINE = 1_000_000  # characters; no customer writes more, and a broken export must not fill the memory
MOST_UNPACKED, SMALL = 200, 64 * 2**20  # times a Parquet file's size, and bytes that any may unpack to
MOST_SLICES = 500  # Airflow maps a task over at most 1,024 values
_MARKED = 1 << 16  # bytes at a file's beginning and end by which it is known again
_UNDECODED = re.compile("[\ud800-\udfff]")


class _Line(NamedTuple):
    number: int
    text: str
    problem: str | None


class Start(NamedTuple):
    """Where to read on: how far into the file (for Parquet 0), and how many lines (or rows) come before that."""

    end: int
    lines: int


class Slice(NamedTuple):
    """Some rows of a file, one after the other; `start` is None at the file's beginning."""

    start: Start | None
    rows: int


class _News(NamedTuple):
    """What changed in a file: where to read on, up to which line, and what to remember once it is stored."""

    start: Start | None
    lines: int
    cursor: Cursor


class FileChannel:
    """A file as a `Source`. One that was only appended to since the last time is read from there on; else it is read whole.

    That it was only appended to is shown by a hash of its first bytes and of the last ones that were read then, which ended
    with a line. Appended or rewritten, known rows are duplicates.
    """

    def __init__(self, source: FileSource, connections: Connections) -> None:
        self._source, self._file = source, stored(source, connections)

    def news(self, cursor: Cursor | None) -> Iterator[Chunk]:
        """See `Source`."""
        known = cursor or {}
        if (found := self._changed(known)) is None:
            return
        state = found.cursor
        if found.start or state["sha256"] != known.get("sha256"):
            whole = True
            for chunk in chunks(self._source, self._file, found.start):
                whole &= not chunk.malformed
                yield chunk
            yield Chunk(frame([], self._source.columns.names()), cursor=state if whole else unmarked(state))

    def cut(self, cursor: Cursor | None, rows: int) -> tuple[list[Slice], Cursor]:
        """What is new since `cursor` in slices of at most `rows` rows, and the cursor for when all of them are stored.

        No slices where one would do, or nothing is new. Rows are where the reader finds them, so that slices hold the same rows
        as the whole, whatever quotes are open. Raises InputError as `news` does.
        """
        known = cursor or {}
        found = self._changed(known)
        if found is None or found.cursor.get("sha256", "") == known.get("sha256"):
            return [], {}
        lines = found.lines - (found.start.lines if found.start else 0)
        if self._source.format != "parquet" and lines <= rows:
            return [], {}
        slices = cuts(self._source, self._file, found.start, max(rows, lines // MOST_SLICES))
        return (slices, found.cursor) if len(slices) > 1 else ([], {})

    def slice(self, wanted: Slice) -> Iterator[Chunk]:
        """The rows of one slice, as `news` yields them."""
        yield from chunks(self._source, self._file, wanted.start, wanted.rows)

    def _changed(self, known: Cursor) -> _News | None:
        try:
            state = self._file.state()
            if state.items() <= known.items():
                return None
            size = int(state["size"])
            start = self._start(known, size)
            lines, found = self._read_up_to(start, size)
            return _News(start, lines, state | found)
        except FileNotFoundError as error:
            if self._source.missing_ok:
                return None
            raise InputError(f"{self._file}: no such file") from error
        except OSError as error:
            raise InputError(f"{self._file}: cannot be read: {error.strerror or error}") from error

    def _start(self, known: Cursor, size: int) -> Start | None:
        """Where to go on reading, None for the beginning."""
        if (mark := known.get("mark")) is None or mark["end"] >= size or self._mark(mark["end"]) != mark["sha256"]:
            return None
        return Start(mark["end"], mark["lines"])

    def _read_up_to(self, start: Start | None, size: int) -> tuple[int, Cursor]:
        """The file's lines, and what to remember of it: its digest where it is read whole, and a mark where it can be read on
        from here."""
        digest, lines, last = hashlib.sha256(), start.lines if start else 0, b""
        with self._file.open() as file:
            file.seek(left := start.end if start else 0)
            left = size - left
            while left > 0 and (part := file.read(min(left, 1 << 20))):
                digest.update(part)
                lines, last, left = lines + part.count(b"\n"), part[-1:], left - len(part)
        found: Cursor = {} if start else {"sha256": digest.hexdigest()}
        in_bytes = self._source.format != "parquet" and not self._source.encoding.lower().startswith(("utf-16", "utf-32"))
        if in_bytes and last == b"\n":
            found["mark"] = {"end": size, "lines": lines, "sha256": self._mark(size)}
        return lines, found

    def _mark(self, end: int) -> str:
        with self._file.open() as file:
            first = file.read(min(end, _MARKED))
            file.seek(max(0, end - _MARKED))
            return hashlib.sha256(first + file.read(min(end, _MARKED))).hexdigest()


def stored(source: FileSource, connections: Connections) -> Stored:
    """Where the file of `source` lies; a relative path starts at CLOSED_LOOP_HOME."""
    if source.path.startswith("s3://"):
        return S3File(source.path, connections(source.connection) if source.connection else None)
    return FsspecFile(source.path) if "://" in source.path else LocalFile(home() / source.path)


def unmarked(state: Cursor) -> Cursor:
    """What to remember of a file with a quote that was never closed: what is appended may close it, so it is read whole."""
    return {name: value for name, value in state.items() if name != "mark"}


def chunks(source: FileSource, file: Stored, start: Start | None = None, rows: int | None = None) -> Iterator[Chunk]:
    """The rows of `source`, in the file's order from `start` on, at most CHUNK_ROWS at a time; `rows` of them, or all.

    Raises InputError where the file as a whole can't be read: missing, not of its format, a column missing, a wrong encoding.
    """
    with _named(source, file):
        yield from _parquet(source, file, start, rows) if source.format == "parquet" else _text(source, file, start, rows)


def cuts(source: FileSource, file: Stored, start: Start | None, rows: int) -> list[Slice]:
    """Where `chunks` from `start` on can be cut into slices of at least `rows` rows. Raises InputError as it does."""
    with _named(source, file):
        return list(_row_cuts(file, rows) if source.format == "parquet" else _text_cuts(source, file, start, rows))


@contextmanager
def _named(source: FileSource, file: Stored) -> Iterator[None]:
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise InputError(f"{file}: cannot be read as {source.format}: {reason}") from error


def _text(source: FileSource, path: Stored, start: Start | None, count: int | None) -> Iterator[Chunk]:
    with _opened(source, path) as file:
        first, done, size = start is None and count is None, 0, int(path.state()["size"])
        rows = islice(_rows(_Lines(file, source.encoding), source, path, start), count)
        for chunk in chunked(rows, source.columns.names()):
            if first:
                _check_first(chunk, source, path)
            first, done = False, done + len(chunk.frame) + len(chunk.bad)
            yield replace(chunk, share=done / count if count else file.buffer.tell() / max(size, 1))


def _rows(lines: "_Lines", source: FileSource, path: Stored, start: Start | None) -> Iterator[Row]:
    return _json_rows(lines, start) if source.format == "jsonl" else _delimited_rows(lines, source, path, start)


def _text_cuts(source: FileSource, path: Stored, start: Start | None, most: int) -> Iterator[Slice]:
    """Slices end where the reader has nothing left to read again, so each reads as it would within the whole."""
    with _opened(source, path) as file:
        lines = _Lines(file, source.encoding)
        rows = _rows(lines, source, path, start)
        if start is None:
            for chunk in islice(chunked(islice(rows, base.CHUNK_ROWS), source.columns.names()), 1):
                _check_first(chunk, source, path)
            file.seek(0)
            lines = _Lines(file, source.encoding)
            rows = _rows(lines, source, path, start)
        count = 0
        for _ in rows:
            count += 1
            if count >= most and (place := lines.place()):
                yield Slice(start, count)
                start, count = place, 0
        if count:
            yield Slice(start, count)


@contextmanager
def _opened(source: FileSource, path: Stored) -> Iterator[TextIO]:
    encoding = "utf-8-sig" if source.encoding.lower().replace("_", "-") in {"utf-8", "utf8"} else source.encoding
    try:
        with path.open() as raw, io.TextIOWrapper(raw, encoding, errors="surrogateescape") as file:
            yield file
    except LookupError as error:
        raise InputError(f"{path}: encoding {source.encoding!r} is unknown") from error
    except UnicodeError as error:
        raise InputError(f"{path}: is not {source.encoding}: {error}") from error


def _check_first(chunk: Chunk, source: FileSource, path: Stored) -> None:
    undecoded = [bad for bad in chunk.bad if bad.reason.startswith("not valid")]
    if len(undecoded) * 2 > len(chunk.frame) + len(chunk.bad):
        raise InputError(f"{path}: {undecoded[0].place}: most rows are not {source.encoding}; set the source's `encoding`")
    if source.format == "jsonl" and len(chunk.frame):
        for name in source.columns.names():
            if chunk.frame[name].isna().all():
                raise InputError(f"{path}: no field {name!r} in the first {len(chunk.frame)} rows")


class _Lines:
    """The lines of a text file with their numbers; lines can be pushed back."""

    def __init__(self, file: TextIO, encoding: str) -> None:
        self._file, self._encoding, self._number = file, encoding, 0
        self._back: list[_Line] = []

    def next(self) -> _Line | None:
        if self._back:
            return self._back.pop()
        text = self._file.readline(MAX_LINE)
        if not text:
            return None
        self._number += 1
        if len(text) >= MAX_LINE and text[-1] != "\n":
            self._skip_rest()
            return _Line(self._number, text[:10_000], f"line longer than {MAX_LINE:,} characters")
        broken = not text.isascii() and _UNDECODED.search(text)
        return _Line(self._number, text, f"not valid {self._encoding}" if broken else None)

    def push_back(self, lines: list[_Line]) -> None:
        self._back.extend(reversed(lines))

    def place(self) -> Start | None:
        """Where the next line stands, None where lines were pushed back."""
        return None if self._back else Start(self._file.tell(), self._number)

    def go_to(self, start: Start | None) -> None:
        """Go on at `start`, where there is one."""
        if start:
            self._file.seek(start.end)
            self._number = start.lines

    def _skip_rest(self) -> None:
        while (rest := self._file.readline(MAX_LINE)) and rest[-1] != "\n":
            pass


def _delimited_rows(lines: _Lines, source: FileSource, path: Stored, start: Start | None) -> Iterator[Row]:
    delimiter = "," if source.format == "csv" else "\t"
    header = lines.next()
    if header is None:
        raise InputError(f"{path}: is empty: not even a header line")
    names = [name.strip() for name in header.text.rstrip("\n").split(delimiter)]
    if '"' in header.text:
        lines.push_back([header])
        names = [name.strip() for name in _quoted(lines, delimiter, None)[1] or names]
    if missing := [name for name in source.columns.names() if name not in names]:
        raise InputError(f"{path}: line 1: no column {', '.join(map(repr, missing))}; there are {', '.join(names)[:300]}")
    lines.go_to(start)
    places = {name: names.index(name) for name in source.columns.names()}
    while (line := lines.next()) is not None:
        if not line.text.strip("\r\n"):
            continue
        fields: list[str] | None
        first, reason = line, line.problem
        if '"' in line.text and not reason:
            lines.push_back([line])
            first, fields, reason = _quoted(lines, delimiter, len(names))
        else:
            fields = line.text.rstrip("\r\n").split(delimiter)
        if not reason and (fields is None or len(fields) != len(names)):
            reason = f"{len(fields or [])} fields instead of {len(names)}"
        if reason or fields is None:
            yield BadRow(f"line {first.number}", reason or "", first.text)
        else:
            yield f"line {first.number}", {name: fields[place] for name, place in places.items()}


def _quoted(lines: _Lines, delimiter: str, width: int | None) -> tuple[_Line, list[str] | None, str | None]:
    """The record at the next line, which holds a quote, as (its first line, its fields, what is wrong with it).

    A CSV record (RFC 4180) may go over several lines; where one never closes its quote, only its first line is given up. In
    TSV nothing goes over a line, and a quote that does not enclose a whole field is a character like others.
    """
    taken: list[_Line] = []

    def feed() -> Iterator[str]:
        while (line := lines.next()) is not None:
            taken.append(line)
            yield line.text
            if delimiter == "\t" or (line.problem and not line.problem.startswith("not valid")):
                return

    try:
        fields = next(csv.reader(feed(), delimiter=delimiter, strict=True))
        wrong = None if width is None or len(fields) == width else f"{len(fields)} fields instead of {width}"
    except (csv.Error, StopIteration) as error:
        fields, wrong = [], f"malformed: {error}"
    problem = next((line.problem for line in taken if line.problem), None)
    if wrong and delimiter == "\t":
        return taken[0], taken[0].text.rstrip("\r\n").split("\t"), problem
    if wrong:
        lines.push_back(taken[1:])
        return taken[0], None, wrong
    return taken[0], fields, problem


def _json_rows(lines: _Lines, start: Start | None) -> Iterator[Row]:
    lines.go_to(start)
    while (line := lines.next()) is not None:
        if not line.text.strip():
            continue
        reason, value = line.problem, None
        if not reason:
            try:
                value = json.loads(line.text)
                reason = None if isinstance(value, dict) else "no JSON object"
            except (ValueError, RecursionError) as error:
                reason = f"no JSON: {error}"
        place = f"line {line.number}"
        yield BadRow(place, reason, line.text) if reason else (place, value or {})


def _parquet(source: FileSource, path: Stored, start: Start | None, count: int | None) -> Iterator[Chunk]:
    names = source.columns.names()
    with path.open() as raw, pq.ParquetFile(raw, read_dictionary=_texts(raw, names, path)) as file:
        left = _unpacks_to(file, names, path)
        first = start.lines if start else 0
        last = file.metadata.num_rows if count is None else first + count
        groups, row = _groups(file, first, last)
        for batch in file.iter_batches(base.CHUNK_ROWS, row_groups=groups, columns=names):
            if row >= last:
                return
            if (left := left - sum(_size(batch[name]) for name in names)) < 0:
                raise _bomb(path)
            rows = pd.DataFrame({name: pd.Series(_values(batch[name]), dtype=object) for name in names})
            rows.insert(0, "place", [f"row {number}" for number in range(row + 1, row + 1 + len(rows))])
            done = min(row + len(rows), last) - first
            yield Chunk(rows[max(0, first - row): last - row].reset_index(drop=True), share=done / (last - first))
            row += len(rows)


def _texts(raw: BinaryIO, names: list[str], path: Stored) -> list[str]:
    """Those of the columns that hold text or bytes: read as dictionaries, values that come again take no more memory than in the
    file. Raises InputError where a column is not there or holds no plain values."""
    schema = pq.read_schema(raw)
    if missing := [name for name in names if name not in schema.names]:
        raise InputError(f"{path}: no column {', '.join(map(repr, missing))}; there are {', '.join(schema.names)[:300]}")
    if nested := [name for name in names if pa.types.is_nested(schema.field(name).type)]:
        raise InputError(f"{path}: the column {nested[0]!r} holds no plain values")
    return [name for name in names if _is_text(schema.field(name).type)]


def _is_text(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return kind in (pa.string(), pa.large_string(), pa.binary(), pa.large_binary())


def _unpacks_to(file: pq.ParquetFile, names: list[str], path: Stored) -> int:
    """How many bytes the columns may unpack to. Raises InputError where the file itself says that they are more."""
    most = MOST_UNPACKED * int(path.state()["size"]) + SMALL
    groups = (file.metadata.row_group(number) for number in range(file.num_row_groups))
    columns = (group.column(place) for group in groups for place in range(group.num_columns))
    if sum(column.total_uncompressed_size for column in columns if column.path_in_schema in names) > most:
        raise _bomb(path)
    return most


def _bomb(path: Stored) -> InputError:
    return InputError(f"{path}: unpacks to more than {MOST_UNPACKED} times its size: refused")


def _size(column: pa.Array) -> int:
    """The bytes that a column's values take, each on its own."""
    if not isinstance(column, pa.DictionaryArray) or not _is_text(column.type):
        return int(column.nbytes)
    return int(pc.sum(pc.take(pc.binary_length(column.dictionary), column.indices)).as_py() or 0)


def _values(column: pa.Array) -> list[Any]:
    if not isinstance(column, pa.DictionaryArray):
        return list(column.to_pylist())
    values = column.dictionary.to_pylist()
    return [None if place is None else values[place] for place in column.indices.to_pylist()]


def _groups(file: pq.ParquetFile, first: int, last: int) -> tuple[list[int], int]:
    """The row groups with the rows from `first` up to `last`, and the first of their rows; all counted from 0."""
    ends = np.cumsum([0, *(file.metadata.row_group(number).num_rows for number in range(file.num_row_groups))])
    groups = [number for number in range(file.num_row_groups) if ends[number] < last and ends[number + 1] > first]
    return groups, int(ends[groups[0]]) if groups else 0


def _row_cuts(path: Stored, most: int) -> Iterator[Slice]:
    with path.open() as raw, pq.ParquetFile(raw) as file:
        count = file.metadata.num_rows
    for first in range(0, count, most):
        yield Slice(Start(0, first), min(most, count - first))
