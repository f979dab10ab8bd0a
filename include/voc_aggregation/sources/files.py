"""Reading a file source chunk by chunk: the good rows as a frame, the bad ones with their place and their reason."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import pyarrow as pa

from include.connection import Connections
from include.errors import InputError
from include.parts.channels import FileSource
from include.product import home
from include.voc_aggregation.sources import parquet, text
from include.voc_aggregation.sources.source import MOST_SLICES, Chunk, Cursor, Slice, Start, frame
from include.voc_aggregation.sources.storage import FsspecFile, LocalFile, S3File, Stored

_MARKED = 1 << 16  # bytes at a file's beginning and end by which it is known again


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
        reader = parquet.chunks if source.format == "parquet" else text.chunks
        yield from reader(source, file, start, rows)


def cuts(source: FileSource, file: Stored, start: Start | None, rows: int) -> list[Slice]:
    """Where `chunks` from `start` on can be cut into slices of at least `rows` rows. Raises InputError as it does."""
    with _named(source, file):
        return list(parquet.cuts(file, rows) if source.format == "parquet" else text.cuts(source, file, start, rows))


@contextmanager
def _named(source: FileSource, file: Stored) -> Iterator[None]:
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise InputError(f"{file}: cannot be read as {source.format}: {reason}") from error
