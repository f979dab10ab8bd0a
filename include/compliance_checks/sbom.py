"""The software bill of materials of a release, as CycloneDX 1.6 JSON says it (cyclonedx.org/docs/1.6/json)."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from packageurl import PackageURL

from include.errors import InputError
from include.markup import plain
from include.spdx import normal

MAX_COMPONENTS = 100_000


@dataclass(frozen=True)
class Component:
    """A part of a product. `package` is its package URL, None where it has none; `licences` its SPDX expressions, `unclear` what
    stands there and is none."""

    name: str
    version: str
    package: PackageURL | None
    licences: tuple[str, ...]
    unclear: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.name} {self.version}".strip()


def components(content: bytes) -> list[Component]:
    """The components of a CycloneDX document, nested ones too, in order. Raises InputError where it is none."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InputError(f"the SBOM is no JSON: {error}") from error
    if not isinstance(document, dict) or document.get("bomFormat") != "CycloneDX":
        raise InputError("the SBOM is no CycloneDX document: its bomFormat is not CycloneDX")
    found: list[Component] = []
    for item in _nested(document):
        if len(found) >= MAX_COMPONENTS:
            raise InputError(f"the SBOM has more than {MAX_COMPONENTS:,} components")
        found.append(_component(item))
    return found


def _nested(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    waiting = [document]
    while waiting:
        listed = waiting.pop().get("components", [])
        sound = isinstance(listed, list) and all(isinstance(item, dict) and isinstance(item.get("name"), str) for item in listed)
        if not sound:
            raise InputError("the SBOM's components are no list of named objects")
        yield from listed
        waiting.extend(reversed(listed))


def _component(item: dict[str, Any]) -> Component:
    purl, licences = item.get("purl"), item.get("licenses") or []
    try:
        package = PackageURL.from_string(purl) if isinstance(purl, str) else None
    except ValueError as error:
        raise InputError(f"the SBOM's component {plain(item['name'], 100)!r}: {plain(str(error), 200)}") from error
    given = [text for choice in licences if isinstance(choice, dict) and (text := _licence(choice))]
    clear = {text: normal(text) for text in given}
    version = str(item.get("version") or (package.version if package else "") or "")
    return Component(plain(item["name"], 200), plain(version, 100), package, tuple(known for known in clear.values() if known),
                     tuple(plain(text, 80) for text in given if not clear[text]))


def _licence(choice: dict[str, Any]) -> str | None:
    licence = choice.get("license")
    named = (licence.get("id") or licence.get("name")) if isinstance(licence, dict) else None
    text = choice.get("expression") or named
    return text if isinstance(text, str) else None
