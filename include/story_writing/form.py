"""What a person may say about a story, as the form `edit_story` sends it: read, and applied to the story. Pure."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from include.errors import InputError
from include.markup import plain
from include.story_writing.history import TEXT
from include.story_writing.rules import UNRELEASED, Row

ACTIONS = ("edit", "split", "accept", "refuse", "drop", "restore")
CATEGORIES = ("customer", "security", "debt", "law")
LONGEST = {"title": 120, "role": 120, "want": 500, "reason": 500, "acceptance": 10_000}
MOST_DAYS = 365
NEVER = "none"  # in place of a due date: there is none
_STORY = re.compile(r"S-[0-9a-f]{10}")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True)
class Asked:
    """What a person asked for. `words` are the columns of the story that change, `themes` what it answers (None: as it is)."""

    story: str
    action: str
    words: Row = field(default_factory=dict)
    themes: tuple[str, ...] | None = None
    note: str = ""


def read(form: Mapping[str, Any]) -> Asked:
    """The form, checked; what is empty stays as it is. Raises InputError with every field that is wrong, one a line."""
    wrong: list[str] = []
    story, action = str(form.get("story") or "").strip(), form.get("action")
    if not _STORY.fullmatch(story):
        wrong.append(f"story: {plain(story, 40)!r} is no id: expected S- and ten characters, as S-0123456789")
    if action not in ACTIONS:
        wrong.append(f"action: {plain(str(action), 40)!r} is none of {', '.join(ACTIONS)}")
    words = {name: text for name in TEXT if (text := _text(form, name, wrong))}
    words |= _facts(form, wrong)
    themes = tuple(dict.fromkeys(theme.strip() for theme in form.get("themes") or () if theme.strip()))
    if action in ("edit", "split") and not words and not themes:
        wrong.append(f"{action}: nothing is filled in")
    if action == "split" and not {"title", "want"} <= words.keys():
        wrong.append("split: the part needs a title and a want of its own")
    if action not in ("edit", "split") and (words or themes):
        wrong.append(f"{action}: takes no other words; use edit for {', '.join([*words, *(['themes'] if themes else [])])}")
    if wrong:
        raise InputError("\n".join(wrong))
    return Asked(story, str(action), words, themes or None, plain(str(form.get("note") or ""), 2000))


def changed(story: Row, asked: Asked, who: str, at: datetime, revision: int) -> Row:
    """`story` with the words that `who` wrote, as its revision of that number. Raises InputError where it was released."""
    if story["status"] not in UNRELEASED:
        raise InputError(f"{story['id']} is {story['status']}: only stories that are not released yet can be edited")
    return story | asked.words | {"edited_by": who, "revision": revision, "updated_at": at}


def part(story: Row, asked: Asked, who: str, at: datetime) -> Row:
    """A story for a part of what `story` answers, in the words that `who` wrote. Raises InputError where it was released."""
    name = hashlib.sha256(f"part {story['id']} {asked.words['title']}".encode()).hexdigest()[:10]
    return changed(story, asked, who, at, 1) | {"id": f"S-{name}", "part_of": story["id"], "status": "draft", "created_at": at}


def _text(form: Mapping[str, Any], name: str, wrong: list[str]) -> str:
    given = form.get(name) or ""
    if not isinstance(given, str) or len(given) > LONGEST[name]:
        wrong.append(f"{name}: must be text of at most {LONGEST[name]:,} characters")
        return ""
    if name == "acceptance":
        return _CONTROL.sub("", given.replace("\r\n", "\n")).strip() + "\n" if given.strip() else ""
    return plain(given, LONGEST[name])


def _facts(form: Mapping[str, Any], wrong: list[str]) -> Row:
    facts: Row = {}
    if (days := form.get("effort_days")) is not None:
        if isinstance(days, bool) or not isinstance(days, int | float) or not 0 < days <= MOST_DAYS:
            wrong.append(f"effort_days: must be more than 0 and at most {MOST_DAYS}")
        else:
            facts["effort_days"] = float(days)
    if due := form.get("due"):
        try:
            facts["due_at"] = None if due == NEVER else datetime.combine(date.fromisoformat(due), datetime.min.time(), UTC)
        except (TypeError, ValueError):
            wrong.append(f"due: {plain(str(due), 40)!r} is no date: expected 2026-12-31, or {NEVER}")
    if category := form.get("category"):
        if category not in CATEGORIES:
            wrong.append(f"category: {plain(str(category), 40)!r} is none of {', '.join(CATEGORIES)}")
        facts["category"] = category
    return facts
