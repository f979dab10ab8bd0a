"""Personal data out of text, before anything is stored or logged: `Call 010-1234-5678` becomes `Call [phone]`.

Most text holds nothing: one scan tells. What may hold something is looked at closer only there: around an @, in stretches
of digits, and for names and addresses where a word announces them (`include.recognizers`).
"""

import hmac
import re
from collections.abc import Iterator

from include.recognizers import CREDENTIALS, IBAN, IPV6, NUMBERS, WORDS, Rule

_Span = tuple[int, int, str]

# Nothing that the rules know is without one of these: a stretch of digits, a number in a place, or a word that tells.
_DIGIT = re.compile(r"\d")
_STRETCH = re.compile(r"\d(?:\D{0,3}\d){3}")
_PLACE = re.compile(r"\d(?:동| [A-Z][a-z])|[길로동리] ?\d")
_ANNOUNCED = re.compile("생년|생일|우편|irth|BIRTH|orn on|DOB|dob|ddress|ADDRESS|Suite|Apt|Box|zip|Zip|ZIP|ost")
_WORD = re.compile("@|::|받는|보내는|수령인|수취인|예금주|성함|성명|고객명|이름|담당자|주문자|구매자|예약자|신청자|작성자|님|씨"
                   "|Mr|Ms|Dr|Prof|name|Name|NAME")
# A time of day on a date is no stretch: logs are full of them.
_NUMBERS = re.compile(r"(?<!\d)(?:19|20)\d\d[-/]\d\d[-/]\d\d[T ]\d\d:\d\d(?::\d\d)?(?:[.,]\d{1,6})?(?!\d)|"
                      r"(?P<it>\d(?:\D{0,3}\d){3,})")
_COLONS = re.compile(r"::|:[0-9A-Fa-f]{1,4}:[0-9A-Fa-f]{1,4}:")
_DOMAIN = re.compile(r"@(?:(?:[A-Za-z0-9-]{1,63}\.){1,8}|(?:[\w-]{1,63}\.){1,8})[A-Za-z]{2,24}(?![A-Za-z-])")
_ASCII_BOX, _BOX = re.compile(r"[A-Za-z0-9._%+'-]{1,64}\Z"), re.compile(r"[\w.%+'-]{1,64}\Z")


def _mails(text: str) -> Iterator[_Span]:
    end = 0
    for domain in _DOMAIN.finditer(text):
        within = max(end, domain.start() - 64), domain.start()
        if box := _ASCII_BOX.search(text, *within) or _BOX.search(text, *within):
            end = domain.end()
            yield box.start(), end, "email"


def _numbers(text: str) -> Iterator[_Span]:
    for stretch in _NUMBERS.finditer(text):
        if stretch.lastgroup:
            yield from _stretch(text, *stretch.span())


def _stretch(text: str, start: int, end: int) -> list[_Span]:
    length, start, end = end - start, max(0, start - 2), min(len(text), end + 10)
    found: list[_Span] = []
    taken = bytearray()
    for rule in NUMBERS:
        if length < rule.least or (rule.needs and text.find(rule.needs[0], start, end) < 0):
            continue
        for match in rule.form.finditer(text, start, end):
            first, last = match.span()
            if not _right(rule, text, match[0], first) or (taken and taken.find(1, first - start, last - start) >= 0):
                continue
            taken = taken or bytearray(end - start)
            taken[first - start:last - start] = b"\x01" * (last - first)
            found.append((first, last, rule.name))
    return sorted(found)


def _right(rule: Rule, text: str, found: str, start: int) -> bool:
    if rule.before and not rule.before.search(text[max(0, start - 40):start]):
        return False
    return rule.holds is None or rule.holds(found)


def _matches(rule: Rule, text: str) -> Iterator[_Span]:
    group = "it" if "it" in rule.form.groupindex else 0
    for match in rule.form.finditer(text):
        if rule.holds is None or rule.holds(match[group]):
            yield *match.span(group), rule.name


def _replaced(text: str, spans: Iterator[_Span]) -> str:
    parts: list[str] = []
    end = 0
    for first, last, name in spans:
        if first >= end:
            parts += (text[end:first], f"[{name}]")
            end = last
    return "".join([*parts, text[end:]]) if parts else text


def _once(text: str) -> str:
    if "@" in text:
        text = _replaced(text, _matches(CREDENTIALS, text))
        text = _replaced(text, _mails(text))
    if _COLONS.search(text):
        text = _replaced(text, _matches(IPV6, text))
    if _STRETCH.search(text):
        text = _replaced(text, _matches(IBAN, text))
        text = _replaced(text, _numbers(text))
    lower = text.lower()
    for rule in WORDS:
        if any(word in lower for word in rule.needs):
            text = _replaced(text, _matches(rule, text))
    return text


def _maybe(text: str) -> bool:
    if _DIGIT.search(text) and (_STRETCH.search(text) or _PLACE.search(text) or _ANNOUNCED.search(text)):
        return True
    return bool(_WORD.search(text))


def redact(text: str) -> str:
    """`text` with placeholders such as `[email]` or `[phone]` where personal data stood. Redacting again changes nothing."""
    while _maybe(text):
        before, text = text, _once(text)
        if text == before:
            break
    return text


def excerpt(text: str, limit: int = 2000) -> str:
    """The redacted beginning of `text`, at most `limit` characters, fit to be stored anywhere.

    What is cut is cut after redaction, well before the end of what was looked at, so that no half of a number is left.
    """
    seen = text[: 2 * limit]
    redacted = redact(seen.encode("utf-8", "replace").decode("utf-8").replace("\x00", " "))
    if len(text) > len(seen):
        redacted = redacted[:-200]
    return redacted if len(redacted) <= limit else redacted[: limit - 1] + "…"


def author_hash(author: str, key: bytes | None) -> str:
    """Who wrote, as 16 hex digits of HMAC-SHA-256 under `key`: the same person is known again, and nobody by name.

    Without a key `author` is such a hash already.
    """
    if key is None:
        return author
    return hmac.digest(key, author.strip().casefold().encode("utf-8", "replace"), "sha256").hex()[:16]
