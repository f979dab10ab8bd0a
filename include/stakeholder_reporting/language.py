"""How a report says things: numbers, dates and sentences in each language. Pure, but for reading `words/`."""

import re
from collections.abc import Mapping
from datetime import date, datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import yaml

from include.parts.reports import Language
from include.stakeholder_reporting.model import Cell

WORDS = Path(__file__).parent / "words"
NOTHING = "–"
# How columns show their values; all others are texts. `word` is one of the words' `terms`.
COLUMNS: Mapping[str, str] = {
    "before_voices": "count", "after_voices": "count", "customers": "count", "voices": "count", "effect": "times",
    "per_week": "number", "effort_days": "number", "target": "share", "sli": "share", "budget_left": "share", "on": "date",
    "planned_for": "date", "until_day": "date", "verdict": "word", "story_status": "word", "kind": "word",
    "theme_status": "word", "severity": "word", "owned": "word", "outcome": "word", "lapse": "word", "gate": "word",
    "decision": "word"}
_PLACE = re.compile(r"\{(\w+)(?:\|([^|}]*)\|([^|}]*))?\}")
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


@cache
def words(language: Language) -> dict[str, dict[str, str]]:
    """The words of a language by what they are for."""
    found: dict[str, dict[str, str]] = yaml.load((WORDS / f"{language}.yaml").read_bytes(), Loader=yaml.CSafeLoader)
    return found


class Speech:
    """Says things in `language`, with days as they are in `zone`."""

    def __init__(self, language: Language, zone: str) -> None:
        self.language, self._zone, self._words = language, ZoneInfo(zone), words(language)

    def word(self, group: str, name: str) -> str:
        """What a name is called; a term that has no word is called as it is."""
        found = self._words[group]
        return found.get(name, name) if group == "terms" else found[name]

    def defined(self, name: str) -> bool:
        """Whether it is said how something is counted."""
        return name in self._words["definitions"]

    def sentence(self, group: str, name: str, values: Mapping[str, Cell]) -> str:
        """A sentence with its values filled in."""
        return self.filled(self.word(group, name), values)

    def filled(self, template: str, values: Mapping[str, Cell]) -> str:
        """`template` with {name}, and {name|one|many} by whether the value is 1."""
        def put(match: re.Match[str]) -> str:
            value = values[match[1]]
            return self.plain(value) if match[2] is None else match[2] if value == 1 else match[3]
        return _PLACE.sub(put, template)

    def plain(self, value: Cell) -> str:
        """A value as it stands in a sentence."""
        return NOTHING if value is None else self.number(value) if isinstance(value, int | float) else value

    def number(self, value: float | int) -> str:
        """At most two digits after the point, none of them for nothing; thousands apart."""
        text = f"{value:,.2f}" if abs(value) < 10 else f"{value:,.1f}"
        return text.rstrip("0").rstrip(".") if "." in text else text

    def figure(self, value: float | int | None, unit: str) -> str:
        """A figure with its unit."""
        if value is None:
            return NOTHING
        shown = value * 100 if unit == "share" else value
        return self.filled(self.word("units", unit), {"n": round(shown, 2)})

    def date(self, value: str | datetime) -> str:
        """A day, or the day of a moment."""
        if isinstance(value, str) and len(value) == 10:
            day = date.fromisoformat(value)
        else:
            day = (datetime.fromisoformat(value) if isinstance(value, str) else value).astimezone(self._zone).date()
        if self.language == "ko":
            return f"{day.year}년 {day.month}월 {day.day}일"
        return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"

    def cell(self, column: str, value: Cell) -> str:
        """A value of a table."""
        kind = COLUMNS.get(column, "text")
        if value is None:
            return NOTHING
        if kind in {"share", "times"}:
            return self.figure(float(value), kind)
        if kind == "date":
            return self.date(str(value))
        return self.word("terms", str(value)) if kind == "word" else self.plain(value)

    def aligned(self, column: str) -> str:
        """Numbers stand at the right."""
        return "right" if COLUMNS.get(column) in {"count", "number", "share", "times"} else "left"
