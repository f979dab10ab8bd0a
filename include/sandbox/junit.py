"""The JUnit XML that a product's tests wrote: untrusted, so bounded, and without a document type that could name entities."""

import os
import stat
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.parsers.expat import ExpatError, ParserCreate

from junitparser import Error, Failure, JUnitXml, JUnitXmlError, Skipped

from include.markup import plain

MAX_BYTES = 20_000_000
MAX_NAMES = 50
BAD = ("failed", "errors")


class UnreadableError(ValueError):
    """The report is not there, or is no JUnit XML. The message says why."""


@dataclass(frozen=True)
class Report:
    """The outcome of each test, by name: passed, failed, errors or skipped. `flaky` are those that had both good and bad ones."""

    cases: tuple[tuple[str, str], ...]
    flaky: tuple[str, ...] = ()

    @property
    def failing(self) -> list[str]:
        return [name for name, kind in self.cases if kind in BAD]

    @property
    def trouble(self) -> str:
        """Why these tests do not speak for a release; empty where they do."""
        if failing := self.failing:
            return f"{len(failing)} tests failed: {', '.join(failing[:5])}"
        return "" if any(kind == "passed" for _, kind in self.cases) else "no tests ran"

    def after(self, again: "Report") -> "Report":
        """What comes of running the same tests `again`: one that failed and passed is flaky, and counts as passed.

        One that failed and did not run again has failed.
        """
        both = self.cases + again.cases
        bad = {name for name, kind in both if kind in BAD}
        flaky = bad & {name for name, kind in both if kind == "passed"}
        return Report(tuple((name, "passed" if name in flaky else kind) for name, kind in self.cases), tuple(sorted(flaky)))

    def plain(self) -> dict[str, Any]:
        """As plain JSON values: how many tests there were of each outcome, and the names of at most MAX_NAMES that failed."""
        kinds = Counter(kind for _, kind in self.cases)
        counts = {kind: kinds[kind] for kind in ("passed", "failed", "errors", "skipped")}
        flaky = {"flaky": list(self.flaky[:MAX_NAMES])} if self.flaky else {}
        return counts | {"failures": self.failing[:MAX_NAMES]} | flaky


def read_report(tree: Path, name: str) -> Report:
    """The report at `name` in `tree`. Raises UnreadableError."""
    return parse_report(bytes_of(tree, name))


def parse_report(content: bytes) -> Report:
    """Count what JUnit XML says, case by case: totals that it claims are not believed. Raises UnreadableError."""
    try:
        document = plain_xml(content)
        guard = ParserCreate("utf-8")
        guard.StartDoctypeDeclHandler = _refuse
        guard.Parse(document, True)
        cases = [case for suite in JUnitXml.fromstring(document) for case in suite]
    except (UnicodeDecodeError, ExpatError, SyntaxError, JUnitXmlError, RecursionError) as error:
        raise UnreadableError(f"the JUnit XML is broken: {plain(str(error), 200)}") from error
    return Report(tuple((plain(f"{case.classname or ''}.{case.name or ''}".strip("."), 200), _kind(case)) for case in cases))


def plain_xml(content: bytes) -> bytes:
    """An XML document in UTF-8 that declares no other encoding, whatever it declared. Raises UnicodeDecodeError."""
    text = content.decode("utf-8-sig").lstrip()
    return (text.partition("?>")[2] if text.startswith("<?xml") else text).encode()


def _refuse(*_: object) -> None:
    raise UnreadableError("the JUnit XML has a document type: refused")


def _kind(case: Any) -> str:
    results = [type(result) for result in case.result]
    if Error in results:
        return "errors"
    return "failed" if Failure in results else "skipped" if Skipped in results else "passed"


def bytes_of(tree: Path, name: str) -> bytes:
    """The bytes of a file that a product's commands wrote, bounded. It must be a plain file in the tree: no link, no pipe,
    nothing outside. Raises UnreadableError."""
    path = tree / name
    try:
        if not path.parent.resolve().is_relative_to(tree.resolve()):
            raise UnreadableError(f"{name} lies outside of the tree")
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise UnreadableError(f"{name} is no plain file")
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise UnreadableError(f"the tests wrote no {name}") from error
    except (OSError, RuntimeError) as error:
        raise UnreadableError(f"{name} cannot be read: {error}") from error
    if len(content) > MAX_BYTES:
        raise UnreadableError(f"{name} is larger than {MAX_BYTES:,} bytes")
    return content
