"""A report as numbers: everything that its renderings show, and nothing that they have to compute. Plain JSON values.

Words are not here: a question, an answer, a figure, a column is a name, which `words/` says in each language.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, Self

from include.markup import plain
from include.redaction import redact

SHOWN = 12  # rows of a table, and changes, that are shown; how many there are is always said
LONGEST = 160  # characters of a text from the ledger
Unit = Literal["count", "days", "hours", "share", "per_week", "times"]
Cell = str | int | float | None
Row = Mapping[str, Cell]


def text(value: str) -> str:
    """A text of the ledger on its way into a report: one line, without what could name a person."""
    return plain(redact(value), LONGEST)


@dataclass(frozen=True)
class Figure:
    """One number; None where there is nothing to take it from. `better` says which way is good, where one is; `standing`: it is
    as of the report's time, and not a count over a period, which may be longer or shorter than the last."""

    name: str
    value: float | int | None
    unit: Unit = "count"
    better: Literal["higher", "lower"] | None = None
    standing: bool = True


@dataclass(frozen=True)
class Table:
    """Things one by one: the first SHOWN `rows` of `total`. Each row has an `id` that is the same in the next report, and `state`
    is the column whose change is news; `standing` as a figure's."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    total: int
    state: str | None = None
    standing: bool = True

    @classmethod
    def of(cls, name: str, columns: Sequence[str], rows: Sequence[Row], state: str | None = None, standing: bool = True) -> Self:
        """The table of all `rows`, of which the first are shown."""
        return cls(name, tuple(columns), tuple(rows[:SHOWN]), len(rows), state, standing)


@dataclass(frozen=True)
class Answer:
    """A sentence of `words/` with what it names."""

    name: str
    values: Mapping[str, Cell] = field(default_factory=dict)


@dataclass(frozen=True)
class Chart:
    """What is drawn: `weeks` (`start` of a week, `count`, the `releases` in it) or `bars` (`label`, `value`)."""

    name: str
    kind: Literal["weeks", "bars"]
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Section:
    """A question of the audience, its answer, and what this rests on."""

    name: str
    answer: Answer
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()
    chart: Chart | None = None


@dataclass(frozen=True)
class Change:
    """What is different from the last report. `kind`: figure (`before` and `after`), new or gone (a row of the table `name`),
    state (of a row, `before` and `after`). `title` is the row's, `unit` the figure's, `good` whether it went the right way."""

    kind: Literal["figure", "new", "gone", "state"]
    name: str
    title: str | None = None
    before: Cell = None
    after: Cell = None
    unit: Unit | None = None
    good: bool | None = None


@dataclass(frozen=True)
class Numbers:
    """A report on `product` for `audience`, about the time from `since` to `at`.

    `compared_with` is when the last report was made (None: this is the first), `changes` the first ones of `changed`.
    """

    product: str
    title: str
    audience: str
    since: datetime
    at: datetime
    sections: tuple[Section, ...]
    compared_with: datetime | None = None
    changes: tuple[Change, ...] = ()
    changed: int = 0

    def json(self) -> dict[str, Any]:
        """As plain JSON values; times are ISO 8601 in UTC."""
        return asdict(self) | {"since": self.since.isoformat(), "at": self.at.isoformat(),
                               "compared_with": self.compared_with and self.compared_with.isoformat()}

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> Self:
        """What `json` made of it."""
        return cls(**{**value, "since": _time(value["since"]), "at": _time(value["at"]),
                      "compared_with": value["compared_with"] and _time(value["compared_with"]),
                      "sections": tuple(_section(item) for item in value["sections"]),
                      "changes": tuple(Change(**item) for item in value["changes"])})

    def after(self, last: Self | None) -> Self:
        """This report beside the last one: with what changed since then."""
        if last is None:
            return self
        found = changes(last.sections, self.sections)
        return replace(self, compared_with=last.at, changes=tuple(found[:SHOWN]), changed=len(found))


def changes(before: Sequence[Section], now: Sequence[Section]) -> list[Change]:
    """What is different: first what came, went or changed its state, then figures. Pure.

    A row that is not among those shown, of a table that shows only its first, is neither new nor gone; what a period brought is
    new, and not gone when the next one brings other things.
    """
    return [*_of_rows(before, now), *_of_figures(before, now)]


def _of_rows(before: Sequence[Section], now: Sequence[Section]) -> list[Change]:
    old = {table.name: table for section in before for table in section.tables}
    found = list[Change]()
    for table in (table for section in now for table in section.tables if table.name in old):
        was, here = _by_id(old[table.name]), _by_id(table)
        found += [Change("new", table.name, _title(here[id])) for id in here if id not in was and _whole(old[table.name])]
        found += [Change("state", table.name, _title(here[id]), was[id].get(table.state), here[id].get(table.state))
                  for id in here if table.state and id in was and was[id].get(table.state) != here[id].get(table.state)]
        if table.standing and _whole(table):
            found += [Change("gone", table.name, _title(was[id])) for id in was if id not in here]
    return found


def _of_figures(before: Sequence[Section], now: Sequence[Section]) -> list[Change]:
    old = {figure.name: figure.value for section in before for figure in section.figures}
    return [Change("figure", figure.name, None, old[figure.name], figure.value, figure.unit, _good(figure, old[figure.name]))
            for section in now for figure in section.figures
            if figure.standing and figure.name in old and figure.value != old[figure.name]]


def _good(figure: Figure, before: float | int | None) -> bool | None:
    if figure.better is None or figure.value is None or before is None:
        return None
    return (figure.value > before) == (figure.better == "higher")


def _whole(table: Table) -> bool:
    return table.total == len(table.rows)


def _by_id(table: Table) -> dict[Cell, Row]:
    return {row["id"]: row for row in table.rows}


def _title(row: Row) -> str:
    return str(row.get("title") or row["id"])


def _time(value: str) -> datetime:
    return datetime.fromisoformat(value)


def _section(value: Mapping[str, Any]) -> Section:
    chart = value["chart"]
    return Section(value["name"], Answer(**value["answer"]), tuple(Figure(**item) for item in value["figures"]),
                   tuple(Table(**{**item, "columns": tuple(item["columns"]), "rows": tuple(item["rows"])})
                         for item in value["tables"]),
                   chart and Chart(chart["name"], chart["kind"], tuple(chart["rows"])))
