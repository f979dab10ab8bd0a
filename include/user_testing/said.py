"""What testers say of the criteria, in the form's lines: `S-0123456789/1: works`, or `fails: no discount`, or what they saw."""

import re
from collections.abc import Sequence

from include.markup import plain
from include.user_testing.binding import Bound, Verdict
from include.user_testing.criteria import Criterion

SHOWN = 60  # lines that the form offers
LONGEST = 1000
_LINE = re.compile(r"\s*(?P<id>\S+/\d+)\s*:\s*(?P<text>.*)")
_WORD = re.compile(r"(?P<word>\w+)[\s:,.;—–-]*(?P<rest>.*)", re.DOTALL)
GOOD = ("works", "work", "ok", "yes", "pass", "passes", "passed", "됨", "통과", "성공")
BAD = ("fails", "fail", "failed", "no", "broken", "안됨", "실패")
WORDS: dict[str, Verdict] = {**dict.fromkeys(GOOD, "pass"), **dict.fromkeys(BAD, "fail")}


def offered(criteria: Sequence[Criterion]) -> str:
    """The lines of an empty form, one a criterion."""
    return "\n".join(f"{criterion.id}: " for criterion in criteria[:SHOWN])


def said(text: str, criteria: Sequence[Criterion]) -> list[Bound]:
    """What the lines of `text` say: of a criterion, or, where a line names none that is known, of the release as a whole. Later
    lines about the same criterion are added to the first."""
    known = {criterion.id: criterion for criterion in criteria}
    found: dict[str, Bound] = {}
    for line in text.splitlines():
        match = _LINE.fullmatch(line)
        criterion = known.get(match["id"]) if match else None
        words = match["text"] if match and criterion else line
        if words.strip():
            _add(found, criterion, words)
    return list(found.values())


def verdict_of(words: str) -> tuple[Verdict, str]:
    """A tester's words: `works`, `fails: no discount`, or a comment."""
    match = _WORD.match(words.strip())
    verdict = WORDS.get(match["word"].casefold()) if match else None
    if match is None or verdict is None:
        return "comment", plain(words, LONGEST)
    return verdict, plain(match["rest"], LONGEST)


def _add(found: dict[str, Bound], criterion: Criterion | None, words: str) -> None:
    verdict, why = verdict_of(words) if criterion else ("comment", plain(words, LONGEST))
    key = criterion.id if criterion else ""
    if before := found.get(key):
        verdict = "fail" if "fail" in (before.verdict, verdict) else before.verdict
        why = plain(f"{before.why} {why}", LONGEST)
    found[key] = Bound(criterion, verdict, why)
