"""Triage by rules: English and Korean."""

import pytest

from include.customer_support import triage
from include.customer_support.triage import all_categories, language, matching, priority, routed, urgency
from include.parts.desk import Route


@pytest.mark.parametrize(("text", "category"), [
    ("My coupon was not applied at checkout and I paid the full price", "payment"),
    ("결제할 때 쿠폰 할인이 적용되지 않았어요", "payment"),
    ("Please refund my order, I want my money back", "refund"),
    ("환불은 언제 되나요? 반품 신청했습니다", "refund"),
    ("Where is my parcel? The tracking number shows nothing", "delivery"),
    ("배송이 일주일째 안 왔어요, 택배 운송장 번호 알려주세요", "delivery"),
    ("I forgot my password and cannot log in", "account"),
    ("비밀번호를 잊어버려서 로그인을 못 하겠어요", "account"),
    ("The page crashes with an error 500", "fault"),
    ("앱이 자꾸 멈춰요. 오류가 납니다", "fault"),
    ("It would be nice to have gift wrapping, please add it", "wish"),
    ("영업시간이 궁금해요", "question"),
])
def test_categories_out_of_the_box(text: str, category: str) -> None:
    verdict = matching(text, all_categories({}))
    assert (verdict.category, verdict.sure) == (category, True)
    assert 0 < verdict.confidence < 1


def test_what_is_unsure_is_said_to_be() -> None:
    assert matching("Hello there", all_categories({})) == triage.Verdict(None, 0.0, False)
    even = matching("refund or parcel", all_categories({}))
    assert (even.category, even.sure) == ("delivery", False)
    assert matching("supersencha", {"tea": ["sencha"]}).category is None  # a word is met at its beginning
    assert matching("Senchas", {"tea": ["sencha"]}).category == "tea"
    assert matching("my matcha", all_categories({"tea": ["matcha"]})).category == "tea"


@pytest.mark.parametrize(("text", "level"), [
    ("URGENT: my card was stolen", "urgent"), ("계정이 해킹당했어요", "urgent"), ("I was charged twice", "high"),
    ("아직도 안 왔어요", "high"), ("What teas do you have?", "normal"), ("No rush, just a typo", "low"),
    ("천천히 답 주세요", "low"),
])
def test_urgency(text: str, level: str) -> None:
    assert urgency(text) == level


@pytest.mark.parametrize(("given", "expected"), [
    ("P1", "urgent"), ("Highest", "urgent"), ("2 normal", "normal"), ("높음", "high"), ("3 - Minor", "low"), ("", None),
    (None, None), ("whatever", None)])
def test_other_desks_priorities(given: str | None, expected: str | None) -> None:
    assert priority(given) == expected


def test_languages() -> None:
    assert language("쿠폰 TEA10이 적용되지 않아요") == "ko"
    assert language("The coupon is not applied at the checkout page") == "en"
    assert language("Der Gutschein wird an der Kasse leider nicht angenommen, bitte helfen Sie mir") == "de"
    assert language("[email] 12345") == "und"
    assert language("Hola", "es-MX") == "es"


def test_routes() -> None:
    routes = [Route(team="money-ko", category="payment", language="ko"), Route(team="money", category="payment"),
              Route(team="web", area="checkout")]
    assert routed(routes, "owner", "payment", None, "ko") == "money-ko"
    assert routed(routes, "owner", "payment", "checkout", "en") == "money"
    assert routed(routes, "owner", "fault", "checkout", "en") == "web"
    assert routed(routes, "owner", None, None, "en") == "owner"
