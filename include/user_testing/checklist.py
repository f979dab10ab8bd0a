"""What a person who tries a release is shown: what changed, and what its stories promised."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from gherkin.errors import ParserError
from gherkin.parser import Parser

from include.markup import markdown

LINES = 120  # of a changelog; a form is no report
NO_STORY = "No story is tied to this release: see whether it does what the changes say."


@dataclass(frozen=True)
class Promise:
    """A story that the release answers, with its acceptance criteria in Gherkin."""

    id: str
    title: str
    acceptance: str


def checklist(version: str, changelog: str, promises: Sequence[Promise]) -> str:
    """Markdown: the release's changes, then a box for each scenario of its stories.

    The changelog is Markdown already (the build escapes what commits say); everything else is untrusted and shown as it is.
    """
    changes = [line for line in changelog.strip().splitlines() if not line.startswith("## ")]
    lines = [f"## What is new in {markdown(version)}", *changes[:LINES]]
    if not any(changes):
        lines += ["", "The changelog is empty."]
    if len(changes) > LINES:
        lines += ["", f"{len(changes) - LINES} more lines stand in the release."]
    lines += ["", "## What it must do", ""]
    for promise in promises:
        lines += [f"**{markdown(promise.title)}** ({markdown(promise.id)})", "", *_boxes(promise.acceptance), ""]
    return "\n".join(lines if promises else [*lines, NO_STORY]).rstrip() + "\n"


def _boxes(acceptance: str) -> Iterator[str]:
    try:
        feature: Any = Parser().parse(acceptance).get("feature")
    except ParserError as error:
        yield f"- [ ] The criteria are not valid Gherkin ({markdown(str(error))}):"
        yield from (f"    - {markdown(line)}" for line in acceptance.splitlines() if line.strip())
        return
    for scenario in _scenarios(feature or {"children": []}):
        yield f"- [ ] {markdown(scenario['name'])}"
        yield from (f"    - {markdown(step['keyword'].strip())} {markdown(step['text'])}" for step in scenario["steps"])


def _scenarios(parent: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for child in parent["children"]:
        if "scenario" in child:
            yield child["scenario"]
        elif "rule" in child:
            yield from _scenarios(child["rule"])
