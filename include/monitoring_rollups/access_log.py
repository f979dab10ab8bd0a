"""Access logs, read from where the last run ended: nothing twice, nothing lost, through rotation and compression."""

import glob
import gzip
import hashlib
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, Self, cast

import pandas as pd

from include.errors import InputError
from include.monitoring_rollups.formats import Parse, haproxy

CHUNK = 32 * 2**20
HEAD = 256


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
        with opened(path) as file:
            if _head(file, self.offset) != self.head:
                return False
            file.seek(max(self.offset - 1, 0))
            return not self.offset or len(file.read(1)) == 1


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The log at `path`, decompressed where its name ends in .gz. Raises InputError when it can't be read."""
    try:
        with cast(BinaryIO, gzip.open(path)) if path.suffix == ".gz" else path.open("rb") as file:
            yield file
    except (gzip.BadGzipFile, EOFError, zlib.error, PermissionError, IsADirectoryError) as error:
        raise InputError(f"{path}: can't be read: {error}") from error


def _head(file: BinaryIO, offset: int) -> str:
    file.seek(0)
    return hashlib.sha256(file.read(min(HEAD, offset))).hexdigest()[:16]


class Reader:
    """What was added to the log at `path` since `cursor`; afterwards `cursor` is the new one and `malformed` counts lines.

    Rotated logs of the same folder (`access.log.1`, `access.log-20260301.gz`) are read to their end first, from the one that the
    cursor names to the newest; a log that was truncated or replaced is read from its start. A last line without its end is left
    for the next time.
    """

    def __init__(self, path: Path, cursor: Cursor, parse: Parse = haproxy) -> None:
        self.path, self.cursor, self.parse, self.malformed = path, cursor, parse, 0

    def frames(self) -> Iterator[pd.DataFrame]:
        """Frames with the columns of SCHEMA, one a chunk."""
        for path in self._files():
            with opened(path) as file:
                start = self.cursor.offset if self.cursor.names(path) else 0
                inode = path.stat().st_ino
                for end, content in self._chunks(file, start):
                    frame, malformed = self.parse(content)
                    self.malformed += malformed
                    self.cursor = Cursor.at(file, inode, end)
                    yield frame

    def _files(self) -> list[Path]:
        if self.cursor.offset and not (self.path.exists() and self.cursor.names(self.path)):
            rotated = sorted(self.path.parent.glob(f"{glob.escape(self.path.name)}[.-]*"), key=lambda path: path.stat().st_mtime)
            mine = [number for number, path in enumerate(rotated) if self._is_mine(path)]
            return [*(rotated[mine[-1]:] if mine else []), *self._live()]
        return self._live()

    def _live(self) -> list[Path]:
        return [self.path] if self.path.exists() else []

    def _is_mine(self, path: Path) -> bool:
        """A compressed log is another file than the one that was read; it is known by what it begins with."""
        return (path.suffix == ".gz" or path.stat().st_ino == self.cursor.inode) and self.cursor.names(path)

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
