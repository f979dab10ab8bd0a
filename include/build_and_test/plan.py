"""What to build: a commit, its version, and what it brings."""

from collections.abc import Sequence
from dataclasses import dataclass

from semver import Version
from sqlalchemy import RowMapping

from include.build_and_test.commits import Commit, asked_version, next_version
from include.build_and_test.git import Mirror

NEVER_SHIPPED = ("failed", "rolled_back")  # what such a release brought still counts as new for the next one


@dataclass(frozen=True)
class Plan:
    """What to build: `fresh` are the commits since the last release that shipped, oldest first."""

    commit: str
    version: str
    previous: str | None
    fresh: Sequence[Commit]


def plan_of(mirror: Mirror, head: str, known: Sequence[RowMapping], asked: str) -> Plan:
    """The version of the commit `head`: the one asked for, or what the commits since the last release say."""
    taken = {Version.parse(row["version"]): row for row in known if row["status"] != "failed"}
    shipped = {version: row for version, row in taken.items() if row["status"] not in NEVER_SHIPPED}
    last, base = max(taken, default=None), max(shipped, default=None)
    since_last = mirror.commits(head, taken[last]["commit"] if last else None)
    version = asked_version(asked, last) if asked else next_version(last, since_last)
    fresh = since_last if base == last else mirror.commits(head, shipped[base]["commit"] if base else None)
    return Plan(head, str(version), str(base) if base else None, fresh)
