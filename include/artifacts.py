"""Where evidence, reports and archives lie: a folder, or any fsspec URL (s3://bucket/prefix)."""

import hashlib
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import fsspec


@dataclass(frozen=True)
class Artifacts:
    """A store of named files under one root URL (a plain path means file://)."""

    root: str

    def _path(self, name: str) -> str:
        parts = PurePosixPath(name).parts
        if not parts or name.startswith("/") or ".." in parts:
            raise ValueError(f"artifact name {name!r} must be relative and stay inside the store")
        return f"{self.root.rstrip('/')}/{name}"

    def write(self, name: str, content: bytes) -> str:
        """Write `content` under `name` whole or not at all, replacing what was there; returns its URL."""
        path = self._path(name)
        fs, target = _opened(path)
        with fs.transaction, fs.open(target, "wb") as file:
            file.write(content)
        return path

    def read(self, name: str, most: int = -1) -> bytes:
        """The bytes stored under `name`, or the first `most` of them. Raises FileNotFoundError."""
        with fsspec.open(self._path(name), "rb") as file:
            return bytes(file.read(most))

    def exists(self, name: str) -> bool:
        """Whether something is stored under `name`."""
        fs, target = _opened(self._path(name))
        return bool(fs.exists(target))

    def listed(self, name: str) -> list[str]:
        """What lies under the folder `name`, by name; nothing where there is no such folder."""
        fs, target = _opened(self._path(name))
        return sorted(PurePosixPath(path).name for path in fs.ls(target, detail=False)) if fs.exists(target) else []

    def names(self) -> list[str]:
        """Every name in the store, in order."""
        fs, root = _opened(self.root)
        found = fs.find(root) if fs.exists(root) else []
        return sorted(str(PurePosixPath(path).relative_to(root)) for path in found)

    def remove(self, name: str) -> None:
        """Remove the file or folder `name`, where there is one."""
        fs, target = _opened(self._path(name))
        if fs.exists(target):
            fs.rm(target, recursive=True)

    def keep(self, content: bytes, suffix: str = "") -> tuple[str, str]:
        """Store `content` under its own digest; returns (name, 'sha256:<hex>'). Storing it again changes nothing."""
        digest = hashlib.sha256(content).hexdigest()
        name = f"sha256/{digest[:2]}/{digest}{suffix}"
        if not self.exists(name):
            self.write(name, content)
        return name, f"sha256:{digest}"


def _opened(url: str) -> tuple[Any, str]:
    """The file system of a URL, and the place in it. Others write there too, so no listing is remembered."""
    local = fsspec.utils.get_protocol(url) in {"file", "local"}
    found: tuple[Any, str] = fsspec.core.url_to_fs(url, **({"auto_mkdir": True} if local else {"use_listings_cache": False}))
    return found
