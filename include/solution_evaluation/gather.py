"""Gathers what can be known of candidates. A source that doesn't answer leaves its facts missing, and stops nothing."""

import logging
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from packageurl import PackageURL

from include.advisories import Mirror
from include.connection import Connections
from include.errors import InputError
from include.markup import plain
from include.parts.solutions import Candidate, FactSources
from include.solution_evaluation import advisories, packages, repositories
from include.solution_evaluation.facts import Fact, missing
from include.solution_evaluation.site import FactSite

log = logging.getLogger(__name__)


class Sources:
    """The sources of one product, open for one run. Raises InputError at once where a connection is missing or has no host."""

    def __init__(self, sources: FactSources, connections: Connections, home: Path) -> None:
        self._stack = ExitStack()
        opened = {name: self._stack.enter_context(FactSite(source, connections))
                  for name in ("pypi", "npm", "osv", "github", "scorecard") if (source := getattr(sources, name))}
        self._indexes = {name: site for name, site in opened.items() if name in packages.INDEXES}
        self._osv, self._github, self._scorecard = (opened.get(name) for name in ("osv", "github", "scorecard"))
        self._mirror = Mirror(home / sources.osv_folder, "solutions.sources.osv_folder") if sources.osv_folder else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stack.__exit__(kind, error, trace)

    def facts(self, candidate: Candidate, at: datetime) -> dict[str, Fact]:
        """What the sources know of a candidate as of `at`; missing facts say why."""
        found: dict[str, Fact] = {}
        if candidate.package:
            found |= self._of_package(PackageURL.from_string(candidate.package), at)
        if candidate.repository:
            repository = candidate.repository.removeprefix("https://")
            if self._github:
                site = self._github
                found |= _tried(repositories.ACTIVITY, site.url, at, lambda: repositories.activity(site, repository, at))
            if self._scorecard:
                board = self._scorecard
                found |= _tried(["scorecard"], board.url, at, lambda: repositories.scorecard(board, repository, at))
        return found

    def _of_package(self, package: PackageURL, at: datetime) -> dict[str, Fact]:
        found: dict[str, Fact] = {}
        if site := self._indexes.get(package.type):
            found = _tried(packages.NAMES, site.url, at, lambda: packages.INDEXES[package.type](site, package, at))
        if not (self._osv or self._mirror):
            return found
        if "version" not in found or found["version"].value is None:
            return found | {"advisories": missing("advisories", at, "", "the newest version is not known")}
        version = str(found["version"].value)
        return found | _tried(["advisories"], self._osv.url if self._osv else "osv_folder", at,
                              lambda: {"advisories": self._advised(package, version, at)})

    def _advised(self, package: PackageURL, version: str, at: datetime) -> Fact:
        if self._mirror:
            return advisories.mirrored(self._mirror, package, version, at)
        assert self._osv  # noqa: S101 - one of both is there, or nobody asks
        return advisories.asked(self._osv, package, version, at)


def _tried(names: Iterable[str], source: str, at: datetime, ask: Callable[[], dict[str, Fact]]) -> dict[str, Fact]:
    try:
        return ask()
    except InputError as error:
        why = plain(str(error), 300)
        log.warning("facts are missing: %s", why)
        return {name: missing(name, at, source, why) for name in names}
