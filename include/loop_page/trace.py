"""One line from tickets and voices to outcomes, through any one thing of it."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, select

from include.ledger.tables import commits, deployments, outcomes, releases, stories, themes, tickets, voices
from include.ledger.trace import LIMIT, tied
from include.loop_page import shapes

KINDS = ("ticket", "voice", "theme", "story", "commit", "release", "deployment", "outcome")
SHOWN = 20  # things of one kind
_LONG = 300  # characters of a text

# For each kind its id, and what is shown of it.
_SHORT: dict[str, tuple[ColumnElement[Any], dict[str, ColumnElement[Any]]]] = {
    "ticket": (tickets.c.id, {"text": tickets.c.subject, "status": tickets.c.status, "at": tickets.c.created_at,
                              "product": tickets.c.product}),
    "voice": (voices.c.id, {"text": voices.c.text, "status": voices.c.kind, "at": voices.c.written_at,
                            "product": voices.c.product}),
    "theme": (themes.c.id, {"text": themes.c.name, "status": themes.c.status, "at": themes.c.first_seen,
                            "product": themes.c.product}),
    "story": (stories.c.id, {"text": stories.c.title, "status": stories.c.status, "at": stories.c.created_at,
                             "product": stories.c.product}),
    "commit": (commits.c.sha, {"text": commits.c.subject, "status": commits.c.kind, "at": commits.c.at,
                               "product": commits.c.product}),
    "release": (releases.c.key, {"text": releases.c.key, "status": releases.c.status, "at": releases.c.at,
                                 "product": releases.c.product}),
    "deployment": (deployments.c.id, {"text": deployments.c.version, "status": deployments.c.status,
                                      "at": deployments.c.started_at, "product": deployments.c.product}),
}


def trace(connection: Connection, kind: str, id: str) -> shapes.Trace | None:
    """Everything tied to one thing; None where there is no such thing. An outcome is asked for by its story."""
    start, key = (kind, id) if kind not in {"ticket", "outcome"} else _of(connection, kind, id)
    if not key or not connection.scalar(select(func.count()).where(_SHORT[start][0] == key)):
        return None
    found = tied(connection, start, key)
    found["ticket"] = {id} if kind == "ticket" else _tickets(connection, found["voice"])
    line = [_station(connection, name, found[name]) for name in KINDS if name != "outcome"]
    return shapes.Trace(kind=kind, id=id, line=[*line, _outcomes(connection, found["story"], found["release"])])


def _of(connection: Connection, kind: str, id: str) -> tuple[str, str | None]:
    if kind == "ticket":
        return "voice", connection.scalar(select(tickets.c.voice_id).where(tickets.c.id == id))
    return "story", connection.scalar(select(outcomes.c.story_id).where(outcomes.c.story_id == id).limit(1))


def _tickets(connection: Connection, ids: set[str]) -> set[str]:
    return set(connection.scalars(select(tickets.c.id).where(tickets.c.voice_id.in_(ids)).limit(LIMIT)))


def query(kind: str, ids: Iterable[str]) -> Select[Any]:
    """What is shown of the things of a kind, the newest first."""
    column, shown = _SHORT[kind]
    short = {**shown, "text": func.substr(shown["text"], 1, _LONG)}
    return (select(column.label("id"), *(value.label(name) for name, value in short.items())).where(column.in_(ids))
            .order_by(shown["at"].desc(), column).limit(SHOWN))


def _station(connection: Connection, kind: str, ids: set[str]) -> shapes.Station:
    rows = connection.execute(query(kind, ids)).mappings()
    return shapes.Station(kind=kind, count=len(ids), items=[
        shapes.Thing(kind=kind, run_id=_run(kind, row["id"]), **row) for row in rows])


def _run(kind: str, id: str) -> str | None:
    """A deployment's id bears the run that made it."""
    return id.partition("/")[2] or None if kind == "deployment" else None


def _outcomes(connection: Connection, told: set[str], shipped: set[str]) -> shapes.Station:
    rows = connection.execute(select(outcomes).where(outcomes.c.story_id.in_(told), outcomes.c.release.in_(shipped))
                              .order_by(outcomes.c.at.desc(), outcomes.c.story_id)).mappings().all()
    return shapes.Station(kind="outcome", count=len(rows), items=[
        shapes.Thing(kind="outcome", id=row["story_id"], status=row["verdict"], at=row["at"], text=_effect(row))
        for row in rows[:SHOWN]])


def _effect(row: Any) -> str:
    """The rate of complaints after the release as a share of that before, with its interval."""
    if row["effect"] is None:
        return str(row["release"])
    high = "∞" if row["high"] is None else f"{row['high']:.0%}"
    return f"{row['release']}: {row['effect']:.0%} ({row['low'] or 0:.0%} – {high})"
