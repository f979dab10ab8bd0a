"""Advisories about a package: OSV's API, or a folder of OSV's JSON files (ossf.github.io/osv-schema)."""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from packageurl import PackageURL
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion
from packaging.version import Version as PythonVersion
from semver import Version as SemVersion

from include.errors import InputError
from include.markup import plain
from include.solution_evaluation.answers import list_of, object_of
from include.solution_evaluation.facts import Fact
from include.solution_evaluation.site import FactSite

ECOSYSTEMS = {"pypi": "PyPI", "npm": "npm"}
PAGES = 20
MAX_FILES = 200_000
MAX_BYTES = 5_000_000


def asked(site: FactSite, package: PackageURL, version: str, at: datetime) -> Fact:
    """How many advisories affect `version`, from POST /v1/query, page by page; their ids are the detail."""
    body: dict[str, Any] = {"package": {"name": _name(package), "ecosystem": ECOSYSTEMS[package.type]}, "version": version}
    found: set[str] = set()
    for _ in range(PAGES):
        document = site.post("v1", "query", body=body)
        listed = document.get("vulns", [])
        if not isinstance(listed, list) or not all(isinstance(item, dict) and isinstance(item.get("id"), str) for item in listed):
            raise InputError(f"{site.url}: {package}: vulns is no list of advisories with ids")
        found |= {plain(item["id"], 100) for item in listed if not item.get("withdrawn")}
        if not (token := document.get("next_page_token")):
            return _fact(found, at, f"{site.url}: {package}@{version}")
        body["page_token"] = token
    raise InputError(f"{site.url}: {package}: more than {PAGES} pages of advisories")


class Mirror:
    """A folder with OSV's JSON files, read once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[tuple[str, str], list[dict[str, Any]]] | None = None

    def about(self, package: PackageURL, version: str, at: datetime) -> Fact:
        """How many advisories affect `version`. Raises InputError where there is no such folder, or a file of it is broken."""
        if self._known is None:
            self._known = _read(self._folder)
        listed = self._known.get((package.type, _same(package.type, _name(package))), [])
        found = {plain(item["id"], 100) for item in listed if affects(item, package, version)}
        return _fact(found, at, f"{self._folder}: {package}@{version}")


def _read(folder: Path) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """The advisories of a folder by type of package and name."""
    if not folder.is_dir():
        raise InputError(f"solutions.sources.osv_folder: there is no folder {folder}")
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for number, path in enumerate(sorted(folder.rglob("*.json"))):
        if number >= MAX_FILES or path.stat().st_size > MAX_BYTES:
            raise InputError(f"{path}: more than {MAX_FILES:,} files, or one of more than {MAX_BYTES:,} bytes")
        advisory = _advisory(path)
        for kind, ecosystem in ECOSYSTEMS.items():
            for name in {_same(kind, part["package"]["name"]) for part in _affected(advisory, ecosystem)}:
                found.setdefault((kind, name), []).append(advisory)
    return found


def _fact(found: set[str], at: datetime, source: str) -> Fact:
    return Fact("advisories", float(len(found)), at, source, detail=tuple(sorted(found)))


def _name(package: PackageURL) -> str:
    return f"{package.namespace}/{package.name}" if package.namespace else package.name


def _same(kind: str, name: str) -> str:
    return canonicalize_name(name) if kind == "pypi" else name


def _advisory(path: Path) -> dict[str, Any]:
    try:
        advisory = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: no JSON: {error}") from error
    if not isinstance(advisory, dict) or not isinstance(advisory.get("id"), str):
        raise InputError(f"{path}: is no advisory of OSV: it has no id")
    return advisory


def _affected(advisory: dict[str, Any], ecosystem: str) -> Iterator[dict[str, Any]]:
    for part in list_of(advisory.get("affected")):
        package = part.get("package") if isinstance(part, dict) else None
        if isinstance(package, dict) and package.get("ecosystem") == ecosystem and isinstance(package.get("name"), str):
            yield part


def affects(advisory: dict[str, Any], package: PackageURL, version: str) -> bool:
    """Whether an advisory touches `version` of `package`: it lists the version, or a range of it holds the version."""
    if advisory.get("withdrawn"):
        return False
    parts = [part for part in _affected(advisory, ECOSYSTEMS[package.type])
             if _same(package.type, part["package"]["name"]) == _same(package.type, _name(package))]
    return any(version in list_of(part.get("versions")) or any(
        _within(list_of(span.get("events")), version, package.type)
        for span in list_of(part.get("ranges")) if isinstance(span, dict) and span.get("type") in {"SEMVER", "ECOSYSTEM"})
        for part in parts)


def _within(events: Iterable[Any], version: str, kind: str) -> bool:
    """OSV's evaluation: the last event at or before the version says whether it is affected."""
    here, state = _key(version, kind), False
    if here is None:
        return False
    placed = [(_key(value, kind), what) for event in events for what, value in object_of(event).items()]
    for at, what in sorted(((at, what) for at, what in placed if at is not None), key=lambda item: item[0]):
        if what == "introduced" and at <= here:
            state = True
        elif (what == "fixed" and at <= here) or (what == "last_affected" and at < here):
            state = False
    return state


def _key(version: str, kind: str) -> Any:
    if version == "0":
        version = "0.0.0-0" if kind == "npm" else "0.dev0"
    try:
        return PythonVersion(version) if kind == "pypi" else SemVersion.parse(version)
    except (InvalidVersion, ValueError, TypeError):
        return None
