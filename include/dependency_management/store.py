"""What this phase reads of the ledger, and how it keeps what it found."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from semver import Version
from sqlalchemy import Connection, delete, or_, select

from include.dependency_management.blocks import UNRELEASED, Row, Story
from include.dependency_management.contracts import Change
from include.key import Key
from include.ledger.engine import upsert
from include.ledger.runs import Run
from include.ledger.tables import components, contract_changes, dependency_reads, releases, stories, story_blocks
from include.manifests import Component

COLUMNS = ("file", "package", "version", "needs", "kind", "scope", "line")


@dataclass(frozen=True)
class State:
    """What the ledger knows: unreleased stories and those that blocks name, open blocks, what runs, what repositories name."""

    stories: dict[str, Story]
    blocks: list[Row]
    deployed: dict[str, str]
    components: dict[str, list[Component]]


def state(connection: Connection) -> State:
    """Everything that the graph is made of."""
    blocks = [dict(row) for row in connection.execute(
        select(story_blocks).where(story_blocks.c.until.is_(None)).order_by(story_blocks.c.id)).mappings()]
    named = select(story_blocks.c.story_id).where(story_blocks.c.until.is_(None)).union(
        select(story_blocks.c.on_story).where(story_blocks.c.until.is_(None)))
    rows = connection.execute(select(stories).where(or_(stories.c.status.in_(UNRELEASED), stories.c.id.in_(named)))
                              .order_by(stories.c.id))
    found = {row.id: Story(row.id, row.product, row.title, row.want, row.status, row.effort_days) for row in rows}
    return State(found, blocks, deployed_versions(connection), all_components(connection))


def deployed_versions(connection: Connection) -> dict[str, str]:
    """The version of each product that runs."""
    rows = connection.execute(select(releases.c.product, releases.c.version).where(releases.c.status == "deployed"))
    found: dict[str, str] = {}
    for product, version in rows:
        found[product] = max(version, found.get(product, version), key=Version.parse)
    return found


def all_components(connection: Connection, packages: Collection[str] | None = None) -> dict[str, list[Component]]:
    """What the repositories name, by product; of `packages` alone where they are given."""
    query = select(components).order_by(*components.primary_key)
    if packages is not None:
        query = query.where(components.c.package.in_(packages))
    found: dict[str, list[Component]] = defaultdict(list)
    for row in connection.execute(query).mappings():
        found[row["product"]].append(Component(**{name: row[name] for name in COLUMNS}))
    return dict(found)


def previous(connection: Connection, release: Key) -> str | None:
    """The version that ran before a release."""
    return connection.scalar(select(releases.c.previous).where(releases.c.key == str(release)))


def commit_of(connection: Connection, product: str, version: str | None) -> str | None:
    """The commit of a release; None where there is no such release."""
    return connection.scalar(select(releases.c.commit).where(releases.c.key == f"{product}|{version}"))


def keep_reading(connection: Connection, run: Run, commit: str, found: Iterable[Component], set_aside: Sequence[str]) -> None:
    """Keep what a repository names in place of what it named before."""
    connection.execute(delete(components).where(components.c.product == run.product))
    rows = {(item.file, item.package, item.version): {"product": run.product, **{name: getattr(item, name) for name in COLUMNS}}
            for item in found}
    upsert(connection, components, list(rows.values()))
    upsert(connection, dependency_reads, [{"product": run.product, "commit": commit, "set_aside": list(set_aside), "at": run.at}])


def keep_changes(connection: Connection, run: Run, file: str, old: str, new: str, changes: Iterable[Change]) -> None:
    """Keep what changed in an interface file between two commits."""
    rows = {(item.rule, item.place): {"product": run.product, "file": file, "old": old, "new": new, "rule": item.rule,
                                      "place": item.place, "breaking": item.breaking, "text": item.text, "at": run.at}
            for item in changes}
    upsert(connection, contract_changes, list(rows.values()), keep=True)
