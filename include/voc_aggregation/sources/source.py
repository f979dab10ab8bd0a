"""The Protocol of a source, and what every source hands over: chunks of rows, good and bad."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import pandas as pd

from include.errors import InputError

CHUNK_ROWS = 20_000
CHUNK_CHARACTERS = 30_000_000
MOST_SLICES = 500  # Airflow maps a task over at most 1,024 values
Cursor = dict[str, Any]


@dataclass(frozen=True)
class BadRow:
    """A row that can't be read: where it stands, why, and the beginning of what stands there."""

    place: str
    reason: str
    row: str


@dataclass(frozen=True)
class Chunk:
    """Some rows of a source: `frame` has the source's own columns and `place`; `bad` are the rows that have no columns.

    `cursor` is what the source wants to be told next time, once this chunk and all before it are stored; None where it must
    read them again. `share` is how much of what is being read is read with this chunk, 0 to 1, where that is known.
    """

    frame: pd.DataFrame
    bad: list[BadRow] = field(default_factory=list)
    cursor: Cursor | None = None
    share: float | None = None

    @property
    def malformed(self) -> bool:
        """Whether rows could not be told apart here."""
        return any(bad.reason.startswith("malformed") for bad in self.bad)


Row = tuple[str, dict[str, Any]] | BadRow


class Start(NamedTuple):
    """Where to read on: how far into the file (for Parquet 0), and how many lines (or rows) come before that."""

    end: int
    lines: int


class Slice(NamedTuple):
    """Some rows of a file, one after the other; `start` is None at the file's beginning."""

    start: Start | None
    rows: int


class Source(Protocol):
    """One channel in one run.

    `news` yields what is new since `cursor` (None: everything), in the source's order, in chunks that fit into memory. Reading
    is at least once: the same row may come again, and its natural key makes that storing happens exactly once. The cursor is
    kept in the ledger in the very transaction that stores the rows, which is why it is not kept in Airflow's state store.

    A row that can't be used is a `BadRow` with its place. Where the source as a whole can't be read, or no further, `news`
    raises InputError naming what and where; the chunks before it count.
    """

    def news(self, cursor: Cursor | None) -> Iterator[Chunk]: ...


def frame(rows: Sequence[Sequence[Any]], names: Sequence[str]) -> pd.DataFrame:
    """Rows of (place, *values) with the columns `place` and `names`."""
    return pd.DataFrame(rows, columns=["place", *names], dtype=object)


def gathered(parts: Iterable[tuple[Sequence[Row], Cursor | None]], names: Sequence[str], size: int) -> Iterator[Chunk]:
    """Small parts, each with the cursor after it, in chunks of at least `size` rows. What came before an InputError counts."""
    rows: list[Row] = []
    cursor: Cursor | None = None
    try:
        for found, cursor in parts:
            rows += found
            if len(rows) >= size:
                yield _chunk(rows, names, cursor)
                rows = []
    except InputError:
        yield _chunk(rows, names, cursor)
        raise
    yield _chunk(rows, names, cursor)


def _chunk(rows: Sequence[Row], names: Sequence[str], cursor: Cursor | None) -> Chunk:
    good = [[row[0], *(row[1].get(name) for name in names)] for row in rows if not isinstance(row, BadRow)]
    return Chunk(frame(good, names), [row for row in rows if isinstance(row, BadRow)], cursor)


def chunked(rows: Iterable[Row], names: Sequence[str]) -> Iterator[Chunk]:
    """`rows` in chunks of at most CHUNK_ROWS rows or about CHUNK_CHARACTERS characters, with the columns `names`."""
    good: list[list[Any]] = []
    bad: list[BadRow] = []
    size = 0
    for row in rows:
        if isinstance(row, BadRow):
            bad.append(BadRow(row.place, row.reason, row.row[:10_000]))
            size += len(bad[-1].row)
        else:
            values = [row[1].get(name) for name in names]
            good.append([row[0], *values])
            size += sum(len(value) for value in values if isinstance(value, str))
        if len(good) + len(bad) >= CHUNK_ROWS or size > CHUNK_CHARACTERS:
            yield Chunk(frame(good, names), bad)
            good, bad, size = [], [], 0
    if good or bad:
        yield Chunk(frame(good, names), bad)
