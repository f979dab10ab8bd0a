"""What is known about a release: each fact by its name, found when the first rule needs it. None means that it is missing."""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from include.compliance_checks.licences import NAMES, detect
from include.compliance_checks.secrets import secrets_in
from include.markup import plain
from include.parts.compliance import Compliance

MAX_TEXT_BYTES = 1_000_000


@dataclass(frozen=True)
class Subject:
    """What is checked: the product's settings, the release's test counts, and its unpacked `tree` (None: no archive)."""

    compliance: Compliance
    tests: dict[str, Any] | None
    tree: Path | None


def facts_of(subject: Subject) -> Mapping[str, Callable[[], Any]]:
    """The facts by name, each a function that finds it once."""
    tree = subject.tree
    return {
        "tests": lambda: subject.tests or None,
        "policy": lambda: {"licences": sorted(subject.compliance.licences)},
        "inventory": lambda: _inventory(subject.compliance),
        "secrets": cache(lambda: None if tree is None else secrets_in(tree)),
        "licences": cache(lambda: None if tree is None else licences_in(tree)),
    }


def _inventory(compliance: Compliance) -> list[dict[str, Any]] | None:
    """An inventory that is not there says nothing; an empty one says that there is no personal data."""
    if "data_inventory" not in compliance.model_fields_set:
        return None
    return [field.model_dump() for field in compliance.data_inventory]


def licences_in(tree: Path) -> dict[str, Any]:
    """The licence files at the top of `tree` and in LICENSES/ (reuse.software), and what pyproject.toml declares (PEP 639)."""
    paths = [path for path in tree.iterdir() if NAMES.fullmatch(path.name)] + list((tree / "LICENSES").glob("*.txt"))
    files = []
    for path in sorted(paths):
        if path.is_file() and not path.is_symlink():
            match = detect(_text(path))
            files.append({"file": plain(path.relative_to(tree).as_posix()), "licence": match.licence, "nearest": match.nearest})
    return {"files": files, "declared": _declared(tree / "pyproject.toml")}


def _declared(path: Path) -> str | None:
    if not path.is_file() or path.is_symlink():
        return None
    licence = tomllib.loads(_text(path)).get("project", {}).get("license")
    text = licence.get("text") if isinstance(licence, dict) else licence
    return plain(text) if isinstance(text, str) and len(text) < 200 else None


def _text(path: Path) -> str:
    with path.open("rb") as file:
        content = file.read(MAX_TEXT_BYTES + 1)
    if len(content) > MAX_TEXT_BYTES:
        raise ValueError(f"{path.name} is larger than {MAX_TEXT_BYTES:,} bytes")
    return content.decode("utf-8", errors="replace").removeprefix("\ufeff")
