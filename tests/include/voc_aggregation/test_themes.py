from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from include.voc_aggregation import concepts, features, grouping, themes
from include.voc_aggregation.understanding import kind, language, sentiment

DAY = datetime(2026, 3, 1, tzinfo=UTC)
COUPON = ["The coupon isn't applied at checkout", "쿠폰이 적용되지 않아요", "Coupon code SPRING does not work when I pay",
          "결제할 때 쿠폰 적용이 안 돼요", "My discount code was rejected when paying", "쿠폰 할인이 결제 화면에서 적용 안됩니다"]
DELIVERY = ["Delivery took two weeks", "배송이 너무 늦어요", "the parcel arrived late", "택배가 아직도 안 와요",
            "Shipping is very slow"]
SEARCH = ["Search finds nothing", "검색이 안돼요", "검색 결과가 이상해요", "Search results are wrong"]
PRAISE = ["The coupon works now, thank you!", "쿠폰이 이제 잘 적용돼요 감사합니다", "Great tea, fast delivery",
          "I love this shop"]


def voices(texts: list[str], weights: features.Weights, first: int = 0) -> grouping.Voices:
    counts = features.counts(texts)
    weights.learn(counts)
    ids = [f"v{number:05d}" for number in range(first, first + len(texts))]
    return grouping.vectorized(ids, [kind(text, sentiment(text)) for text in texts], [language(text) for text in texts],
                               [DAY + timedelta(minutes=number) for number in range(len(texts))], [counts], weights)


def nothing(weights: features.Weights) -> grouping.Voices:
    return grouping.vectorized([], [], [], [], [], weights)


def test_the_same_trouble_in_two_languages_is_one_theme_and_praise_is_none_of_it() -> None:
    weights = features.Weights()
    texts = COUPON + DELIVERY + SEARCH + PRAISE
    found = grouping.grouped("shop", voices(texts, weights), nothing(weights), [], 3, 100)
    about = {frozenset(texts[int(voice[1:])] for voice, _, _ in members) for members in found.members.values()}
    assert about == {frozenset(COUPON), frozenset(DELIVERY), frozenset(SEARCH)}


def test_new_voices_join_what_is_known_and_ids_stay() -> None:
    weights = features.Weights()
    first = grouping.grouped("shop", voices(COUPON + DELIVERY, weights), nothing(weights), [], 3, 100)
    known = first.created
    coupon = next(theme for theme in known if theme.size == len(COUPON))
    new = ["my voucher is not accepted at checkout", "쿠폰 코드를 입력해도 할인이 안 되네요", "쿠폰 잘 썼어요 최고",
           "The tin was dented"]
    second = grouping.grouped("shop", voices(new, weights, 100), nothing(weights), known, 3, 100)
    assert second.created == []
    assert {voice for voice, _, _ in second.members[coupon.id]} == {"v00100", "v00101"}
    assert coupon.size == len(COUPON) + 2


def test_unthemed_voices_get_another_chance_with_new_ones() -> None:
    weights = features.Weights()
    old = voices(SEARCH[:2], weights)
    assert grouping.grouped("shop", old, nothing(weights), [], 3, 100).created == []
    second = grouping.grouped("shop", voices(SEARCH[2:], weights, 10), old, [], 3, 100)
    assert [theme.size for theme in second.created] == [4]


def test_recent_voices_that_hardly_belong_begin_a_theme_of_their_own_with_new_ones() -> None:
    weights = features.Weights()
    first = grouping.grouped("shop", voices(COUPON + DELIVERY, weights), nothing(weights), [], 3, 100)
    coupon = next(theme for theme in first.created if theme.size == len(COUPON))
    old = voices(SEARCH[:2], weights, 50)
    second = grouping.grouped("shop", voices(SEARCH[2:], weights, 60), old, first.created, 3, 100,
                              dict.fromkeys(old.ids, (coupon.id, 0.2)))
    (search,) = second.created
    assert (search.size, coupon.size) == (4, len(COUPON) - 2)
    assert second.left == {coupon.id: ["v00050", "v00051"]}
    assert second.split == {}
    third = grouping.grouped("shop", voices(["Search shows nothing"], weights, 70), old, [*first.created, search], 3, 100,
                             {voice: (search.id, near) for voice, _, near in second.members[search.id] if voice in old.ids})
    assert third.left == {}


