"""Which themes get a story, what it is worth knowing about them, and when a change is worth telling."""

import hashlib
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from include.story_writing.wording import text_of

ANSWERED = ("released", "resolved", "reopened")  # a story that a reopened theme reopens
REWRITABLE = ("ready", "reopened")  # nobody has committed to these words yet
LIVE = ("open", "planned", "reopened")  # themes that ask for something
MATERIAL_GROWTH = 0.2
BASE_DAYS = {"question": 1.0, "bug": 2.0, "operation": 2.0, "feature": 5.0}
SEVERE = -0.5
TICKET_TYPES = {"bug": "bug", "feature": "enhancement", "question": "question", "operation": "incident"}

Row = dict[str, Any]


@dataclass(frozen=True)
class Evidence:
    """What a theme rests on. `people` are the distinct authors (a voice without one counts as one person) of a quarter."""

    voices: int
    authors: int
    people: int
    per_week: float | None
    sentiment: float | None
    similarity: float | None
    first_seen: str
    last_seen: str
    quotes: list[str]


@dataclass(frozen=True)
class Theme:
    """A theme as the ledger holds it; `baseline` is its voices per 1,000 requests or per day, `reopenings` how often it was."""

    id: str
    name: str
    kind: str
    language: str
    status: str
    merged_into: str | None
    reopenings: int
    evidence: Evidence
    baseline: float | None


def story_id(theme: str) -> str:
    """The id of the story that answers `theme`, as it stands in a commit's `Story:` trailer."""
    return "S-" + hashlib.sha256(f"story {theme}".encode()).hexdigest()[:10]


def effort_days(kind: str, sentiment: float | None) -> float:
    """A first estimate in person-days: an answer 1, a fix 2, a feature 5; half as much again where voices are severe (mean
    sentiment of -0.5 or less). A rule of thumb to order by until the team estimates; it claims no source."""
    return BASE_DAYS.get(kind, BASE_DAYS["bug"]) * (1.5 if sentiment is not None and sentiment <= SEVERE else 1.0)


def new_story(theme: Theme, product: str, title: str, exposure: str, at: datetime) -> Row:
    """The row of a theme's first story, ready to be planned."""
    return _words(theme, title, exposure) | {
        "id": story_id(theme.id), "product": product, "status": "ready", "revision": 1, "created_at": at, "updated_at": at,
        "evidence": asdict(theme.evidence) | {"told": _told(theme)}}


def renewed(story: Row, theme: Theme, title: str, exposure: str, at: datetime) -> tuple[Row, bool]:
    """`story` as its theme is now, and whether that is worth telling those who plan.

    Evidence is always refreshed. Words change only before the story is scoped. Told are: a theme that came back after its
    story was answered, a new name or kind, and voices that grew by a fifth since the last telling; so that the loop rests.
    """
    told = story["evidence"]["told"]
    back = theme.status == "reopened" and (theme.reopenings > told["reopenings"] or story["status"] in ANSWERED[:2])
    reopened = back and story["status"] in ANSWERED
    open_ = reopened or story["status"] in REWRITABLE
    reworded = open_ and (theme.name, theme.kind) != (told["name"], told["kind"])
    grown = open_ and theme.evidence.voices >= told["voices"] * (1 + MATERIAL_GROWTH)
    material = reopened or reworded or grown
    words = _words(theme, title, exposure) if reopened or reworded else {}
    row = story | words | {"evidence": asdict(theme.evidence) | {"told": _told(theme) if material else told}}
    row["status"] = "reopened" if reopened else story["status"]
    row["revision"] = story["revision"] + bool(reopened or reworded)
    return (row | {"updated_at": at} if row != story else story), material


def _told(theme: Theme) -> Row:
    return {"voices": theme.evidence.voices, "name": theme.name, "kind": theme.kind, "reopenings": theme.reopenings}


def _words(theme: Theme, title: str, exposure: str) -> Row:
    unit = {"requests": "complaints per 1,000 requests", "days": "complaints per day"}[exposure]
    text = text_of(theme.name, theme.kind, theme.language, title, exposure, theme.baseline)
    return asdict(text) | {
        "language": theme.language, "kind": theme.kind,
        "effort_days": effort_days(theme.kind, theme.evidence.sentiment),
        "metric": {"name": unit, "theme": theme.id, "baseline": theme.baseline, "direction": "down"}}
