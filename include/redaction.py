"""Personal data out of text, before anything is stored or logged: `Call 010-1234-5678` becomes `Call [phone]`.

Recognizers are rules: a form, and where one exists a check (Luhn for cards, modulus 97 for IBANs, the weights of Korean
business numbers) or a word before it that tells (account, holder). Resident and foreigner numbers have no check: those
issued since October 2020 have no check digit.
"""

import hmac
import re
import unicodedata
from collections.abc import Callable
from ipaddress import ip_address
from typing import NamedTuple

# Nothing personal that the rules know is without an @, four digits near one another, or a word that announces a name.
_MAYBE = re.compile(r"@|\d(?:\D{0,3}\d){3}|:[0-9A-Fa-f]{0,4}:|받는\s?분|수령인|예금주|성함|성명|고객명")
_DIGITS = re.compile(r"\D")


def _digits(text: str) -> list[int]:
    return [unicodedata.digit(character) for character in _DIGITS.sub("", text)]


def _luhn(text: str) -> bool:
    """ISO/IEC 7812-1: every second digit from the right doubled, the digit sum a multiple of ten."""
    digits = _digits(text)[::-1]
    total = sum(digits[::2]) + sum(sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return total % 10 == 0 and len(set(digits)) > 2


def _iban(text: str) -> bool:
    """ISO 13616: moved four places and read as base 36, the remainder by 97 is 1."""
    letters = text.replace(" ", "").upper()
    return int("".join(str(int(letter, 36)) for letter in letters[4:] + letters[:4])) % 97 == 1


def _business(text: str) -> bool:
    """The check digit of Korea's National Tax Service: weights 1 3 7 1 3 7 1 3 5, and the tens of the last product."""
    digits = _digits(text)
    total = sum(digit * weight for digit, weight in zip(digits, (1, 3, 7, 1, 3, 7, 1, 3, 5), strict=False))
    return (10 - (total + digits[8] * 5 // 10) % 10) % 10 == digits[9]


def _not_a_time(text: str) -> bool:
    """Twelve digits in a row that read as 2021 09 30 17 20 are a time, and ones all alike are noise: no driver licence."""
    return len(set(text)) > 3 and not re.fullmatch(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])[0-2]\d[0-5]\d", text)


def _ipv6(text: str) -> bool:
    try:
        return any(map(str.isdigit, text)) and ip_address(text).version == 6
    except ValueError:
        return False


def _international(text: str) -> bool:
    return 8 <= len(_digits(text)) <= 15


class _Rule(NamedTuple):
    name: str
    form: re.Pattern[str]
    holds: Callable[[str], bool] | None = None
    needs: str | None = None


def _rule(name: str, form: str, holds: Callable[[str], bool] | None = None, needs: str | None = None) -> _Rule:
    return _Rule(name, re.compile(form), holds, needs)


_BYTE = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_BIRTH = r"\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
_GAP = r"[-–. )]{0,2}"
_PLATE = "가나다라마거너더러머버서어저고노도로모보소오조구누두루무부수우주바사아자하허호배"
_BANK = r"(?:계좌|은행|뱅크|농협|신협|우체국|새마을금고|입금|(?i:\baccount|\bacct))"
_PROVINCE = "서울|부산|대구|인천|광주|대전|울산|세종|경기|강원|충청|충북|충남|전라|전북|전남|경상|경북|경남|제주"

# In this order: what is more specific goes first. Where a form has a group, the group is what is replaced.
_RULES = [
    _rule("email", r"[A-Za-z0-9._%+'-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![A-Za-z-])", needs="@"),
    _rule("email", r"[\w.%+'-]{1,64}@(?:[\w-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![A-Za-z-])", needs="@"),
    _rule("iban", r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b", _iban),
    _rule("resident number", rf"(?<!\d){_BIRTH}[-– ]?[1-4]\d{{6}}(?!\d)"),
    _rule("foreigner number", rf"(?<!\d){_BIRTH}[-– ]?[5-8]\d{{6}}(?!\d)"),
    _rule("card", r"(?<![\d-])(?:\d{4}(?P<gap>[- ]?)\d{4}(?P=gap)\d{4}(?P=gap)\d{4}(?:(?P=gap)\d{3})?"
                  r"|3[47]\d{2}[- ]?\d{6}[- ]?\d{5}|[3-6]\d{13,18})(?![\d-]*\d)", _luhn),
    _rule("phone", rf"(?<!\d)(?:\+?82{_GAP}(?:\(0\))?0?|0)1[016789]{_GAP}\d{{3,4}}[-–. ]{{0,2}}\d{{4}}(?!\d)"),
    _rule("phone", rf"(?<!\d)(?:\+82{_GAP}|\(?0)(?:2|3[1-3]|4[1-4]|5[1-5]|6[1-4]|70|50\d){_GAP}\d{{3,4}}[-–. ]?\d{{4}}(?!\d)"),
    _rule("phone", r"(?<![\w+])\+[1-9]\d{0,2}(?:[-–. ()]{0,2}\d{1,4}){2,6}(?!\d)", _international),
    _rule("phone", r"(?<![\d-])(?:\+?1[-. ])?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[-.])[2-9]\d{2}[-.]\d{4}(?![\d-])"),
    _rule("social security number", r"(?<![\d-])(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])"),
    _rule("driver licence", r"(?<![\d/-])(?:1[1-9]|2[0-8])(?P<gap>[- ]?)\d{2}(?P=gap)\d{6}(?P=gap)\d{2}(?![\d-])", _not_a_time),
    _rule("business number", r"(?<![\d-])\d{3}(?P<gap>-?)\d{2}(?P=gap)\d{5}(?![\d-]*\d)", _business),
    _rule("account", rf"{_BANK}[^\d\n]{{0,15}}(?P<it>\d[\d -]{{6,18}}\d)(?!\d)"),
    _rule("passport", r"(?<![A-Za-z0-9])[MSRODmsrod]\d{3}(?:[A-Za-z]\d{4}|\d{5})(?![A-Za-z0-9])"),
    _rule("plate", rf"(?<!\d)\d{{2,3}}[{_PLATE}] ?\d{{4}}(?!\d|[년월원명개]|,\d)"),
    _rule("ip", rf"(?<![\w.])(?<!version )(?<!버전 )(?:{_BYTE}\.){{3}}{_BYTE}(?![\w.]*\d)"),
    _rule("ip", r"(?<![\w:.])[0-9A-Fa-f:]{3,39}(?:\.\d{1,3}){0,3}(?![\w:])", _ipv6, needs=":"),
    _rule("address", rf"(?:(?:{_PROVINCE})[가-힣]{{0,6}} )(?:[가-힣]{{1,8}}[시군구] ){{0,2}}[가-힣\d]{{1,12}}(?:로|길|동|읍|면)"
                     r" ?\d{1,4}(?:번?길)?(?: ?\d{1,4})?(?:-\d{1,4})?(?:번지)?(?:,? ?\d{1,4}동)?(?:,? ?\d{1,5}호)?"),
    _rule("name", r"(?<![가-힣])(?:받는\s?분|수령인|예금주|성함|성명|고객명)[은는이]?\s?[:：]?\s?"
                  r"(?P<it>[가-힣]{2,4})(?![가-힣])"),
]


def _replacement(rule: _Rule) -> Callable[[re.Match[str]], str]:
    named = "it" in rule.form.groupindex

    def replaced(match: re.Match[str]) -> str:
        found = match["it"] if named else match[0]
        if rule.holds is not None and not rule.holds(found):
            return match[0]
        start = match.start("it") - match.start() if named else 0
        return f"{match[0][:start]}[{rule.name}]{match[0][start + len(found):]}"

    return replaced


_STEPS = [(rule.form.sub, _replacement(rule), rule.needs) for rule in _RULES]


def redact(text: str) -> str:
    """`text` with placeholders such as `[email]` or `[phone]` where personal data stood. Redacting again changes nothing."""
    while _MAYBE.search(text):
        before = text
        for substitute, replacement, needs in _STEPS:
            if needs is None or needs in text:
                text = substitute(replacement, text)
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


def author_hash(author: str, key: bytes) -> str:
    """Who wrote, as 16 hex digits of HMAC-SHA-256 under `key`: the same person is known again, and nobody by name."""
    return hmac.digest(key, author.strip().casefold().encode("utf-8", "replace"), "sha256").hex()[:16]
