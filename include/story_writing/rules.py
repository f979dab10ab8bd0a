"""What a story says and is, as its themes change: pure."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from include.story_writing.quality import Finding, Story, findings, names_something
from include.story_writing.wording import text_of

ANSWERED = ("released", "resolved", "reopened")  # a story that a reopened theme reopens
REWRITABLE = ("draft", "ready", "reopened")  # nobody has committed to these words yet
UNRELEASED = (*REWRITABLE, "scoped")
LIVE = ("open", "planned", "reopened")  # themes that ask for something
MATERIAL_GROWTH = 0.2
BASE_DAYS = {"question": 1.0, "bug": 2.0, "operation": 2.0, "feature": 5.0}
SEVERE = -0.5
TICKET_TYPES = {"bug": "bug", "feature": "enhancement", "question": "question", "operation": "incident"}

Row = dict[str, Any]


@dataclass(frozen=True)
class Evidence:
    """What a theme, or several, rest on. `people` are the distinct authors (a voice without one counts as one person) of a
    quarter; `severity` counts voices by how bad they are, where that is known."""

    voices: int
    authors: int
    people: int
    per_week: float | None
    sentiment: float | None
    similarity: float | None
    first_seen: str
    last_seen: str
    quotes: list[str]
    severity: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Theme:
    """A theme as the ledger holds it, or several that one story answers (`together`). `baseline` is its voices per 1,000
    requests or per day, `reopenings` how often it was, `direction` what it is about (see `alike`)."""

    id: str
    name: str
    kind: str
    language: str
    status: str
    merged_into: str | None
    reopenings: int
    evidence: Evidence
    baseline: float | None
    direction: Mapping[int, float] = field(default_factory=dict)
    all: tuple[str, ...] = ()

    @property
    def asks(self) -> bool:
        return self.status in LIVE and self.kind != "praise"

    @property
    def ids(self) -> list[str]:
        return list(self.all or (self.id,))


@dataclass(frozen=True)
class Frame:
    """What all stories of one run have in common. `relief` is what is predicted for each kind of story."""

    product: str
    title: str
    exposure: str
    at: datetime
    relief: Mapping[str, Row] = field(default_factory=dict)


@dataclass(frozen=True)
class Renewed:
    """A story as its themes are now, and whether that is worth telling those who plan. `why` says what gave it other words;
    `proposal` are words that a person may take, where one wrote the story's."""

    row: Row
    material: bool = False
    reopened: bool = False
    why: str | None = None
    proposal: Row | None = None


def story_id(theme: str) -> str:
    """The id of the story that answers `theme`, as it stands in a commit's `Story:` trailer."""
    return "S-" + hashlib.sha256(f"story {theme}".encode()).hexdigest()[:10]


def effort_days(kind: str, sentiment: float | None) -> float:
    """A first estimate in person-days: an answer 1, a fix 2, a feature 5; half as much again where voices are severe (mean
    sentiment of -0.5 or less). A rule of thumb to order by until the team estimates; it claims no source."""
    return BASE_DAYS.get(kind, BASE_DAYS["bug"]) * (1.5 if sentiment is not None and sentiment <= SEVERE else 1.0)


def together(themes: Iterable[Theme], lead: str | None, evidence: Evidence | None) -> Theme:
    """The themes of one story as one: named after `lead` while that asks for something, else after the largest that does and
    whose name says something. `evidence` is that of all of them, None where there is only one."""
    found = sorted(themes, key=lambda theme: (
        not theme.asks, theme.id != lead, not names_something(theme.name), -theme.evidence.voices, theme.id))
    first, ids = found[0], tuple(sorted(theme.id for theme in found))
    if evidence is None:
        return replace(first, all=ids)
    known = [theme.baseline for theme in found if theme.baseline is not None]
    reopened = any(theme.status == "reopened" for theme in found)
    return replace(first, all=ids, evidence=evidence, status="reopened" if reopened else first.status,
                   reopenings=sum(theme.reopenings for theme in found), baseline=round(sum(known), 4) if known else None)


def new_story(id: str, theme: Theme, frame: Frame) -> Row:
    """The row of the story `id`, the first for a theme (or for several `together`), ready to be planned."""
    return words_for(theme, frame) | {
        "id": id, "product": frame.product, "status": "ready", "revision": 1, "language": theme.language, "kind": theme.kind,
        "metric": _metric(theme, frame), "relief": frame.relief.get(theme.kind), "quality": [], "due_at": None,
        "category": "customer", "edited_by": None, "part_of": None, "created_at": frame.at,
        "updated_at": frame.at, "evidence": asdict(theme.evidence) | {"told": _told(theme)}}


