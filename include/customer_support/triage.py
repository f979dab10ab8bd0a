"""Triage by rules, out of the box in English and Korean: language, urgency, category, area, and the team that it belongs to."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from include.parts.desk import Route

PRIORITIES = ("urgent", "high", "normal", "low")
# What other desks call these, lower case.
_CALLED = {
    "urgent": "urgent critical blocker emergency highest p0 p1 s1 sev1 긴급 심각",
    "high": "high major important p2 s2 sev2 높음 중요",
    "normal": "normal medium moderate standard p3 s3 sev3 보통 일반",
    "low": "low minor trivial lowest p4 p5 s4 sev4 낮음",
}
_PRIORITY = {word: name for name, words in _CALLED.items() for word in words.split()}

# The categories of most desks. A word counts where it begins a word; Korean ones wherever they stand.
CATEGORIES: Mapping[str, Sequence[str]] = {
    "payment": ["payment", "pay ", "paid", "charge", "invoice", "billing", "bill ", "card declined", "coupon", "voucher",
                "discount", "price", "checkout", "결제", "청구", "요금", "쿠폰", "할인", "영수증", "세금계산서", "입금", "가격"],
    "refund": ["refund", "money back", "return", "exchange", "cancel", "chargeback", "환불", "반품", "교환", "취소"],
    "delivery": ["deliver", "shipping", "shipped", "shipment", "parcel", "package", "courier", "tracking", "arrive", "배송",
                 "택배", "운송장", "도착", "배달"],
    "account": ["log in", "login", "log-in", "sign in", "signin", "password", "account", "two-factor", "2fa", "locked out",
                "verification", "로그인", "비밀번호", "계정", "회원", "가입", "탈퇴", "인증"],
    "fault": ["error", "crash", "bug", "broken", "does not work", "doesn't work", "not working", "fails", "freez", "outage",
              "timeout", "500", "오류", "에러", "버그", "안 돼", "안돼", "안 되", "안되", "멈춰", "멈춥", "먹통", "장애", "튕"],
    "wish": ["feature request", "would be nice", "would be great", "please add", "could you add", "wish", "suggest", "추가해",
             "있으면 좋", "개선", "건의", "제안"],
    "question": ["how do i", "how can i", "how to", "where can i", "what is", "opening hours", "is it possible", "어떻게",
                 "어디서", "방법", "가능한가요", "문의", "궁금", "영업시간"],
}
_URGENT = ["urgent", "asap", "emergency", "immediately", "right now", "fraud", "stolen", "hacked", "security breach",
           "data breach", "site is down", "is down", "outage", "lawyer", "legal action", "긴급", "급합니다", "당장", "해킹",
           "도난", "도용", "사기", "유출", "먹통", "접속이 안", "서비스 장애", "고소", "소비자원"]
_HIGH = ["charged twice", "double charge", "wrong amount", "lost order", "data loss", "deadline", "still waiting", "third time",
         "again and again", "unacceptable", "as soon as possible", "이중 결제", "두 번 결제", "중복 결제", "아직도", "몇 번째",
         "빨리", "빠른 처리"]
_LOW = ["no rush", "no hurry", "whenever you", "just curious", "minor", "typo", "급하지 않", "천천히", "오타", "사소"]
_HANGUL = re.compile("[가-힣ㄱ-ㅎㅏ-ㅣ]")
_LETTER = re.compile(r"[^\W\d_]")
_PLACEHOLDER = re.compile(r"\[[a-z ]+\]")


@dataclass(frozen=True)
class Verdict:
    """A category, how sure it is (0 to 1), and whether it is sure enough to go without a person."""

    category: str | None
    confidence: float
    sure: bool


def priority(given: str | None) -> str | None:
    """The priority that a desk's own word names; None for none and for a word that nobody knows."""
    words = re.split(r"[\s_:/-]+", (given or "").strip().lower())
    return next((_PRIORITY[word] for word in words if word in _PRIORITY), None)


def language(text: str, given: str | None = None) -> str:
    """ISO 639-1 code of `text`, or `given` by the desk; `und` where there are no letters."""
    if given and re.fullmatch(r"[A-Za-z]{2}(-[A-Za-z0-9]+)*", given):
        return given[:2].lower()
    text = _PLACEHOLDER.sub("", text[:2000])
    letters = len(_LETTER.findall(text))
    if not letters:
        return "und"
    if len(_HANGUL.findall(text)) >= 0.2 * letters:
        return "ko"
    return "en" if text.isascii() and len(text.split()) < 5 else str(_identifier().classify(text[:400])[0])


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_DIR, MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_modelpath(MODEL_DIR / MODEL_FILE)


def urgency(text: str) -> str:
    """How urgent the words of `text` are: urgent, high, normal or low."""
    levels = (("urgent", _URGENT), ("high", _HIGH), ("low", _LOW))
    return next((name for name, words in levels if _hits(text, words)), "normal")


def matching(text: str, words: Mapping[str, Iterable[str]]) -> Verdict:
    """The category (or area) of which most words stand in `text`; sure where no other comes as near.

    The confidence is its share of all hits, smoothed by one that fell on none.
    """
    hits = {name: count for name, listed in words.items() if (count := _hits(text, tuple(listed)))}
    if not hits:
        return Verdict(None, 0.0, False)
    best = min(hits, key=lambda name: (-hits[name], name))
    alone = sum(count == hits[best] for count in hits.values()) == 1
    return Verdict(best, round(hits[best] / (sum(hits.values()) + 1), 4), alone)


def all_categories(more: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """The built-in categories and their words, with those of the product."""
    return {name: [*CATEGORIES.get(name, ()), *more.get(name, ())] for name in [*CATEGORIES, *(set(more) - set(CATEGORIES))]}


def _hits(text: str, words: Iterable[str]) -> int:
    return len({match[0] for match in _pattern(tuple(words)).finditer(text.lower())})


@cache
def _pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    latin = [re.escape(word.lower().strip()) + (r"\b" if word.endswith(" ") else "") for word in words if word.isascii()]
    other = [re.escape(word.lower()) for word in words if not word.isascii()]
    parts = [rf"\b(?:{'|'.join(latin)})"] * bool(latin) + other
    return re.compile("|".join(parts) or r"(?!)")


def routed(routes: Iterable[Route], owner: str, category: str | None, area: str | None, language: str) -> str:
    """The team of the first route that matches, or else `owner`."""
    for route in routes:
        if (route.category in {None, category} and route.area in {None, area} and route.language in {None, language}):
            return route.team
    return owner
