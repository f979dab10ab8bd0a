"""Reading a file source chunk by chunk: the good rows as a frame, the bad ones with their place and their reason."""

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple, TextIO

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from include.connection import Connections
from include.errors import InputError
from include.parts.channels import FileSource
from include.product import home
from include.voc_aggregation.sources import source as base
from include.voc_aggregation.sources.source import BadRow, Chunk, Cursor, Row, chunked, frame
from include.voc_aggregation.sources.storage import FsspecFile, LocalFile, S3File, Stored

MAX_LINE = 1_000_000  # characters; no customer writes more, and a broken export must not fill the memory
_MARKED = 1 << 16  # bytes at a file's beginning and end by which it is known again
_UNDECODED = re.compile("[\ud800-\udfff]")


class _Line(NamedTuple):
    number: int
    text: str
    problem: str | None


class Start(NamedTuple):
    """Where a text file was read up to: so many bytes, and lines in them."""

    end: int
    lines: int


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
        try:
            state = self._file.state()
            if state.items() <= known.items():
                return
            size = int(state["size"])
            start = self._start(known, size)
            state |= self._read_up_to(start, size)
        except FileNotFoundError as error:
            if self._source.missing_ok:
                return
            raise InputError(f"{self._file}: no such file") from error
        except OSError as error:
            raise InputError(f"{self._file}: cannot be read: {error.strerror or error}") from error
        if start or state["sha256"] != known.get("sha256"):
            whole = True
            for chunk in chunks(self._source, self._file, start):
                whole &= not any(bad.reason.startswith("malformed") for bad in chunk.bad)
                yield chunk
            if not whole:  # what is appended may close a quote that is open
                state.pop("mark", None)
            yield Chunk(frame([], self._source.columns.names()), cursor=state)

    def _start(self, known: Cursor, size: int) -> Start | None:
        """Where to go on reading, None for the beginning."""
        if (mark := known.get("mark")) is None or mark["end"] >= size or self._mark(mark["end"]) != mark["sha256"]:
            return None
        return Start(mark["end"], mark["lines"])

    def _read_up_to(self, start: Start | None, size: int) -> Cursor:
        """What to remember of the file: its digest where it is read whole, and a mark where it can be read on from here."""
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
        return found

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


def chunks(source: FileSource, file: Stored, start: Start | None = None) -> Iterator[Chunk]:
    """The rows of `source`, in the file's order from `start` on, at most CHUNK_ROWS at a time.

    Raises InputError where the file as a whole can't be read: missing, not of its format, a column missing, a wrong encoding.
    """
    try:
        if source.format == "parquet":
            yield from _parquet(source, file)
        else:
            yield from _text(source, file, start)
    except (OSError, pa.ArrowException) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise InputError(f"{file}: cannot be read as {source.format}: {reason}") from error


def _text(source: FileSource, path: Stored, start: Start | None) -> Iterator[Chunk]:
    with _opened(source, path) as file:
        lines = _Lines(file, source.encoding)
        rows = _json_rows(lines, start) if source.format == "jsonl" else _delimited_rows(lines, source, path, start)
        first = start is None
        for chunk in chunked(rows, source.columns.names()):
            if first:
                _check_first(chunk, source, path)
            first = False
            yield chunk


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


def _parquet(source: FileSource, path: Stored) -> Iterator[Chunk]:
    names = source.columns.names()
    with path.open() as raw, pq.ParquetFile(raw) as file:
        there = file.schema_arrow.names
        if missing := [name for name in names if name not in there]:
            raise InputError(f"{path}: no column {', '.join(map(repr, missing))}; there are {', '.join(there)[:300]}")
        start = 1
        for batch in file.iter_batches(base.CHUNK_ROWS, columns=names):
            rows = pd.DataFrame({name: pd.Series(batch[name].to_pylist(), dtype=object) for name in names})
            rows.insert(0, "place", [f"row {number}" for number in range(start, start + len(rows))])
            start += len(rows)
            yield Chunk(rows)