def renewed(story: Row, theme: Theme, frame: Frame, last: int = 0) -> Renewed:
    """`story` as its themes (`together`) are now; `last` is the highest number of a revision that it has.

    Evidence is always refreshed, the prediction until the story is scoped. Words change only before that, and never where a
    person wrote them: then the new ones are a proposal. Told are: a theme that came back after its story was answered, new
    words, and voices that grew by a fifth since the last telling; so that the loop rests. A story that was dropped because its
    theme had been merged lives again once the theme does.
    """
    told = story["evidence"]["told"]
    back = theme.status == "reopened" and (theme.reopenings > told["reopenings"] or story["status"] in ANSWERED[:2])
    reopened = back and story["status"] in ANSWERED
    revived = story["status"] == "dropped" and bool(told.get("merged")) and theme.asks
    open_ = reopened or revived or story["status"] in REWRITABLE
    renamed = open_ and (theme.name, theme.kind) != (told["name"], told["kind"])
    grown = open_ and theme.evidence.voices >= told["voices"] * (1 + MATERIAL_GROWTH)
    mine = not story["edited_by"] and not story["part_of"]
    why = "the theme is back" if reopened else "the theme has another name or kind" if renamed else None
    material = reopened or revived or grown or (renamed and mine)
    back_with = {name: value for name, value in story["evidence"].items() if name == "back"}  # the outcome review wrote it
    row = story | {"evidence": asdict(theme.evidence) | back_with | {"told": _told(theme) if material else told},
                   "status": "reopened" if reopened else "ready" if revived else story["status"]}
    if open_:
        row |= {"relief": frame.relief.get(theme.kind)}
    if why and mine:
        row |= words_for(theme, frame) | {"language": theme.language, "kind": theme.kind,
                                          "revision": max(last, story["revision"]) + 1}
    if (why and mine) or story["metric"].get("themes") != theme.ids:
        row |= {"metric": _metric(theme, frame)}
    proposal = words_for(theme, frame) if why and story["edited_by"] and not story["part_of"] else None
    return Renewed(row | {"updated_at": frame.at} if row != story else story, material, reopened, why, proposal)


def doubled(story: Row, at: datetime) -> Row:
    """`story`, dropped because its theme was merged into one that has a story of its own."""
    evidence = story["evidence"]
    return story | {"status": "dropped", "updated_at": at, "evidence": evidence | {"told": evidence["told"] | {"merged": True}}}


def words_for(theme: Theme, frame: Frame) -> Row:
    """What a story for `theme` says, and a first estimate."""
    text = text_of(theme.name, theme.kind, theme.language, frame.title, frame.exposure, theme.baseline)
    return asdict(text) | {"effort_days": effort_days(theme.kind, theme.evidence.sentiment)}


def assessed(rows: Mapping[str, Row]) -> dict[str, Row]:
    """A product's stories by id, the unreleased ones judged by the quality rules, the oldest first.

    One with an error is a draft until it is mended, unless people have committed to it already.
    """
    judged = sorted((row for row in rows.values() if row["status"] in UNRELEASED), key=lambda row: (row["created_at"], row["id"]))
    found = findings(for_rules(row) for row in judged)
    return dict(rows) | {row["id"]: _judged(row, found[row["id"]]) for row in judged}


def errors_of(row: Row) -> list[str]:
    """What keeps a story from being scoped."""
    return [item["message"] for item in row["quality"] or () if item["severity"] == "error"]


def _judged(row: Row, found: Iterable[Finding]) -> Row:
    row = row | {"quality": [asdict(finding) for finding in found]}
    if errors_of(row) and row["status"] in REWRITABLE:
        return row | {"status": "draft"}
    if row["status"] == "draft" and not errors_of(row):
        return row | {"status": "reopened" if row["evidence"]["told"]["reopenings"] else "ready"}
    return row


def for_rules(row: Row) -> Story:
    """A row as the quality rules see it."""
    return Story(row["id"], row["language"], row["title"], row["role"], row["want"], row["reason"], row["acceptance"],
                 row["effort_days"], row["category"], row["evidence"]["voices"], row["evidence"]["people"])


def _told(theme: Theme) -> Row:
    return {"voices": theme.evidence.voices, "name": theme.name, "kind": theme.kind, "reopenings": theme.reopenings}


def _metric(theme: Theme, frame: Frame) -> Row:
    unit = {"requests": "complaints per 1,000 requests", "days": "complaints per day"}[frame.exposure]
    return {"name": unit, "theme": theme.id, "themes": theme.ids, "baseline": theme.baseline,
            "direction": "down"}
