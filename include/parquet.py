"""A Parquet file that unpacks to far more than it holds (a bomb) is refused, before or while it is read."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from include.errors import InputError

MOST_UNPACKED, SMALL = 200, 64 * 2**20  # times a file's size, and bytes that any may unpack to
WIDEST = 64  # bytes of a value that all of a column's are as long as
TEXT = (pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary(), pa.binary_view())


class Room:
    """How much `names`, columns of a Parquet file of `size` bytes at `path`, may still unpack to.

    Raises InputError where the file itself says that they are more.
    """

    def __init__(self, file: pq.ParquetFile, names: Sequence[str], size: int, path: Any) -> None:
        self._left, self._path = MOST_UNPACKED * size + SMALL, path
        groups = (file.metadata.row_group(number) for number in range(file.num_row_groups))
        columns = (group.column(place) for group in groups for place in range(group.num_columns))
        if sum(column.total_uncompressed_size for column in columns if column.path_in_schema in names) > self._left:
            raise self._bomb()

    def take(self, batch: pa.RecordBatch) -> None:
        """`batch` was read. Raises InputError where it is more than there was room for: a file can lie about itself."""
        self._left -= sum(unpacked(column) for column in batch.columns)
        if self._left < 0:
            raise self._bomb()

    def _bomb(self) -> InputError:
        return InputError(f"{self._path}: unpacks to more than {MOST_UNPACKED} times its size: refused")


def texts(schema: pa.Schema, names: Sequence[str], path: Any) -> list[str]:
    """Those of the columns `names` that hold text or bytes: read as dictionaries, values that come again take no more memory than
    in the file. Raises InputError where a column is not there or holds no plain values."""
    if missing := [name for name in names if name not in schema.names]:
        raise InputError(f"{path}: no column {', '.join(map(repr, missing))}; there are {', '.join(schema.names)[:300]}")
    if odd := [name for name in names if not _is_plain(schema.field(name).type)]:
        raise InputError(f"{path}: the column {odd[0]!r} holds no plain values")
    return [name for name in names if is_text(schema.field(name).type)]


def _is_plain(kind: pa.DataType) -> bool:
    return not pa.types.is_nested(kind) and (not pa.types.is_fixed_size_binary(kind) or kind.byte_width <= WIDEST)


def is_text(kind: pa.DataType) -> bool:
    """Whether a column holds text or bytes, as they are or as a dictionary of them."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return kind in TEXT


def unpacked(column: pa.Array) -> int:
    """The bytes that a column's values take, each on its own."""
    if not isinstance(column, pa.DictionaryArray) or not is_text(column.type):
        return int(column.nbytes)
    return int(pc.sum(pc.take(pc.binary_length(column.dictionary), column.indices)).as_py() or 0)


def valid(column: pa.DictionaryArray) -> pa.DictionaryArray:
    """A column of text or bytes as text: Arrow believes a file that says that its bytes are UTF-8."""
    values = column.dictionary.cast(pa.large_binary())
    try:
        words = values.cast(pa.large_string())
    except pa.ArrowInvalid:
        words = pa.array([value and value.decode(errors="replace") for value in values.to_pylist()], pa.large_string())
    return pa.DictionaryArray.from_arrays(column.indices, words)
