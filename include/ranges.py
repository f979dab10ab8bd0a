"""Ranges of semantic versions, in the grammar that npm made common (node-semver's README): `>=1.2 <2`, `^1.2.3`, `~1.2`, `1.x`,
`1.2 - 1.4`, `^1 || ^2`, `*`; a comma may stand for the blank.

A prerelease is in a range only where a bound of it names a prerelease of the same version, as npm has it.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

from semver import Version

from include.errors import InputError

MAX_LENGTH = 200
MAX_SPANS = 64  # beyond it, alternatives that overlap are joined
_PART = r"(?:0|[1-9]\d{0,8}|[xX*])"
_PARTIAL = rf"(?P<major>{_PART})(?:\.(?P<minor>{_PART}))?(?:\.(?P<patch>{_PART}))?(?P<pre>-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?"
_BOUND = re.compile(rf"(?P<sign>\^|~>?|>=|<=|>|<|=|==)?\s*v?{_PARTIAL}", re.ASCII)
_HYPHEN = re.compile(r"(\S+)\s+-\s+(\S+)")
_SIGN_BLANK = re.compile(r"([\^~<>=])\s+")


@dataclass(frozen=True)
class Span:
    """The versions from `low` up to, and without, `high` (None: no end). `prereleases`: whose prereleases it names."""

    low: Version
    high: Version | None = None
    prereleases: frozenset[tuple[int, int, int]] = frozenset()

    def __and__(self, other: "Span") -> "Span":
        highs = [high for high in (self.high, other.high) if high is not None]
        return Span(max(self.low, other.low), min(highs, default=None), self.prereleases | other.prereleases)

    def __bool__(self) -> bool:
        named = not self.low.prerelease or (self.low.major, self.low.minor, self.low.patch) in self.prereleases
        return self.high is None or (self.low if named else self.low.finalize_version()) < self.high

    def __contains__(self, version: Version) -> bool:
        named = not version.prerelease or (version.major, version.minor, version.patch) in self.prereleases
        return named and self.low <= version and (self.high is None or version < self.high)


@dataclass(frozen=True)
class Range:
    """A set of versions, as `text` says it; `spans` are the alternatives, none of them empty."""

    text: str
    spans: tuple[Span, ...]

    @classmethod
    @lru_cache(maxsize=4096)
    def parse(cls, text: str) -> Self:
        """Read a range. Raises InputError where it is none; a range that no version can be in (`>2 <1`) is one, and is empty."""
        if len(text) > MAX_LENGTH:
            raise InputError(f"a range is longer than {MAX_LENGTH} characters")
        spans = dict.fromkeys(_alternative(part, text) for part in text.split("||"))
        return cls(text.strip() or "*", tuple(span for span in spans if span))

    def __contains__(self, version: str | Version) -> bool:
        found = Version.parse(version) if isinstance(version, str) else version
        return any(found in span for span in self.spans)

    def __and__(self, other: "Range") -> "Range":
        both = dict.fromkeys(span for one in self.spans for two in other.spans if (span := one & two))
        return Range(f"({self.text}) and ({other.text})", tuple(both))

    def __bool__(self) -> bool:
        return bool(self.spans)


def clash(ranges: Sequence[Range]) -> tuple[int, ...]:
    """The places, in order, of ranges that no version can be in together: () where all have one in common.

    Told is the first range that leaves nothing of those before it, with the first of them that it clashes with alone, or (since
    alternatives may clash only together) with all of them; alone where it is empty by itself. Takes time linear in the ranges.
    """
    left = Range("*", (Span(_version()),))
    for place, one in enumerate(ranges):
        left = left & one
        left = Range("*", left.spans if len(left.spans) <= MAX_SPANS else _joined(left.spans))
        if not left:
            alone = () if one else (place,)
            return alone or next(((other, place) for other in range(place) if not ranges[other] & one), tuple(range(place + 1)))
    return ()


def _joined(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Spans that overlap as one."""
    found: list[Span] = []
    for span in sorted(spans, key=lambda span: span.low):
        last = found[-1] if found else None
        if last is not None and (last.high is None or span.low <= last.high):
            high = None if last.high is None or span.high is None else max(last.high, span.high)
            found[-1] = Span(last.low, high, last.prereleases | span.prereleases)
        else:
            found.append(span)
    return tuple(found)


def _alternative(part: str, text: str) -> Span:
    part = _SIGN_BLANK.sub(r"\1", part.replace(",", " ").strip())
    if hyphen := _HYPHEN.fullmatch(part):
        return _bound(f">={hyphen[1]}", text) & _bound(f"<={hyphen[2]}", text)
    span = Span(_version())
    for word in part.split():
        span &= _bound(word, text)
    return span


def _bound(word: str, text: str) -> Span:
    match = _BOUND.fullmatch(word)
    if match is None:
        raise InputError(f"{text!r} is no range of versions: {word!r} is not understood (expected such as '>=1.2 <2' or '^1.2')")
    numbers = [int(part) for part in _known(match["major"], match["minor"], match["patch"])]
    if match["pre"] and len(numbers) < 3:
        raise InputError(f"{text!r} is no range of versions: {word!r} has a prerelease and no full version")
    low = _version(*numbers, pre=(match["pre"] or "")[1:])
    return _span(match["sign"] or "=", numbers, low)


def _known(*parts: str | None) -> list[str]:
    """The numbers that stand before the first x, * or missing part."""
    known: list[str] = []
    for part in parts:
        if part is None or not part.isdigit():
            break
        known.append(part)
    return known


def _span(sign: str, numbers: list[int], low: Version) -> Span:
    named = frozenset([(low.major, low.minor, low.patch)]) if low.prerelease else frozenset[tuple[int, int, int]]()
    if not numbers:  # *
        return Span(_version()) if sign not in ("<", ">") else Span(_version(), _version())
    end = _after(low) if low.prerelease or len(numbers) == 3 else _next(numbers, len(numbers))
    match sign:
        case ">=":
            return Span(low, None, named)
        case ">":
            return Span(end, None, named)
        case "<":
            return Span(_version(), low, named)
        case "<=":
            return Span(_version(), end, named)
        case "^":
            lead = next((place for place, number in enumerate(numbers) if number), len(numbers) - 1)
            return Span(low, _next(numbers, lead + 1), named)
        case "~" | "~>":
            return Span(low, _next(numbers, min(2, len(numbers))), named)
        case _:
            return Span(low, end, named)


def _next(numbers: list[int], kept: int) -> Version:
    """The first version, prereleases among them, after all that begin with the first `kept` numbers."""
    return _version(*[*numbers[: kept - 1], numbers[kept - 1] + 1]).replace(prerelease="0")


def _after(version: Version) -> Version:
    """The next version in the order."""
    if version.prerelease:
        return version.replace(prerelease=f"{version.prerelease}.0")
    return version.bump_patch().replace(prerelease="0")


def _version(major: int = 0, minor: int = 0, patch: int = 0, *, pre: str = "") -> Version:
    return Version(major, minor, patch, pre or None)
