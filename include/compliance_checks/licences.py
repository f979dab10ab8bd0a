"""Which licence a text is: compared word by word with the licences' own texts in `licences/<SPDX id>.txt`."""

import html
import re
from collections import Counter
from dataclasses import dataclass
from functools import cache
from itertools import chain, pairwise
from pathlib import Path

TEXTS = Path(__file__).parent / "licences"
# Pairs of words: room for a title, none for another condition. Where no pair is missing, nothing stands in the text's midst
# either; only a long text may lack one passage of some words (a heading, most often).
MAX_ADDED, MAX_MISSING, LONG = 8, 8, 500
CONDITION = frozenset(
    ["not", "only", "except", "must", "shall", "may", "unless", "without", "prohibited", "restricted", "commercial"])
NAMES = re.compile(r"((un)?licen[cs]es?|copying|patents)([-_][\w.+-]*?)?(\.(txt|md|rst|lesser))?", re.IGNORECASE)
# What is no part of a licence's terms, after the SPDX matching guidelines (spdx.org, annex B): copyright notices, titles,
# instructions for use after the terms, markup, case, punctuation, spelling of the same word.
_NOTICE = re.compile(r"^[\W_]*((portions )?copyright[\W_]*(\(c\)|©|\d{4}|by|the|year)|\(c\)[\W_]*(copyright|\d{4}|by\b)|©"
                     r"|all rights reserved).*$", re.IGNORECASE | re.MULTILINE)
_AFTER = re.compile(r"(?:end of (?:the )?terms and conditions|how to apply these terms to your new programs).*", re.I | re.S)
_LINK = re.compile(r"https?://\S+|\]\([^)]*\)|<[^>\s]+>")
_WORD = re.compile(r"[a-z0-9]{2,}")
# Whom a licence names may differ: the holder of BSD's third clause and of the disclaimers.
_HOLDERS = [(re.compile(before + r"\b.{1,200}?\b" + after, re.S), f"{before} {after}") for before, after in (
    ("neither the names?", "may be used"), ("is provided by", "as is"), ("in no event shall", "be liable"))]
_OPTIONAL = re.compile("including the next paragraph |for more information please refer to$")


@dataclass(frozen=True)
class Match:
    """The licence nearest to a text: its SPDX id where near enough, else None; pairs of words `added` to and `missing` of it."""

    licence: str | None
    nearest: str
    added: int
    missing: int


def detect(text: str) -> Match:
    """The licence of `text` (a LICENSE file), by the pairs of neighbouring words that it shares with each known text.

    An added condition or a struck clause makes it another licence; the instructions after the terms may be left out. A GPL
    text can't tell "only" from "or later", so the narrower one is named.
    """
    read = _read(text)
    nearest = max(_known().items(), key=lambda item: _likeness(read.pairs, item[1].pairs))[0]
    known = _known()[nearest]
    added, missing = read.pairs - known.pairs, known.terms - read.pairs
    slip = known.terms.total() > LONG and missing.total() <= MAX_MISSING and (read.terms - known.pairs).total() <= 1
    plain = added.total() <= MAX_ADDED and CONDITION.isdisjoint({*chain(*added), *(read.notices - known.notices)})
    return Match(nearest if (slip or not missing) and plain else None, nearest, added.total(), missing.total())


Pairs = Counter[tuple[str, str]]


@dataclass(frozen=True)
class _Read:
    """A text as `pairs` of words, those of its `terms` alone, and the words of its copyright notices."""

    pairs: Pairs
    terms: Pairs
    notices: frozenset[str]


def _likeness(a: Pairs, b: Pairs) -> float:
    """The Sørensen-Dice coefficient."""
    return 2 * (a & b).total() / max(1, a.total() + b.total())


def _read(text: str) -> _Read:
    text = html.unescape(text)
    notices = " ".join(match[0] for match in _NOTICE.finditer(text))
    return _Read(_pairs(text), _pairs(_AFTER.sub(" ", text)), frozenset(_WORD.findall(notices.lower())))


def _pairs(text: str) -> Pairs:
    words = _WORD.findall(_LINK.sub(" ", _NOTICE.sub(" ", text)).lower().replace("licence", "license"))
    line = " ".join(word for word in words if not word.isdigit())
    for pattern, plain in _HOLDERS:
        line = pattern.sub(plain, line)
    return Counter(pairwise(_OPTIONAL.sub("", line).split()))


@cache
def _known() -> dict[str, _Read]:
    return {path.stem: _read(path.read_text(encoding="utf-8")) for path in sorted(TEXTS.glob("*.txt"))}
