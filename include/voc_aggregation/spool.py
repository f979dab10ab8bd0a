"""Rows on their way to the ledger, kept in a temporary file: a big source doesn't have to fit into memory."""

import json
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Self

BATCH = 5_000


class Spool:
    """Rows (plain values and times with a zone) in the order they came. A context: its file is gone at the end."""

    def __init__(self, times: Collection[str]) -> None:
        self._times = tuple(times)
        self._file = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115  # closed by __exit__
        self.count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append `rows`."""
        self._file.writelines(json.dumps(row, ensure_ascii=False, default=datetime.isoformat) + "\n" for row in rows)
        self.count += len(rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        self._file.seek(0)
        for line in self._file:
            row = json.loads(line)
            row.update((name, datetime.fromisoformat(row[name])) for name in self._times)
            yield row

    def batches(self) -> Iterator[list[dict[str, Any]]]:
        """All rows, some thousands at a time."""
        batch: list[dict[str, Any]] = []
        for row in self:
            batch.append(row)
            if len(batch) == BATCH:
                yield batch
                batch = []
        if batch:
            yield batch
