"""What is known about a release: each fact by its name, found when the first rule needs it.

A fact is a plain JSON document, or a table: a list of rows that all have the same columns (null: no value). What can't be known
is `Missing` and says why; a rule that needs it is not shown.
"""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from include.artifacts import Artifacts
from include.compliance_checks import providers
from include.compliance_checks.attestation import known
from include.compliance_checks.licences import NAMES, detect
from include.compliance_checks.policy import Missing
from include.compliance_checks.regions import row
from include.compliance_checks.secrets import secrets_in
from include.connection import Connection
from include.ledger.engine import reading
from include.markup import plain
from include.parts.compliance import Compliance, PersonalField
from include.product import Product

MAX_TEXT_BYTES = 1_000_000
NO_ARCHIVE = Missing("the release has no archive")


@dataclass(frozen=True)
class Subject:
    """What is checked: a product's `release` (its row in the ledger) at a time, and its unpacked `tree` (None: no archive).
    `signing_key` is the connection of that name, with which its provenance is verified."""

    product: Product
    release: Mapping[str, Any]
    tree: Path | None
    at: datetime
    engine: Engine
    artifacts: Artifacts
    signing_key: Connection | None = None


Provider = Callable[[Subject], Any]


def facts_of(subject: Subject) -> dict[str, Callable[[], Any]]:
    """The facts by name, each a function that finds it once."""
    return {name: cache(partial(provider, subject)) for name, provider in PROVIDERS.items()}


def _of_tree(find: Callable[[Path], Any]) -> Provider:
    return lambda subject: NO_ARCHIVE if subject.tree is None else find(subject.tree)


def _tests(subject: Subject) -> Any:
    return subject.release["tests"] or Missing("the release has no test results")


def _policy(subject: Subject) -> dict[str, Any]:
    return {"licences": sorted(subject.product.compliance.licences)}


def _inventory(subject: Subject) -> Any:
    """An inventory that is not there says nothing; an empty one says that there is no personal data."""
    compliance = subject.product.compliance
    if "data_inventory" not in compliance.model_fields_set:
        return Missing("the product declares no data_inventory")
    return [row(field, compliance) for field in compliance.data_inventory]


def of_example(facts: Mapping[str, Any]) -> dict[str, Callable[[], Any]]:
    """The facts of a rule's example, as `judge` finds them; its inventory is written as a product file has it."""
    found = dict(facts)
    if found.get("inventory"):
        found["inventory"] = [row(PersonalField.model_validate(item), Compliance()) for item in found["inventory"]]
    return {name: partial(dict.__getitem__, found, name) for name in found}


def _attestations(subject: Subject) -> list[dict[str, Any]]:
    with reading(subject.engine) as connection:
        return known(connection, subject.product.name, subject.at)


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


PROVIDERS: dict[str, Provider] = {
    "tests": _tests,
    "policy": _policy,
    "inventory": _inventory,
    "attestations": _attestations,
    "secrets": _of_tree(secrets_in),
    "licences": _of_tree(licences_in),
    **providers.PROVIDERS,
}
