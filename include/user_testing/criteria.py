"""The acceptance criteria of a release's stories: a criterion is a scenario of a story's Gherkin."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from gherkin.errors import ParserError
from gherkin.parser import Parser


@dataclass(frozen=True)
class Promise:
    """A story that the release answers, with its acceptance criteria in Gherkin."""

    id: str
    title: str
    acceptance: str


@dataclass(frozen=True)
class Criterion:
    """The scenario `number` (from 1) of a story: its name and its steps."""

    story: str
    number: int
    name: str
    steps: tuple[str, ...]

    @property
    def id(self) -> str:
        return f"{self.story}/{self.number}"


def criteria_of(promise: Promise) -> list[Criterion]:
    """The criteria of a story. Raises ValueError where they are no Gherkin, with what is wrong."""
    try:
        feature: Any = Parser().parse(promise.acceptance).get("feature")
    except ParserError as error:
        raise ValueError(str(error)) from error
    return [Criterion(promise.id, number, scenario["name"],
                      tuple(f"{step['keyword'].strip()} {step['text']}" for step in scenario["steps"]))
            for number, scenario in enumerate(_scenarios(feature or {"children": []}), 1)]


def known_criteria(promises: Sequence[Promise]) -> list[Criterion]:
    """The criteria of all stories that have some which can be read."""
    found: list[Criterion] = []
    for promise in promises:
        try:
            found += criteria_of(promise)
        except ValueError:  # the checklist shows these as they are
            continue
    return found


def _scenarios(parent: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for child in parent["children"]:
        if "scenario" in child:
            yield child["scenario"]
        elif "rule" in child:
            yield from _scenarios(child["rule"])
