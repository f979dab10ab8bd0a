"""Where a file lies: on this machine, in an S3 bucket, or wherever else fsspec reaches."""

from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

import fsspec
from pyarrow import fs

from include.connection import Connection
from include.errors import InputError

State = dict[str, Any]


class Stored(Protocol):
    """A file somewhere. `state` changes when the file does; both raise OSError (FileNotFoundError where there is none)."""

    def state(self) -> State: ...

    def open(self) -> BinaryIO: ...

    def __str__(self) -> str: ...


class LocalFile:
    """A file on this machine."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def state(self) -> State:
        found = self._path.stat()
        return {"size": found.st_size, "mtime_ns": found.st_mtime_ns}

    def open(self) -> BinaryIO:
        return self._path.open("rb")

    def __str__(self) -> str:
        return str(self._path)


class S3File:
    """An object in a bucket, through pyarrow: keys from the connection, or found as AWS's own tools find them."""

    def __init__(self, url: str, connection: Connection | None) -> None:
        self._url = url
        options: dict[str, Any] = {"connect_timeout": 10, "request_timeout": 60}
        if connection:
            endpoint = str(connection.extra.get("endpoint_url") or "")
            scheme, _, host = endpoint.rpartition("://")
            options |= {"access_key": connection.login, "secret_key": connection.password,
                        "region": connection.extra.get("region_name"), "endpoint_override": host or None,
                        "scheme": scheme or "https"}
        self._fs = fs.S3FileSystem(**{name: value for name, value in options.items() if value})
        self._path = url.partition("://")[2]

    def state(self) -> State:
        found = self._fs.get_file_info(self._path)
        if found.type != fs.FileType.File:
            raise FileNotFoundError(self._url)
        return {"size": found.size, "mtime_ns": found.mtime_ns}

    def open(self) -> BinaryIO:
        return cast(BinaryIO, self._fs.open_input_file(self._path))

    def __str__(self) -> str:
        return self._url


class FsspecFile:
    """A file behind any other URL that fsspec knows."""

    def __init__(self, url: str) -> None:
        self._url = url
        try:
            self._fs, self._path = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError) as error:  # a protocol that nobody knows, or whose package isn't installed
            raise InputError(f"{url}: cannot be reached: {error}") from error

    def state(self) -> State:
        found = self._fs.info(self._path)
        if found["type"] != "file":
            raise FileNotFoundError(self._url)
        marks = ("size", "mtime", "created", "ETag", "etag", "LastModified")
        return {name: str(found[name]) for name in marks if found.get(name) is not None}

    def open(self) -> BinaryIO:
        return cast(BinaryIO, self._fs.open(self._path, "rb"))

    def __str__(self) -> str:
        return self._url
