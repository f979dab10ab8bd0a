"""A small world of open source: one local server that answers like a package index, OSV, GitHub and Scorecard."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.conftest import NOW
from tests.server import Asked, Reply, Server


def pypi(version: str = "5.4.0", licence: str = "BSD-3-Clause", released: datetime = NOW - timedelta(days=40),
         **info: Any) -> dict[str, Any]:
    """A project as PyPI's JSON API has it (what is read of it)."""
    file = {"upload_time_iso_8601": f"{released:%Y-%m-%dT%H:%M:%S.%fZ}", "yanked": False}
    old = {"upload_time_iso_8601": "2019-05-05T10:00:00.000000Z", "yanked": False}
    plain = {"name": "x", "version": version, "license_expression": licence, "license": None, "classifiers": [], "yanked": False}
    return {"info": plain | info, "releases": {"1.0.0": [old], version: [file]}, "urls": [file], "vulnerabilities": []}


def npm(version: str = "2.0.0", licence: Any = "MIT", released: datetime = NOW - timedelta(days=10),
        **of_version: Any) -> dict[str, Any]:
    """A package document as npm's registry has it."""
    at = f"{released:%Y-%m-%dT%H:%M:%S.000Z}"
    return {"name": "x", "dist-tags": {"latest": version}, "license": licence,
            "time": {"created": "2018-01-01T00:00:00.000Z", "modified": at, "1.0.0": "2018-01-01T00:00:00.000Z", version: at},
            "versions": {"1.0.0": {}, version: {"license": licence} | of_version}}


def repository(pushed: datetime = NOW - timedelta(days=3), archived: bool = False, **fields: Any) -> dict[str, Any]:
    """A repository as GitHub's REST API has it."""
    return {"full_name": "o/r", "pushed_at": f"{pushed:%Y-%m-%dT%H:%M:%SZ}", "archived": archived, "open_issues_count": 12,
            "stargazers_count": 3400, "license": {"spdx_id": "BSD-3-Clause"}} | fields


def score(value: Any = 7.1) -> dict[str, Any]:
    """A result of OpenSSF Scorecard's API."""
    return {"date": "2026-02-23", "repo": {"name": "github.com/o/r"}, "score": value, "checks": []}


@dataclass
class World:
    """What each path answers; advisories by package name. Unknown paths are 404."""

    paths: dict[str, Any] = field(default_factory=dict)
    vulns: dict[str, list[str]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    url: str = ""

    def answer(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        if asked.path == "/v1/query" and asked.path not in self.paths:
            ids = self.vulns.get(asked.body["package"]["name"], [])
            return Reply({"vulns": [{"id": id, "modified": "2026-01-01T00:00:00Z"} for id in ids]} if ids else {})
        found = self.paths.get(asked.path)
        found = found.pop(0) if isinstance(found, list) else found
        return found if isinstance(found, Reply) else Reply(found) if found else Reply({"message": "Not Found"}, 404)

    def sources(self, **fields: Any) -> dict[str, Any]:
        """`solutions.sources` that are all here."""
        here = {"url": self.url, "allow_hosts": ["127.0.0.1"], "total_seconds": 20} | fields
        return dict.fromkeys(("pypi", "npm", "osv", "github", "scorecard"), here)

    @contextmanager
    def up(self) -> Iterator["World"]:
        with Server(self.answer).up() as server:
            self.url = server.url
            yield self


def teas() -> World:
    """Two queues with all facts, and one that is bought."""
    return World({"/pypi/celery/json": pypi(), "/pypi/rq/json": pypi("2.1.0", "BSD-2-Clause", NOW - timedelta(days=200)),
                  "/repos/celery/celery": repository(), "/repos/rq/rq": repository(NOW - timedelta(days=90)),
                  "/projects/github.com/celery/celery": score(), "/projects/github.com/rq/rq": score(5.0)},
                 {"rq": ["GHSA-aaaa-bbbb-cccc"]})


CRITERIA: list[dict[str, Any]] = [
    {"fact": "advisories", "weight": 3}, {"fact": "scorecard", "weight": 2}, {"fact": "days_since_push", "weight": 1},
    {"fact": "price", "weight": 2, "better": "lower", "at_most": 500}]


def free(name: str) -> dict[str, Any]:
    """An open-source candidate that costs nothing."""
    return {"name": name.title(), "package": f"pkg:pypi/{name}", "repository": f"https://github.com/{name}/{name}",
            "facts": {"price": {"value": 0, "who": "ada", "at": "2026-02-01"}}}


BOUGHT = {"name": "CloudQ", "kind": "commercial", "facts": {
    "price": {"value": 120, "who": "ada", "at": "2026-02-01", "source": "offer 17"},
    "licence": {"value": "Proprietary", "who": "ada", "at": "2026-02-01", "source": "contract"}}}


def need(**fields: Any) -> dict[str, Any]:
    """Which queue: Celery, RQ or CloudQ."""
    return {"id": "queue", "question": "Which queue holds the orders?", "criteria": CRITERIA,
            "candidates": [free("celery"), free("rq"), BOUGHT]} | fields
