"""HAProxy's access log (one JSON object a line, see `include.deployment.haproxy`), read from where the last run ended."""

import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, Self

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

CHUNK = 32 * 2**20
HEAD = 256
SCHEMA = pa.schema([("at", pa.int64()), ("path", pa.string()), ("status", pa.int64()), ("ms", pa.int64()),
                    ("server", pa.string()), ("ended", pa.string())])
LATEST = 4_102_444_800_000  # 2100-01-01 in ms: what is later, or before 1970, is no time of a request


@dataclass(frozen=True)
class Cursor:
    """How far a log was read: the file (inode, and a digest of its first bytes, for inodes are used again) and the offset."""

    inode: int = 0
    offset: int = 0
    head: str = ""

    @classmethod
    def at(cls, file: BinaryIO, inode: int, offset: int) -> Self:
        return cls(inode, offset, _head(file, offset))

    def plain(self) -> dict[str, Any]:
        return asdict(self)

    def names(self, path: Path) -> bool:
        """Whether `path` is the file that was read, with all that was read of it."""
        with path.open("rb") as file:
            return path.stat().st_size >= self.offset and _head(file, self.offset) == self.head


def _head(file: BinaryIO, offset: int) -> str:
    file.seek(0)
    return hashlib.sha256(file.read(min(HEAD, offset))).hexdigest()[:16]


class Reader:
    """What was added to the log at `path` since `cursor`; afterwards `cursor` is the new one and `malformed` counts lines.

    A rotated log (`access.log.1`, renamed in the same folder) is read to its end first; one that was truncated or replaced is
    read from its start. A last line without its end is left for the next time.
    """

    def __init__(self, path: Path, cursor: Cursor) -> None:
        self.path, self.cursor, self.malformed = path, cursor, 0

    def frames(self) -> Iterator[pd.DataFrame]:
        """Frames with the columns of SCHEMA, one a chunk."""
        for path in self._files():
            with path.open("rb") as file:
                start = self.cursor.offset if self.cursor.names(path) else 0
                inode = path.stat().st_ino
                for end, content in self._chunks(file, start):
                    frame, malformed = parse(content)
                    self.malformed += malformed
                    self.cursor = Cursor.at(file, inode, end)
                    yield frame

    def _files(self) -> list[Path]:
        if not self.path.exists():
            return []
        if not self.cursor.offset or self.cursor.names(self.path):
            return [self.path]
        older = [path for path in self.path.parent.glob(f"{self.path.name}.*")
                 if path.stat().st_ino == self.cursor.inode and self.cursor.names(path)]
        return [*older, self.path]

    def _chunks(self, file: BinaryIO, start: int) -> Iterator[tuple[int, bytes]]:
        """(offset behind it, whole lines). A line longer than a chunk is dropped and counted."""
        inside = False
        while True:
            file.seek(start)
            content = file.read(CHUNK)
            end = content.rfind(b"\n") + 1
            if not end and len(content) < CHUNK:
                return
            self.malformed += not end and not inside
            first = content.find(b"\n") + 1 if inside and end else 0
            inside = not end
            start += end or len(content)
            yield start, content[first:end]


def parse(content: bytes) -> tuple[pd.DataFrame, int]:
    """Whole lines as a frame with the columns of SCHEMA, and how many lines were malformed."""
    lines = content.count(b"\n")
    try:
        table = _table(content)
    except pa.ArrowInvalid:
        table = None
    if table is None or table.num_rows != lines:  # some line is wrong: look at each
        table = _table(b"".join(line + b"\n" for line in content.split(b"\n") if _is_entry(line)))
    at = table["at"]
    table = table.filter(pc.and_(pc.greater_equal(at, 0), pc.less(at, LATEST))).drop_null()
    return table.to_pandas(), lines - table.num_rows


def _table(content: bytes) -> pa.Table:
    if not content:
        return SCHEMA.empty_table()
    options = pyarrow.json.ParseOptions(explicit_schema=SCHEMA, unexpected_field_behavior="ignore")
    return pyarrow.json.read_json(io.BytesIO(content), pyarrow.json.ReadOptions(block_size=4 * 2**20), options)


def _is_entry(line: bytes) -> bool:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return False
    kinds = {name: int if kind == pa.int64() else str for name, kind in zip(SCHEMA.names, SCHEMA.types, strict=True)}
    return isinstance(entry, dict) and all(
        type(entry.get(name)) is kind and (kind is str or abs(entry[name]) < 2**63) for name, kind in kinds.items())
