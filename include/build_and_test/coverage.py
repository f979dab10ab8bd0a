"""Which lines the tests ran: Cobertura's XML (coverage.py writes it) and lcov, read as what a stranger wrote."""

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.parsers.expat import ExpatError, ParserCreate

from include.markup import plain
from include.sandbox.junit import UnreadableError, bytes_of, plain_xml

MAX_FILES = 50_000
MAX_LINE = 10_000_000
MAX_LINES = 5_000_000


@dataclass(frozen=True)
class Coverage:
    """The lines of each file that could run (`all`), and those that did (`ran`)."""

    ran: Mapping[str, frozenset[int]]
    all: Mapping[str, frozenset[int]]

    @property
    def lines(self) -> int:
        return sum(map(len, self.all.values()))

    @property
    def covered(self) -> int:
        return sum(map(len, self.ran.values()))

    @property
    def percent(self) -> float:
        """Covered lines of all, cut off after two digits, so that it never looks like more than it is."""
        return math.floor(10_000 * self.covered / self.lines) / 100 if self.lines else 0.0

    def below(self, minimum: float) -> str:
        """Why this is too little for a release; empty where it is enough."""
        if not self.lines:
            return "the coverage report names no lines"
        return f"{self.percent:g} % of the lines are covered, less than {minimum:g} %" if self.percent < minimum else ""

    def plain(self, before: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """As plain JSON values; with what the release `before` had, the change since then in percentage points."""
        here = {"lines": self.lines, "covered": self.covered, "percent": self.percent}
        return here | {"before": before["percent"], "change": self.change(before)} if before else here

    def change(self, before: Mapping[str, Any]) -> float:
        """Percentage points since the release `before`."""
        return round(self.percent - float(before["percent"]), 2)

    def fell(self, before: Mapping[str, Any], most: float) -> str:
        """Why this is too much less than the release `before` had; empty where it is not."""
        fall = -self.change(before)
        return (f"{self.percent:g} % of the lines are covered, {fall:g} points less than in the release before, where {most:g} "
                "are allowed") if fall > most else ""

    def document(self) -> bytes:
        """All of it as JSON: for each file the lines that ran, and those that did not."""
        return json.dumps({name: [sorted(self.ran[name]), sorted(lines - self.ran[name])]
                           for name, lines in sorted(self.all.items())}, ensure_ascii=False).encode()


def together(parts: Iterable[Coverage]) -> Coverage:
    """What ran in any of the parts."""
    ran: dict[str, set[int]] = defaultdict(set)
    every: dict[str, set[int]] = defaultdict(set)
    for part in parts:
        for name, lines in part.all.items():
            every[name] |= lines
            ran[name] |= part.ran[name]
    return _coverage(ran, every)


def of_document(document: bytes) -> Coverage:
    """The inverse of `Coverage.document`."""
    found = json.loads(document)
    return Coverage({name: frozenset(ran) for name, (ran, _) in found.items()},
                    {name: frozenset(ran + missed) for name, (ran, missed) in found.items()})


def read_coverage(tree: Path, name: str) -> Coverage:
    """The report at `name` in `tree`. Raises UnreadableError."""
    return parse(bytes_of(tree, name))


def parse(content: bytes) -> Coverage:
    """Count line by line what a report says: totals and rates that it claims are not believed. Raises UnreadableError."""
    try:
        hits = _Hits()
        if content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
            _cobertura(content, hits)
        else:
            _lcov(content.decode("utf-8-sig"), hits)
    except (UnicodeDecodeError, ExpatError, ValueError, KeyError) as error:
        if isinstance(error, UnreadableError):
            raise
        raise UnreadableError(f"the coverage report is broken: {plain(str(error), 200)}") from error
    return _coverage(hits.ran, hits.all)


class _Hits:
    """Lines as they are told, with an end."""

    def __init__(self) -> None:
        self.ran: dict[str, set[int]] = defaultdict(set)
        self.all: dict[str, set[int]] = defaultdict(set)
        self.told = 0

    def add(self, file: str, line: str, count: str) -> None:
        number, self.told = int(line), self.told + 1
        if not 0 < number <= MAX_LINE or self.told > MAX_LINES or len(self.all) > MAX_FILES:
            raise UnreadableError("the coverage report names more files or lines than any product has")
        name = plain(file, 300)
        self.all[name].add(number)
        if float(count) > 0:
            self.ran[name].add(number)


def _cobertura(content: bytes, hits: _Hits) -> None:
    """<class filename><lines><line number hits>; the lines of methods come again among their class's."""
    file, root = [""], list[str]()

    def start(name: str, attributes: dict[str, str]) -> None:
        root.append(name) if not root else None
        if name == "class":
            file[0] = attributes["filename"]
        elif name == "line" and file[0]:
            hits.add(file[0], attributes["number"], attributes["hits"])

    def doctype(_name: str, _system: str | None, _public: str | None, has_internal_subset: bool) -> None:
        if has_internal_subset:  # what it names from outside is never fetched, and some tools write such a one
            raise UnreadableError("the coverage report declares a document type of its own: refused")

    parser = ParserCreate("utf-8")
    parser.StartElementHandler, parser.StartDoctypeDeclHandler = start, doctype
    parser.Parse(plain_xml(content), True)
    if root != ["coverage"]:
        raise UnreadableError(f"the coverage report is no Cobertura XML, but {plain(root[0], 50)!r}")


def _lcov(text: str, hits: _Hits) -> None:
    """Records of SF:<path>, DA:<line>,<count>[,<checksum>], end_of_record (geninfo(1)); all else counts something else."""
    file = ""
    for line in text.splitlines():
        kind, _, value = line.strip().partition(":")
        if kind == "SF":
            file = value
        elif kind == "end_of_record":
            file = ""
        elif kind == "DA":
            if not file:
                raise UnreadableError("the coverage report has lines of no file")
            number, count = value.split(",")[:2]
            hits.add(file, number, count)


def _coverage(ran: Mapping[str, set[int]], every: Mapping[str, set[int]]) -> Coverage:
    return Coverage({name: frozenset(ran.get(name, ())) for name in every}, {name: frozenset(every[name]) for name in every})
