"""The stories that could be in a scope, each figure with the rows that it came from."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, case, distinct, func, select

from include.ledger.runs import Run
from include.ledger.tables import (
    commit_stories,
    commits,
    outcomes,
    releases,
    scope_items,
    stories,
    story_blocks,
    story_themes,
    theme_voices,
    voices,
)
from include.product import Product
from include.relief import held, reliefs
from include.scope_planning.scores import Candidate, Wait

PLANNED = ("draft", "ready", "reopened", "scoped")
QUARTER, MONTH = timedelta(days=90), timedelta(days=28)
LEVELS = {"low": 0.0, "medium": 1.0, "high": 2.0, "critical": 3.0}
HISTORY = 3  # estimates of a team that it takes to say what such a story takes
_PERSON = func.coalesce(voices.c.author, voices.c.erasure, voices.c.id)  # nobody known: a person by itself

Origin = dict[str, Any]


@dataclass(frozen=True)
class Story:
    """A candidate, its status, and for each figure where it came from."""

    candidate: Candidate
    status: str
    origins: Mapping[str, Origin]


def backlog(connection: Connection, product: Product, run: Run) -> list[Story]:
    """Every story of the product that is not yet released or dropped, by id."""
    rows = list(connection.execute(select(stories).where(
        stories.c.product == product.name, stories.c.status.in_(PLANNED)).order_by(stories.c.id)))
    newest = connection.scalar(select(func.max(voices.c.written_at)).where(
        voices.c.product == product.name, voices.c.heard_at <= run.at))
    until = min(newest or run.at, run.at)
    heard = _heard(connection, product.name, run.at, until)
    themes: dict[str, list[str]] = defaultdict(list)
    for story, theme in connection.execute(select(story_themes.c.story_id, story_themes.c.theme_id)
                                           .order_by(story_themes.c.theme_id)):
        themes[story].append(theme)
    waits, begun = _waits(connection, product.name), _begun(connection, product.name)
    measured, estimates = reliefs(connection, product.name), _estimates(connection, product.name)
    found = []
    for row in rows:
        days, effort = _effort(row, estimates)
        figures, spoken = _figures(row, heard.get(row.id), {
            "themes": themes[row.id], "heard": run.at.isoformat(), "until": until.isoformat()})
        how_held = held(measured, row.kind)
        found.append(Story(Candidate(
            row.id, row.title, row.kind, days, **figures, relief=(row.relief or {}).get("expected"), held=how_held.share,
            age_days=round((run.at - row.created_at) / timedelta(days=1), 2), reopened=row.status == "reopened",
            begun=row.id in begun and row.status == "scoped", category=row.category, draft=_draft(row),
            due=f"{row.due_at:%Y-%m-%d}" if row.due_at else None, by=_by(row.due_at, run, product),
            waits=tuple(waits.get(row.id, ()))), row.status,
            spoken | {"effort": effort, "held": {"rows": "outcomes", "stories": sorted({item.story for item in measured})},
                      "confidence": spoken["impact"] | {"also": "held"}}))
    return found


def explain(connection: Connection, scope: str, story: str) -> dict[str, list[dict[str, Any]]]:
    """The rows behind each figure of a story in a scope: voices (id, author, times, kind, severity, sentiment), stories (with the
    estimates of others where the effort is their median), or outcomes with what was predicted."""
    factors = connection.scalar(select(scope_items.c.factors).where(
        scope_items.c.scope_id == scope, scope_items.c.story_id == story)) or {}
    return {name: [dict(row) for row in connection.execute(_rows(origin)).mappings()]
            for name, origin in factors.get("from", {}).items()}


def _rows(origin: Origin) -> Select[Any]:
    if origin["rows"] == "stories":
        return (select(stories.c.id, stories.c.kind, stories.c.category, stories.c.effort_days, stories.c.edited_by,
                       stories.c.evidence).where(stories.c.id.in_(origin["ids"])).order_by(stories.c.id))
    if origin["rows"] == "outcomes":
        return (select(outcomes, stories.c.kind, stories.c.relief).join(stories, stories.c.id == outcomes.c.story_id)
                .where(outcomes.c.story_id.in_(origin["stories"])).order_by(*outcomes.primary_key))
    after = datetime.fromisoformat(origin["after"]) if "after" in origin else None
    return (select(voices.c.id, voices.c.author, voices.c.written_at, voices.c.kind, voices.c.severity, voices.c.sentiment,
                   func.max(theme_voices.c.similarity).label("similarity"))
            .join(theme_voices, theme_voices.c.voice_id == voices.c.id)
            .where(theme_voices.c.theme_id.in_(origin["themes"]), voices.c.heard_at <= datetime.fromisoformat(origin["heard"]),
                   *([voices.c.written_at > after, voices.c.written_at <= datetime.fromisoformat(origin["until"])]
                     if after else []))
            .group_by(voices.c.id).order_by(voices.c.written_at, voices.c.id))


def _heard(connection: Connection, product: str, at: datetime, until: datetime) -> dict[str, Row[Any]]:
    """For each story what its themes' voices come to."""
    def people(span: timedelta) -> ColumnElement[int]:
        return func.count(distinct(case((and_(voices.c.written_at > until - span, voices.c.written_at <= until), _PERSON))))

    severity = case(LEVELS, value=voices.c.severity)
    rows = connection.execute(
        select(story_themes.c.story_id, func.count(distinct(voices.c.id)).label("voices"), people(QUARTER).label("people"),
               people(MONTH).label("recent"), func.avg(voices.c.sentiment).label("sentiment"),
               func.avg(severity).label("severity"), func.avg(theme_voices.c.similarity).label("similarity"),
               func.count(distinct(case((voices.c.written_at > until - MONTH, voices.c.id)))).label("month"))
        .join(theme_voices, theme_voices.c.theme_id == story_themes.c.theme_id)
        .join(voices, voices.c.id == theme_voices.c.voice_id)
        .where(voices.c.product == product, voices.c.heard_at <= at).group_by(story_themes.c.story_id))
    return {row.story_id: row for row in rows}


