"""Rows on their way to the ledger, kept in a temporary file: a big source doesn't have to fit into memory."""

import pickle
import tempfile
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Self

BATCH = 5_000


def encoded(rows: Iterable[Mapping[str, Any]]) -> list[bytes]:
    """`rows` as a spool keeps them."""
    return [pickle.dumps(row, pickle.HIGHEST_PROTOCOL) for row in rows]


class Spool:
    """Rows in the order they came. Their file has no name, is read by its writer alone, and goes with it."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile("w+b")  # noqa: SIM115  # closed by __exit__
        self._starts = array("Q")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._starts)

    def add(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append `rows`."""
        self.extend(encoded(rows))

    def extend(self, rows: Sequence[bytes]) -> None:
        """Append rows that are `encoded` already."""
        end = self._file.seek(0, 2)
        for row in rows:
            self._starts.append(end)
            end += len(row)
        self._file.write(b"".join(rows))

    def pick(self, rows: Iterable[int]) -> Iterator[dict[str, Any]]:
        """The rows with these numbers, counted from 0."""
        for row in rows:
            self._file.seek(self._starts[row])
            yield self._read()

    def batches(self) -> Iterator[list[dict[str, Any]]]:
        """All rows, some thousands at a time."""
        self._file.seek(0)
        for start in range(0, len(self), BATCH):
            yield [self._read() for _ in range(min(BATCH, len(self) - start))]

    def _read(self) -> dict[str, Any]:
        row: dict[str, Any] = pickle.load(self._file)  # noqa: S301  # written by this very object
        return row
