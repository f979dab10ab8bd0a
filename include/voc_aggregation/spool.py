"""Rows on their way to the ledger, kept in a temporary file: a big source doesn't have to fit into memory."""

import pickle
import tempfile
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Self

Row = dict[str, Any]


def encoded(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """`rows` as a spool keeps them: what they have in common stands there once."""
    return pickle.dumps(rows, pickle.HIGHEST_PROTOCOL)


class Spool:
    """Rows in the order they came, block by block. Their file has no name, is read by its writer alone, and goes with it."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile("w+b")  # noqa: SIM115  # closed by __exit__
        self._starts: list[int] = []
        self._firsts: list[int] = []
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __len__(self) -> int:
        return self._count

    def add(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append `rows`, some thousands at most."""
        self.extend(encoded(rows), len(rows))

    def extend(self, block: bytes, count: int) -> None:
        """Append `count` rows that are `encoded` already."""
        if count:
            self._starts.append(self._file.seek(0, 2))
            self._firsts.append(self._count)
            self._file.write(block)
            self._count += count

    def pick(self, rows: Iterable[int]) -> Iterator[Row]:
        """The rows with these numbers, counted from 0, in rising order."""
        for block, numbers in groupby(sorted(rows), lambda row: bisect_right(self._firsts, row) - 1):
            found = self._read(block)
            yield from (found[number - self._firsts[block]] for number in numbers)

    def batches(self) -> Iterator[list[Row]]:
        """All rows, a block at a time."""
        yield from map(self._read, range(len(self._starts)))

    def _read(self, block: int) -> list[Row]:
        self._file.seek(self._starts[block])
        rows: list[Row] = pickle.load(self._file)  # noqa: S301  # written by this very object
        return rows
