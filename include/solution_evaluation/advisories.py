"""Advisories about a package as a fact: from OSV's API, or from a folder of OSV's JSON files."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from packageurl import PackageURL

from include.advisories import ECOSYSTEMS, Mirror, name_of
from include.errors import InputError
from include.markup import plain
from include.solution_evaluation.facts import Fact
from include.solution_evaluation.site import FactSite

PAGES = 20


def asked(site: FactSite, package: PackageURL, version: str, at: datetime) -> Fact:
    """How many advisories affect `version`, from POST /v1/query, page by page; their ids are the detail."""
    body: dict[str, Any] = {"package": {"name": name_of(package), "ecosystem": ECOSYSTEMS[package.type]}, "version": version}
    found: list[str] = []
    for _ in range(PAGES):
        document = site.post("v1", "query", body=body)
        listed = document.get("vulns", [])
        if not isinstance(listed, list) or not all(isinstance(item, dict) and isinstance(item.get("id"), str) for item in listed):
            raise InputError(f"{site.url}: {package}: vulns is no list of advisories with ids")
        found += [item["id"] for item in listed if not item.get("withdrawn")]
        if not (token := document.get("next_page_token")):
            return _fact(found, at, f"{site.url}: {package}@{version}")
        body["page_token"] = token
    raise InputError(f"{site.url}: {package}: more than {PAGES} pages of advisories")


def mirrored(mirror: Mirror, package: PackageURL, version: str, at: datetime) -> Fact:
    """How many advisories in the folder affect `version`. Raises InputError where the folder can't be read."""
    return _fact((item["id"] for item in mirror.about(package, version)), at, f"{mirror.folder}: {package}@{version}")


def _fact(ids: Iterable[str], at: datetime, source: str) -> Fact:
    found = {plain(name, 100) for name in ids}
    return Fact("advisories", float(len(found)), at, source, detail=tuple(sorted(found)))
