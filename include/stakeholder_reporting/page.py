"""A report as what a reader sees: words and shown numbers, in the order of the page. HTML, PDF and mails say the same page."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from include.stakeholder_reporting.language import Speech
from include.stakeholder_reporting.model import Cell, Change, Figure, Numbers, Section, Table

_STATES = {"outcomes": "verdict", "promise": "planned_for", "not_yet": "story_status", "themes": "theme_status",
           "signals": "owned", "open": "outcome", "waived": "until_day", "lapsing": "lapse"}


@dataclass(frozen=True)
class Tile:
    """A figure: what it is, its value, that of the last report (empty where it is the same), and `mood`: good, bad, plain."""

    label: str
    value: str
    before: str
    mood: str


@dataclass(frozen=True)
class Grid:
    """A table: `columns` are (label, left or right), `note` says how many rows aren't shown."""

    title: str
    columns: tuple[tuple[str, str], ...]
    rows: tuple[tuple[str, ...], ...]
    note: str


@dataclass(frozen=True)
class Part:
    """A question with its answer; `chart` is an SVG (empty: none) that shows `caption`."""

    question: str
    answer: str
    tiles: tuple[Tile, ...]
    grids: tuple[Grid, ...]
    chart: str
    caption: str


@dataclass(frozen=True)
class Page:
    """A whole report. `changes` are (mood, sentence), under `changes_title` (empty: the report is itself what changed)."""

    language: str
    product: str
    title: str
    period: str
    changes_title: str
    changes_note: str
    changes: tuple[tuple[str, str], ...]
    more: str
    parts: tuple[Part, ...]
    how: str
    definitions: tuple[tuple[str, str], ...]
    made: str

    def json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)

    def text(self) -> str:
        """The page in short, for a mail or a chat: what changed, then each answer."""
        news = [self.changes_title, self.changes_note, *(f"- {said}" for _, said in self.changes), self.more]
        lines = [*filter(None, news)]
        for part in self.parts:
            lines += ["", part.question, part.answer]
        return "\n".join([*lines, "", self.made]).strip() + "\n"


def page(numbers: Numbers, speech: Speech, charts: dict[str, str]) -> Page:
    """The page of a report. `charts` are the SVGs of its charts by name."""
    on = {"on": speech.date(numbers.compared_with) if numbers.compared_with else ""}
    note = "first" if numbers.compared_with is None else "since_last" if numbers.changes else "unchanged"
    hidden = numbers.changed - len(numbers.changes)
    return Page(
        speech.language, numbers.title, speech.word("audiences", numbers.audience),
        speech.sentence("titles", "period", {"since": speech.date(numbers.since), "at": speech.date(numbers.at)}),
        *(("", "") if numbers.audience == "customers" else
          (speech.word("titles", "changes"), speech.sentence("titles", note, on))),
        tuple((_mood(change.good), said(change, speech)) for change in numbers.changes),
        speech.sentence("titles", "more", {"n": hidden}) if hidden else "",
        tuple(_part(section, numbers, speech, charts) for section in numbers.sections),
        speech.word("titles", "how"), tuple(_definitions(numbers, speech)),
        speech.sentence("titles", "made", {"at": speech.date(numbers.at)}))


def said(change: Change, speech: Speech) -> str:
    """One change as a sentence."""
    if change.kind == "figure":
        unit = change.unit or "count"
        values = {"label": speech.word("figures", change.name), "before": speech.figure(_as_number(change.before), unit),
                  "after": speech.figure(_as_number(change.after), unit)}
    elif change.kind == "state":
        column = _STATES[change.name]
        values = {"title": change.title or "", "before": speech.cell(column, change.before),
                  "after": speech.cell(column, change.after)}
    else:
        values = {"table": speech.word("tables", change.name), "title": change.title or ""}
    first = change.kind == "figure" and change.before is None
    return speech.sentence("changes", "figure_first" if first else change.kind, values)


def _as_number(value: Cell) -> float | int | None:
    return value if isinstance(value, int | float) else None


def _mood(good: bool | None) -> str:
    return {True: "good", False: "bad", None: "plain"}[good]


def _part(section: Section, numbers: Numbers, speech: Speech, charts: dict[str, str]) -> Part:
    was = {change.name: change for change in numbers.changes if change.kind == "figure"}
    chart = section.chart
    return Part(
        speech.word("questions", section.name), speech.sentence("answers", section.answer.name, section.answer.values),
        tuple(_tile(figure, was.get(figure.name), speech) for figure in section.figures),
        tuple(_grid(table, speech) for table in section.tables),
        charts.get(chart.name, "") if chart else "", speech.word("charts", chart.name) if chart else "")


def _tile(figure: Figure, change: Change | None, speech: Speech) -> Tile:
    label, value = speech.word("figures", figure.name), speech.figure(figure.value, figure.unit)
    if change is None or change.before is None:
        return Tile(label, value, "", "plain")
    return Tile(label, value, speech.figure(_as_number(change.before), figure.unit), _mood(change.good))


def _grid(table: Table, speech: Speech) -> Grid:
    note = ("" if table.total == len(table.rows) else
            speech.sentence("titles", "shown", {"shown": len(table.rows), "total": table.total}))
    return Grid(speech.word("tables", table.name),
                tuple((speech.word("columns", column), speech.aligned(column)) for column in table.columns),
                tuple(tuple(speech.cell(column, row.get(column)) for column in table.columns) for row in table.rows),
                note if table.rows else speech.word("titles", "empty"))


def _definitions(numbers: Numbers, speech: Speech) -> Iterator[tuple[str, str]]:
    """What needs a definition, each once."""
    for section in numbers.sections:
        for figure in section.figures:
            if speech.defined(figure.name):
                yield speech.word("figures", figure.name), speech.word("definitions", figure.name)
        for table in section.tables:
            for column in table.columns:
                if speech.defined(column):
                    yield f"{speech.word('tables', table.name)}: {speech.word('columns', column)}", speech.word(
                        "definitions", column)
