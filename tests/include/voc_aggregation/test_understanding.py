import csv
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.voc_aggregation.understanding import KINDS, kind, kinds, language, sentiment
from tests.conftest import SHARED


@pytest.mark.parametrize(("text", "expected"), [
    ("The coupon isn't applied", "en"), ("쿠폰이 적용되지 않아요", "ko"), ("iPhone 15 Pro에서 앱이 꺼져요", "ko"),
    ("ㅋㅋㅋ", "ko"), ("", "und"), ("123 !!", "und"),
    ("crash on login", "en"), ("Die Lieferung kam viel zu spät und war beschädigt", "de"),
    ("配送が遅すぎて困っています", "ja"),
])
def test_language(text: str, expected: str) -> None:
    assert language(text) == expected


@pytest.mark.parametrize(("text", "expected"), [
    ("The app crashes on start. Please add dark mode.", ("bug", "feature")),
    ("앱이 자꾸 튕겨요. 다크 모드도 추가해 주세요.", ("bug", "feature")),
    ("It crashes. How do I fix it?", ("bug", "question")), ("결제가 안 돼요. 어떻게 해야 하나요?", ("bug", "question")),
    ("I love this shop. Would be nice if there were gift cards.", ("feature", "praise")),
    ("앱 정말 좋아요! 그런데 쿠폰이 적용되지 않아요.", ("bug", "praise")),
    ("Works great now. Please add a widget.", ("praise", "feature")),
    ("The app crashes. Please fix it. Thanks!", ("bug",)), ("Why does it crash?", ("bug",)),
    ("No more crashes, thank you!", ("praise",)),
    ("I wish there were a filter because search fails.", ("feature",)), ("", ("question",)),
])
def test_several_kinds_hold_where_sentences_of_their_own_say_so(text: str, expected: tuple[str, ...]) -> None:
    assert kinds(text, sentiment(text)) == expected


def test_a_language_that_the_source_knows_is_taken_and_nonsense_is_not() -> None:
    assert language("ok", "de-AT") == "de"
    assert language("쿠폰", "Korean (South)") == "ko"


@pytest.mark.parametrize(("text", "expected"), [
    ("My coupon was not applied at checkout", "bug"), ("쿠폰이 적용되지 않아요", "bug"), ("The app crashes when I log in", "bug"),
    ("결제할 때 오류가 나요", "bug"), ("배송이 너무 느려요", "bug"), ("I can't open my orders anymore", "bug"),
    ("Please add dark mode", "feature"), ("다크 모드 추가해 주세요", "feature"), ("선물 포장을 해 주시면 좋겠어요", "feature"),
    ("It would be great if I could sort by price", "feature"), ("How do I change my address?", "question"),
    ("매장은 몇 시에 여나요?", "question"), ("What are your opening hours on Sunday?", "question"),
    ("The coupon works now, thank you!", "praise"),
    ("쿠폰이 이제 잘 적용돼요 감사합니다", "praise"),
    ("Great tea, fast delivery", "praise"), ("정말 맛있어요 최고", "praise"), ("Tea came cold and stale, awful", "bug"),
])
def test_kind(text: str, expected: str) -> None:
    assert kind(text, sentiment(text)) == expected


@pytest.mark.parametrize(("good", "bad"), [
    ("I love it", "I hate it"), ("The tea is good", "The tea is not good"), ("정말 좋아요", "정말 안 좋아요"),
    ("재밌어요", "재밌지 않아요"),
    ("works perfectly", "useless garbage"),
])
def test_sentiment_has_a_sign(good: str, bad: str) -> None:
    assert -1 <= sentiment(bad) < 0 < sentiment(good) <= 1


def test_a_rating_counts_on_its_own_scale() -> None:
    assert sentiment("", 5) > 0 > sentiment("", 1)
    assert sentiment("", 9, (1, 10)) > 0.4
    assert sentiment("", 0, (0, 1)) == pytest.approx(-2 / 3, abs=1e-3)
    assert sentiment("차", float("nan")) == 0


@settings(deadline=None)
@given(st.text(max_size=300))
def test_any_text_is_understood_somehow(text: str) -> None:
    feeling = sentiment(text)
    assert -1 <= feeling <= 1
    assert kind(text, feeling) in KINDS
    assert language(text)


@pytest.mark.shared
def test_sentiment_of_korean_reviews() -> None:
    """nsmc-ko-dev, a tenth of it, words alone: of the two thirds that it takes a side on, how many are right."""
    with (SHARED / "data/nsmc-ko-dev/reviews.tsv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE) if row["label"]][::10]
    told = [(sentiment(row["document"]), row["label"] == "1") for row in rows]
    sides = [(feeling > 0) == positive for feeling, positive in told if feeling]
    assert len(sides) / len(rows) > 0.6
    assert sum(sides) / len(sides) > 0.85


@pytest.mark.shared
def test_kinds_of_app_reviews() -> None:
    """re21-feedback, SHAH: B and M are bugs, R requests, the rest mostly ratings."""
    with (SHARED / "data/re21-feedback/SHAH.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    found = Counter((row["label"], kind(row["text"], sentiment(row["text"]))) for row in rows)
    there = Counter(row["label"] for row in rows)
    assert found["B", "bug"] / there["B"] > 0.85
    assert found["R", "feature"] / there["R"] > 0.6
    assert (found["rate", "bug"] + found["rate", "feature"]) / there["rate"] < 0.25