def _figures(row: Row[Any], heard: Row[Any] | None, span: Origin) -> tuple[dict[str, Any], dict[str, Origin]]:
    """The figures that voices speak for, and where each came from; of a story without voices, what its evidence says."""
    if heard is None:
        figures = {name: row.evidence.get(name) for name in ("voices", "people", "per_week", "sentiment", "similarity")}
        written = {"rows": "stories", "ids": [row.id], "basis": "the story's own evidence"}
        return ({**figures, "voices": figures["voices"] or 0, "people": figures["people"] or 0},
                dict.fromkeys(("reach", "per_week", "impact"), written))
    until = datetime.fromisoformat(span["until"])
    spoken = {"rows": "voices", **span}
    within = {name: spoken | {"after": (until - days).isoformat()} for name, days in (("quarter", QUARTER), ("month", MONTH))}
    figures = {"voices": heard.voices, "people": heard.people, "recent": heard.recent, "per_week": round(heard.month / 4, 2),
               "sentiment": _rounded(heard.sentiment), "severity": _rounded(heard.severity),
               "similarity": _rounded(heard.similarity)}
    return figures, {"reach": within["quarter"], "per_week": within["month"], "impact": spoken}


def _effort(row: Row[Any], estimates: Sequence[Row[Any]]) -> tuple[float | None, Origin]:
    """The team's estimate; of a story that nobody has looked at, the median of the team's for such stories, if there are enough;
    else the first estimate that it was written with."""
    own = {"rows": "stories", "ids": [row.id]}
    if row.edited_by:
        return row.effort_days, own | {"basis": "the team's estimate"}
    alike = [other for other in estimates if other.kind == row.kind]
    closer = [other for other in alike if other.category == row.category]
    for found, words in ((closer, "kind and category"), (alike, "kind")):
        if len(found) >= HISTORY:
            return (float(median(other.effort_days for other in found)),
                    {"rows": "stories", "ids": [other.id for other in found],
                     "basis": f"the median of the team's estimates of the same {words}"})
    return row.effort_days, own | {"basis": "a first estimate, by rule"}


def _estimates(connection: Connection, product: str) -> list[Row[Any]]:
    """What the team estimated."""
    rows: Iterable[Row[Any]] = connection.execute(
        select(stories.c.id, stories.c.kind, stories.c.category, stories.c.effort_days)
        .where(stories.c.product == product, stories.c.edited_by.is_not(None), stories.c.effort_days > 0)
        .order_by(stories.c.id))
    return list(rows)


def _waits(connection: Connection, product: str) -> dict[str, list[Wait]]:
    rows = connection.execute(
        select(story_blocks.c.story_id, story_blocks.c.on_story, story_blocks.c.reason)
        .join(stories, stories.c.id == story_blocks.c.story_id)
        .where(stories.c.product == product, story_blocks.c.until.is_(None)).order_by(story_blocks.c.id))
    found: dict[str, list[Wait]] = defaultdict(list)
    for row in rows:
        found[row.story_id].append(Wait(row.on_story, row.reason))
    return found


def _begun(connection: Connection, product: str) -> set[str]:
    """The stories with a commit in a release that waits to be deployed."""
    return set(connection.scalars(
        select(commit_stories.c.story_id).join(commits, (commits.c.product == commit_stories.c.product)
                                               & (commits.c.sha == commit_stories.c.sha))
        .join(releases, releases.c.key == commits.c.release)
        .where(commit_stories.c.product == product, releases.c.status == "candidate")))


def _draft(row: Row[Any]) -> str | None:
    if row.status != "draft":
        return None
    wrong: Iterable[str] = (item.get("message", "") for item in row.quality or () if item.get("severity") == "error")
    return "; ".join(wrong) or "it has to be looked at"


def _by(due: datetime | None, run: Run, product: Product) -> int | None:
    """How many iterations end by `due`; the first begins with the run."""
    return max(0, (due - run.at) // timedelta(days=product.planning.iteration_days)) if due else None


def _rounded(value: Any) -> float | None:
    return None if value is None else round(float(value), 4)
