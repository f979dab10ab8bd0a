"""Advisories about packages in a folder of OSV's JSON files (ossf.github.io/osv-schema), and what they affect."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from packageurl import PackageURL
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion
from packaging.version import Version as PythonVersion
from semver import Version as SemVersion

from include.errors import InputError

# Types of package URLs whose versions are ordered here, and what OSV calls their ecosystem, up to its first dot or colon.
ECOSYSTEMS = {"pypi": "PyPI", "npm": "npm", "golang": "Go", "cargo": "crates"}
_SUFFIX = re.compile(r"[.:].*", re.DOTALL)
MAX_FILES = 200_000
MAX_BYTES = 5_000_000
Advisory = dict[str, Any]


class Mirror:
    """A folder with OSV's JSON files, read once, when it is first asked. `setting` is where the product file names it."""

    def __init__(self, folder: Path, setting: str) -> None:
        self.folder = folder
        self._setting = setting
        self._known: dict[tuple[str, str], list[Advisory]] | None = None

    def about(self, package: PackageURL, version: str) -> list[Advisory]:
        """The advisories that affect `version`, by id. Raises InputError where there is no such folder, or a file is broken."""
        if self._known is None:
            self._known = self._read()
        listed = self._known.get((package.type, _same(package.type, name_of(package))), [])
        return sorted((item for item in listed if affects(item, package, version)), key=lambda item: str(item["id"]))

    def _read(self) -> dict[tuple[str, str], list[Advisory]]:
        if not self.folder.is_dir():
            raise InputError(f"{self._setting}: there is no folder {self.folder}")
        found: dict[tuple[str, str], list[Advisory]] = {}
        for number, path in enumerate(sorted(self.folder.rglob("*.json"))):
            if number >= MAX_FILES or path.stat().st_size > MAX_BYTES:
                raise InputError(f"{path}: more than {MAX_FILES:,} files, or one of more than {MAX_BYTES:,} bytes")
            advisory = _advisory(path)
            for kind, ecosystem in ECOSYSTEMS.items():
                for name in {_same(kind, part["package"]["name"]) for part in _affected(advisory, ecosystem)}:
                    found.setdefault((kind, name), []).append(advisory)
        return found


def name_of(package: PackageURL) -> str:
    """The name of a package as OSV writes it: with its namespace, where it has one."""
    return f"{package.namespace}/{package.name}" if package.namespace else package.name


def _same(kind: str, name: str) -> str:
    return canonicalize_name(name) if kind == "pypi" else name


def _advisory(path: Path) -> Advisory:
    try:
        advisory = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: no JSON: {error}") from error
    if not isinstance(advisory, dict) or not isinstance(advisory.get("id"), str):
        raise InputError(f"{path}: is no advisory of OSV: it has no id")
    return advisory


def _affected(advisory: Mapping[str, Any], ecosystem: str) -> Iterator[dict[str, Any]]:
    for part in _list(advisory.get("affected")):
        package = part.get("package") if isinstance(part, dict) else None
        if isinstance(package, dict) and isinstance(package.get("name"), str) and (
                _SUFFIX.sub("", str(package.get("ecosystem"))) == ecosystem):
            yield part


def affects(advisory: Mapping[str, Any], package: PackageURL, version: str) -> bool:
    """Whether an advisory touches `version` of `package`: it lists the version, or a range of it holds the version."""
    if advisory.get("withdrawn"):
        return False
    parts = [part for part in _affected(advisory, ECOSYSTEMS[package.type])
             if _same(package.type, part["package"]["name"]) == _same(package.type, name_of(package))]
    return any(version in _list(part.get("versions")) or any(
        _within(_list(span.get("events")), version, package.type)
        for span in _list(part.get("ranges")) if isinstance(span, dict) and span.get("type") in {"SEMVER", "ECOSYSTEM"})
        for part in parts)


def _within(events: Iterable[Any], version: str, kind: str) -> bool:
    """OSV's evaluation: the last event at or before the version says whether it is affected."""
    here, state = _key(version, kind), False
    if here is None:
        return False
    placed = [(_key(value, kind), what) for event in events if isinstance(event, dict) for what, value in event.items()]
    for at, what in sorted(((at, what) for at, what in placed if at is not None), key=lambda item: item[0]):
        if what == "introduced" and at <= here:
            state = True
        elif (what == "fixed" and at <= here) or (what == "last_affected" and at < here):
            state = False
    return state


def _key(version: Any, kind: str) -> Any:
    """`version` as its ecosystem orders it; OSV's 0 is below all. None where it is no version there."""
    try:
        if version == "0":
            version = "0.dev0" if kind == "pypi" else "0.0.0-0"
        return PythonVersion(version) if kind == "pypi" else SemVersion.parse(version.removeprefix("v"))
    except (InvalidVersion, ValueError, TypeError, AttributeError):
        return None


def ordered(package: PackageURL, version: str) -> bool:
    """Whether ranges of advisories can be told for this version at all."""
    return package.type in ECOSYSTEMS and _key(version, package.type) is not None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
