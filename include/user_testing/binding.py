"""Which criterion does a test speak for? By its name alone: that is all that JUnit XML says of it."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from include.user_testing.criteria import Criterion

_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_NO_WORD = re.compile(r"[\W_]+")
Verdict = Literal["pass", "fail", "comment"]
OF_TESTS: dict[str, Verdict] = {"passed": "pass", "failed": "fail", "errors": "fail"}


@dataclass(frozen=True)
class Bound:
    """What one source says of one criterion (None: of the release as a whole), and why: the tests, or a person's words."""

    criterion: Criterion | None
    verdict: Verdict
    why: str


def bound(cases: Sequence[tuple[str, str]], criteria: Sequence[Criterion]) -> list[Bound]:
    """What the tests `cases` (name, outcome) say of each criterion that some of them speak for.

    A test that bears a criterion's id (`test_S_0123456789_2`) speaks for it; or else one that bears its name, as the tests that
    Gherkin's runners write do, of that story where it bears a story's id too; or else one that bears the id of a story, for all
    of its criteria. A criterion is met where some of its tests passed and none failed; tests that were skipped say nothing.
    """
    said: dict[str, list[tuple[str, str]]] = {}
    for name, outcome in cases:
        if outcome in OF_TESTS:
            for criterion in _meant(f" {_words(name)} ", criteria):
                said.setdefault(criterion.id, []).append((name, outcome))
    return [_of(criterion, said[criterion.id]) for criterion in criteria if criterion.id in said]


def _meant(test: str, criteria: Sequence[Criterion]) -> list[Criterion]:
    of_story = [criterion for criterion in criteria if f" {_words(criterion.story)} " in test]
    by_id = [criterion for criterion in of_story if f" {_words(criterion.id)} " in test]
    return by_id or [criterion for criterion in of_story or criteria if _named(criterion, test)] or of_story


def _named(criterion: Criterion, test: str) -> bool:
    return bool(words := _words(criterion.name)) and f" {words} " in test


def _of(criterion: Criterion, tests: list[tuple[str, str]]) -> Bound:
    failed = [name for name, outcome in tests if OF_TESTS[outcome] == "fail"]
    return Bound(criterion, "fail" if failed else "pass", ", ".join(failed or [name for name, _ in tests]))


def _words(text: str) -> str:
    """`text` as lower-case words with one space between: `test_CouponIsApplied[a]` and `Coupon is applied` look alike."""
    split = _CAMEL.sub(" ", unicodedata.normalize("NFKC", text)).casefold()
    return " ".join(word for word in _NO_WORD.split(split) if word not in {"", "test"})
