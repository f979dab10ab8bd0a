"""Korean particles, chosen by the sound that a word ends with."""

import re

_DIGITS = set("013678")  # 영 일 삼 육 칠 팔 end with a consonant
_LATIN = re.compile(r"(?:[lmn]|ng|pp|ck|[aeiou][pktbc])$", re.IGNORECASE)  # as in 메일, 폼, 쿠폰, 앱, 체크아웃, 북, 웹, 뮤직
_LETTERS = set("LMNR")  # 엘 엠 엔 알, where a word is spelled out


def has_final(word: str) -> bool | None:
    """Whether `word` ends with a consonant when it is read in Korean; None where that can't be told.

    Hangul by its code point (Unicode 16, section 3.12), digits by their Sino-Korean reading, Latin words by how loan words
    that end alike are written. Punctuation at the end does not count.
    """
    core = re.sub(r"[\W_]+$", "", word)
    last = core[-1:]
    if "가" <= last <= "힣":
        return (ord(last) - ord("가")) % 28 != 0
    if last.isascii() and last.isdigit():
        return last in _DIGITS
    if last.isascii() and last.isalpha():
        spelled = re.search(r"[A-Z]+$", core)
        return last in _LETTERS if spelled and (spelled.start() == 0 or len(spelled[0]) > 1) else bool(_LATIN.search(core))
    return None


def particle(word: str, pair: str) -> str:
    """The one of `pair` (after a consonant / after a vowel: "을/를", "이/가", "이라고/라고") that follows `word`; both, as
    을(를) or (이)라고, where it can't be told."""
    closed, opened = pair.split("/")
    final = has_final(word)
    if final is None:
        return f"(이){opened}" if closed == f"이{opened}" else f"{closed}({opened})"
    return closed if final else opened
