"""The rows of a CSV, TSV or JSON Lines file, line by line: the good ones, and the bad ones with their place and their reason."""

import csv
import io
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from typing import NamedTuple, TextIO

from include.errors import InputError
from include.parts.channels import FileSource
from include.voc_aggregation.sources import source as base
from include.voc_aggregation.sources.source import BadRow, Chunk, Row, Slice, Start, chunked
from include.voc_aggregation.sources.storage import Stored

MAX_LINE = 1_000_000  # characters; no customer writes more, and a broken export must not fill the memory
_UNDECODED = re.compile("[\ud800-\udfff]")


class _Line(NamedTuple):
    number: int
    text: str
    problem: str | None


def chunks(source: FileSource, path: Stored, start: Start | None, count: int | None) -> Iterator[Chunk]:
    """See `files.chunks`."""
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


def cuts(source: FileSource, path: Stored, start: Start | None, most: int) -> Iterator[Slice]:
    """See `files.cuts`. Slices end where nothing is left to be read again: each reads as it would within the whole."""
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
