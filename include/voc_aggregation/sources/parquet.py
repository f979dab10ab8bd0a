"""The rows of a Parquet file, batch by batch."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from include.parquet import Room, is_text, texts, valid
from include.parts.channels import FileSource
from include.voc_aggregation.sources import source as base
from include.voc_aggregation.sources.source import Chunk, Slice, Start
from include.voc_aggregation.sources.storage import Stored


def chunks(source: FileSource, path: Stored, start: Start | None, count: int | None) -> Iterator[Chunk]:
    """See `files.chunks`."""
    names = source.columns.names()
    with path.open() as raw, pq.ParquetFile(raw, read_dictionary=texts(pq.read_schema(raw), names, path)) as file:
        room = Room(file, names, int(path.state()["size"]), path)
        first = start.lines if start else 0
        last = file.metadata.num_rows if count is None else first + count
        groups, row = _groups(file, first, last)
        for batch in file.iter_batches(base.CHUNK_ROWS, row_groups=groups, columns=names):
            if row >= last:
                return
            room.take(batch)
            rows = pd.DataFrame({name: pd.Series(_values(batch[name]), dtype=object) for name in names})
            rows.insert(0, "place", [f"row {number}" for number in range(row + 1, row + 1 + len(rows))])
            done = min(row + len(rows), last) - first
            yield Chunk(rows[max(0, first - row): last - row].reset_index(drop=True), share=done / (last - first))
            row += len(rows)


def _values(column: pa.Array) -> list[Any]:
    if not isinstance(column, pa.DictionaryArray):
        return list(column.to_pylist())
    values = (valid(column) if is_text(column.type) else column).dictionary.to_pylist()
    return [None if place is None else values[place] for place in column.indices.to_pylist()]


def _groups(file: pq.ParquetFile, first: int, last: int) -> tuple[list[int], int]:
    """The row groups with the rows from `first` up to `last`, and the first of their rows; all counted from 0."""
    ends = np.cumsum([0, *(file.metadata.row_group(number).num_rows for number in range(file.num_row_groups))])
    groups = [number for number in range(file.num_row_groups) if ends[number] < last and ends[number + 1] > first]
    return groups, int(ends[groups[0]]) if groups else 0


def cuts(path: Stored, most: int) -> Iterator[Slice]:
    """See `files.cuts`."""
    with path.open() as raw, pq.ParquetFile(raw) as file:
        count = file.metadata.num_rows
    most = max(most, count // base.MOST_SLICES)
    for first in range(0, count, most):
        yield Slice(Start(0, first), min(most, count - first))
