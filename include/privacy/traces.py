"""Finding what an erased text left in other texts: its sentences in names, titles, tables and event documents. Pure rules."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

GONE = "[erased]"
WINDOW = 6  # letters and digits that are looked up
TELLING = 24  # letters from which a shared beginning is no accident; a syllable of Hangul counts as two
_OPENING, _CLOSING = ("", "“", '"', ">", "|"), ("", "”", '"', "<", "|")
_SENTENCE = re.compile(r"(?<=[.!?。~,;:])\s+|\n+")


def letters(text: str) -> str:
    """Only the letters and digits of `text`, in lower case: what survives cutting, escaping and other punctuation."""
    return "".join(filter(str.isalnum, text)).lower()


class Traces:
    """Cleans texts of what erased texts left in them.

    `renamed` are whole phrases (old to new). `texts` were erased: wherever a sentence of one begins, all that follows of it is
    replaced by GONE, if that is TELLING or, being shorter, stands alone or in quotation marks. `kept` are phrases that living
    texts bear too, and that stay.
    """

    def __init__(self, texts: Iterable[str], renamed: Mapping[str, str], kept: Iterable[str]) -> None:
        self._renamed = sorted(renamed.items(), key=lambda pair: -len(pair[0]))
        self._kept = "\n".join(map(letters, kept))
        self._tails: defaultdict[str, list[str]] = defaultdict(list)
        for text in texts:
            parts = _SENTENCE.split(text)
            for number in range(len(parts)):
                tail = letters(" ".join(parts[number:]))
                if len(tail) >= WINDOW:
                    self._tails[tail[:WINDOW]].append(tail)

    def __bool__(self) -> bool:
        return bool(self._tails or self._renamed)

    def cleaned(self, value: Any) -> Any:
        """`value` (text, or plain JSON values) without traces."""
        if isinstance(value, str):
            for old, new in self._renamed:
                value = value.replace(old, new)
            return self._without_texts(value)
        if isinstance(value, list):
            return [self.cleaned(item) for item in value]
        if isinstance(value, dict):
            return {name: self.cleaned(item) for name, item in value.items()}
        return value

    def _without_texts(self, text: str) -> str:
        if not self._tails:
            return text
        places = [place for place, character in enumerate(text) if character.isalnum() and len(character.lower()) == 1]
        flat = "".join(text[place].lower() for place in places)
        parts, done, at = list[str](), 0, 0
        while at + WINDOW <= len(flat):
            length = self._shared(flat, at)
            if length and (_weight(flat[at:at + length]) >= TELLING or _alone(text, places[at], places[at + length - 1] + 1)):
                parts += (text[done:places[at]], GONE)
                done, at = places[at + length - 1] + 1, at + length
            else:
                at += 1
        return "".join([*parts, text[done:]]) if parts else text

    def _shared(self, flat: str, at: int) -> int:
        """How many letters from `at` on are the beginning of a sentence that was erased."""
        longest = 0
        for tail in self._tails.get(flat[at:at + WINDOW], ()):
            length = WINDOW
            while length < len(tail) and flat[at + length:at + length + 1] == tail[length]:
                length += 1
            longest = max(longest, length)
        return 0 if longest and flat[at:at + longest] in self._kept else longest


def _weight(flat: str) -> int:
    return len(flat) + sum("가" <= letter <= "힣" for letter in flat)


def _alone(text: str, start: int, end: int) -> bool:
    return text[:start].rstrip()[-1:] in _OPENING and text[end:].lstrip(" .,;:!?~…\\")[:1] in _CLOSING
