"""The trace: from any voice, theme, story, commit, release or deployment to all the others, forwards and backwards."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, literal, select

from include.ledger.tables import (
    commit_stories,
    commits,
    deployments,
    outcomes,
    releases,
    stories,
    story_themes,
    theme_voices,
    themes,
    voices,
)

LIMIT = 1000  # ids followed at each hop
_DEPLOYED: ColumnElement[str] = deployments.c.product + literal("|") + deployments.c.version

# What stands in the chain, in its order: the table and the column that holds its id.
CHAIN: dict[str, tuple[Table, ColumnElement[str]]] = {
    "voice": (voices, voices.c.id), "theme": (themes, themes.c.id), "story": (stories, stories.c.id),
    "commit": (commits, commits.c.sha), "release": (releases, releases.c.key), "deployment": (deployments, deployments.c.id),
}
# How each leads to the next: (its id, the next one's id).
_HOPS: list[tuple[ColumnElement[str], ColumnElement[str]]] = [
    (theme_voices.c.voice_id, theme_voices.c.theme_id), (story_themes.c.theme_id, story_themes.c.story_id),
    (commit_stories.c.story_id, commit_stories.c.sha), (commits.c.sha, commits.c.release), (_DEPLOYED, deployments.c.id),
]


def trace(connection: Connection, kind: str, key: str) -> dict[str, list[dict[str, Any]]]:
    """Everything tied to one thing: `kind` is a name in CHAIN, `key` its id.

    Returns the rows of each kind in the chain's order (an empty list where nothing is tied), and under "outcome" what came of
    the stories found in the releases found. Raises KeyError for an unknown kind.
    """
    found = tied(connection, kind, key)
    rows = {name: _rows(connection, table, column.in_(found[name])) for name, (table, column) in CHAIN.items()}
    rows["outcome"] = _rows(connection, outcomes, outcomes.c.story_id.in_(found["story"]),
                            outcomes.c.release.in_(found["release"]))
    return rows


def tied(connection: Connection, kind: str, key: str) -> dict[str, set[str]]:
    """The ids of everything tied to one thing, up to LIMIT of each kind. Raises KeyError for an unknown kind."""
    kinds = list(CHAIN)
    start = kinds.index(kind) if kind in CHAIN else None
    if start is None:
        raise KeyError(f"{kind!r} is not one of {', '.join(kinds)}")
    found: dict[str, set[str]] = {kind: {key}}
    for place in range(start, len(_HOPS)):
        here, there = _HOPS[place]
        found[kinds[place + 1]] = _follow(connection, here, there, found[kinds[place]])
    for place in range(start, 0, -1):
        there, here = _HOPS[place - 1]
        found[kinds[place - 1]] = _follow(connection, here, there, found[kinds[place]])
    return found


def _follow(connection: Connection, here: ColumnElement[str], there: ColumnElement[str], ids: Iterable[str]) -> set[str]:
    where = [here.in_(ids), there.is_not(None)]
    if here is _DEPLOYED:  # the index has products, and no keys of releases
        where.append(deployments.c.product.in_({key.partition("|")[0] for key in ids}))
    return set(connection.scalars(select(there).where(*where).distinct().order_by(there).limit(LIMIT)))


def _rows(connection: Connection, table: Table, *where: ColumnElement[bool]) -> list[dict[str, Any]]:
    found = connection.execute(select(table).where(*where).order_by(*table.primary_key))
    return [dict(row) for row in found.mappings()]
