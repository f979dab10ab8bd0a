"""What a text is: its language, the kind of voice, and how it feels. Rules, the same every time, for English and Korean."""

import math
import re
from functools import cache, lru_cache
from typing import Any

from include.voc_aggregation.lexicon import (
    BUG,
    ENGLISH,
    ENGLISH_NEGATORS,
    FEATURE,
    KOREAN,
    KOREAN_AFTER,
    KOREAN_BEFORE,
    KOREAN_MATCH,
    MENDED,
    PRAISED,
    QUESTION,
    THANKS,
    words,
)

KINDS = ("bug", "feature", "question", "praise")
UNKNOWN = "und"  # BCP 47: undetermined
_HANGUL = re.compile("[가-힣ㄱ-ㅎㅏ-ㅣ]+")
_LETTER = re.compile(r"[^\W\d_]+")
_WORD = re.compile(r"[a-z0-9/]+(?:'[a-z]+)?")
_CODE = re.compile(r"[a-z]{2,3}(?:-[a-z0-9]{2,8})*")
_COMMON = words(
    "the a an and or is are was it this that i my me you your to of in on for with not can't don't doesn't no but when have "
    "has be at so if we can")
_SENTENCE_END = re.compile(r"[.!?~。][)\"'”]*\s|\n")
_LOOKED_AT = 2000  # characters: what a long report is about stands at its beginning


def language(text: str, given: str | None = None) -> str:
    """The language of `text` as an ISO 639-1 code, `given` by the source where it is a code; `und` where there are no letters."""
    if given and _CODE.fullmatch(given.lower()):
        return given.lower().split("-")[0]
    text = text[:_LOOKED_AT]
    letters = sum(map(len, _LETTER.findall(text)))
    if not letters:
        return UNKNOWN
    hangul = 0 if text.isascii() else sum(map(len, _HANGUL.findall(text)))
    if hangul >= 0.2 * letters:  # a Korean text may name a product in Latin letters
        return "ko"
    tokens = _WORD.findall(text.lower())
    if text.isascii() and (len(tokens) <= 3 or sum(token in _COMMON for token in tokens) >= 0.1 * len(tokens)):
        return "en"
    found = str(_identifier().classify(text[:400])[0])
    return UNKNOWN if found == "zxx" else found  # ISO 639-2: no linguistic content


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_DIR, MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_modelpath(MODEL_DIR / MODEL_FILE)


def sentiment(text: str, rating: float | None = None, scale: tuple[float, float] = (1, 5)) -> float:
    """How `text` feels, from -1 to 1: its words, a third of it, and the customer's `rating` on `scale`, two thirds."""
    return felt(feeling(text), rating, scale)


@lru_cache(maxsize=10_000)  # what is learnt asks again for the voices that are being heard
def feeling(text: str) -> float:
    """How the words of `text` feel, from -1 to 1."""
    text = text[:_LOOKED_AT]
    total = _english(text.lower()) + (0.0 if text.isascii() else _korean(text))
    return total / (abs(total) + 1.5)


def felt(told: float, rating: float | None, scale: tuple[float, float]) -> float:
    """What a text `told` of a feeling, with the customer's `rating` on `scale` where there is one."""
    if rating is None or math.isnan(rating):
        return round(told, 4)
    worst, best = scale
    return round((2 * (2 * (rating - worst) / (best - worst) - 1) + told) / 3, 4)


def _english(text: str) -> float:
    tokens = _WORD.findall(text)
    total = 0.0
    for place, word in enumerate(tokens):
        if weight := ENGLISH.get(word):
            negated = not ENGLISH_NEGATORS.isdisjoint(tokens[max(0, place - 3): place])
            total += -0.6 * weight if negated else weight
    return total


def _korean(text: str) -> float:
    total = 0.0
    for match in KOREAN_MATCH.finditer(text):
        weight = KOREAN[match[0]]
        before = KOREAN_BEFORE.search(text, max(0, match.start() - 2), match.start())
        negated = bool(before) or bool(KOREAN_AFTER.match(text, match.end()))
        total += -0.6 * weight if negated else weight
    return total


def kind(text: str, feeling: float) -> str:
    """The main kind of a voice: bug, feature, question or praise."""
    return kinds(text, feeling)[0]


def kinds(text: str, feeling: float) -> tuple[str, ...]:
    """The kinds of a voice, the main one first.

    Something mended or thanked for is praise; then a wish, a fault and a question, in this order. What names none of them
    is praise where it feels good, a bug (a complaint) where it feels bad, and a question where it can't be told: somebody
    should look. Another kind holds too where a sentence of its own says so.
    """
    text = text[:_LOOKED_AT].lower()
    mended = MENDED(text) if feeling >= 0 else None
    wish, fault = FEATURE(text), BUG(text)
    if mended:
        main, said = "praise", mended
    elif fault and not (feeling > 0.3 and THANKS(text)) and not (wish and wish.start() < fault.start()):
        main, said = "bug", fault
    elif wish:
        main, said = "feature", wish
    else:
        asked = feeling < 0.6 and QUESTION(text)
        return ("question",) if asked or not feeling else ("praise",) if feeling > 0 else ("bug",)
    if not _SENTENCE_END.search(text):
        return (main,)
    others = {"bug": fault, "feature": wish, "question": QUESTION(text), "praise": PRAISED(text) if feeling >= 0 else None}
    found = [(main, said)]
    for name, match in others.items():
        if match and name != main and all(_apart(text, match, other) for _, other in found):
            found.append((name, match))
    return tuple(name for name, _ in found)


def _apart(text: str, one: re.Match[str], other: re.Match[str]) -> bool:
    """Whether a sentence ends between two findings."""
    first, second = sorted((one, other), key=lambda match: match.start())
    return bool(_SENTENCE_END.search(text, first.end() - 1, second.start() + 1))
