"""Rows on their way to the ledger, kept in a temporary file: a big source doesn't have to fit into memory."""

import json
import tempfile
from array import array
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Self

BATCH = 5_000


class Spool:
    """Rows (plain values, and times with a zone in the columns `times`) in the order they came; its file goes with it."""

    def __init__(self, times: Collection[str]) -> None:
        self._times = tuple(times)
        self._file = tempfile.TemporaryFile("w+b")  # noqa: SIM115  # closed by __exit__
        self._starts = array("Q")
        self._encode = json.JSONEncoder(ensure_ascii=False, check_circular=False, default=datetime.isoformat).encode

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._starts)

    def add(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append `rows`."""
        end = self._file.seek(0, 2)
        for row in rows:
            self._starts.append(end)
            end += self._file.write(self._encode(row).encode() + b"\n")

    def pick(self, rows: Iterable[int]) -> Iterator[dict[str, Any]]:
        """The rows with these numbers, counted from 0."""
        for row in rows:
            self._file.seek(self._starts[row])
            yield self._read(self._file.readline())

    def batches(self) -> Iterator[list[dict[str, Any]]]:
        """All rows, some thousands at a time."""
        self._file.seek(0)
        while batch := [self._read(line) for _, line in zip(range(BATCH), self._file, strict=False)]:
            yield batch

    def _read(self, line: bytes) -> dict[str, Any]:
        row: dict[str, Any] = json.loads(line)
        row.update((name, datetime.fromisoformat(row[name])) for name in self._times)
        return row