def test_a_recent_voice_moves_to_a_theme_that_is_nearer() -> None:
    weights = features.Weights()
    known = grouping.grouped("shop", voices(COUPON + DELIVERY, weights), nothing(weights), [], 3, 100).created
    coupon, delivery = sorted(known, key=lambda theme: -theme.size)
    old = voices(["the parcel arrived very late", "The coupon isn't applied"], weights, 50)
    found = grouping.grouped("shop", nothing(weights), old, known, 3, 100, dict.fromkeys(old.ids, (coupon.id, 0.4)))
    assert found.left == {coupon.id: ["v00050"]}
    assert [voice for voice, _, _ in found.members[delivery.id]] == ["v00050"]


def test_voices_beyond_the_pool_join_the_themes_that_the_newest_made() -> None:
    weights = features.Weights()
    new = voices(["The coupon isn't applied at checkout, again"] * 30, weights)
    found = grouping.grouped("shop", new, nothing(weights), [], 3, 10)
    assert [theme.size for theme in found.created] == [30]


@settings(deadline=None)
@given(st.lists(st.sampled_from(COUPON + DELIVERY + SEARCH + PRAISE), min_size=1, max_size=30), st.integers(1, 5))
def test_every_voice_is_in_at_most_one_theme_and_sizes_add_up(texts: list[str], least: int) -> None:
    weights = features.Weights()
    new = voices(texts, weights)
    found = grouping.grouped("shop", new, nothing(weights), [], least, 100)
    members = [voice for joined in found.members.values() for voice, _, _ in joined]
    assert len(members) == len(set(members)) == sum(theme.size for theme in found.created)
    assert all(theme.size >= least for theme in found.created)
    again = grouping.grouped("shop", new, nothing(weights), [], least, 100)
    assert [theme.state() for theme in again.created] == [theme.state() for theme in found.created]


def test_a_name_is_a_readable_sentence() -> None:
    assert themes.name_from(["ok", "The coupon isn't applied. I paid the full price!"]) == "The coupon isn't applied"
    assert themes.name_from(["쿠폰이\x00 적용되지 않아요\n정가로 결제"]) == "쿠폰이 적용되지 않아요"
    assert themes.name_from(["정말 최고 -_-ㅋㅋ"]) == "정말 최고"
    assert themes.name_from(["굿!!", "연기 굿~~ ^^", "..음악은 글쎄?? ㅋㅋ"]) == "음악은 글쎄?"
    assert themes.name_from(["재밌어요..ㅋ"]) == "재밌어요"
    said = ["Third order here. checkout ignores my coupon", "Checkout takes no coupon", "My coupon at checkout?"]
    assert themes.name_from(said) == "Checkout ignores my coupon"
    assert themes.name_from(["안녕하세요 여러분. 쿠폰이 적용되지 않아요", "쿠폰을 적용할 수 없어요"]) == "쿠폰이 적용되지 않아요"
    assert themes.name_from(["what are your exchange rates at?"]) == "What are your exchange rates at?"
    assert themes.name_from(["Crash (Android) :)", "ok"]) == "Crash (Android)"
    assert themes.name_from(["?"]) == "?"
    assert themes.name_from(["", "!!", "굿"]) == "굿"
    assert themes.name_from([]) == "?"
    assert len(themes.name_from(["word " * 100])) <= 80


def test_quotes_show_each_language_first() -> None:
    voices_ = [("a", "en", 0.9), ("b", "en", 0.8), ("c", "en", 0.7), ("d", "ko", 0.6), ("e", "ja", 0.1)]
    assert themes.quotes(voices_) == {"a", "d", "b"}
    assert themes.quotes([("a", "en", 0.9), ("b", "en", 0.9), ("c", "en", 0.9), ("d", "en", 0.8)]) == {"a", "d", "b"}
    assert themes.quotes([]) == set()


def test_no_two_concepts_share_a_column() -> None:
    names = {*concepts.TOPIC_FORMS.values(), *concepts.SYMPTOM_FORMS.values()}
    assert len({features.concept_column(name) for name in names}) == len(names) > 80
    assert not set(concepts.TOPIC_FORMS) & set(concepts.SYMPTOM_FORMS)


def test_vectors_are_units_and_forget_placeholders() -> None:
    counts = features.counts(["the coupon [email] fails", "the coupon fails", "", "!!!"])
    assert np.array_equal(counts[0].toarray(), counts[1].toarray())
    vectors = features.Weights().apply(counts)
    assert np.allclose(np.sqrt(vectors.multiply(vectors).sum(axis=1)).ravel(), [1, 1, 0, 0])


def test_stems() -> None:
    assert {features.stem(word) for word in ("fail", "fails", "failed", "failing")} == {"fail"}
    assert {features.stem(word) for word in ("crash", "crashes", "crashed", "crashing")} == {"crash"}
    assert {features.stem(word) for word in ("delivery", "deliveries")} == {"deliveri"}
    assert {features.stem(word) for word in ("notification", "notifications", "notify")} >= {"notific"}
