"""What a story says is valid Gherkin whatever the theme is called, and reads naturally in Korean."""

import unicodedata

import pytest
from gherkin.parser import Parser
from hypothesis import given
from hypothesis import strategies as st

from include.story_writing.korean import has_final, particle
from include.story_writing.wording import ENGLISH, KOREAN, gherkin_problem, sentence, text_of

KINDS = ["bug", "feature", "question", "operation", "other"]
HOSTILE = ["Scenario: x\n  Given y", '"""\nx', "| a | b |", "@tag", "# language: zz", "{name} {0} {w.role}", "<a> & 'b'", "* ",
           "\u2028Feature: z", "\ufeff", "시나리오: 가\n먼저 나", "}{", "a" * 20_000, "을/를", "{을/를}"]


@given(name=st.text() | st.sampled_from(HOSTILE), kind=st.sampled_from(KINDS), language=st.sampled_from(["en", "ko", "und"]),
       exposure=st.sampled_from(["requests", "days"]), baseline=st.none() | st.floats(0, 1e6))
def test_any_name_gives_two_scenarios_on_their_own_lines(name: str, kind: str, language: str, exposure: str,
                                                         baseline: float | None) -> None:
    text = text_of(name, kind, language, "Tea shop", exposure, baseline)
    feature = Parser().parse(text.acceptance)["feature"]
    assert feature["language"] == ("ko" if language == "ko" else "en")
    scenarios = [child["scenario"] for child in feature["children"]]
    assert [len(scenario["steps"]) for scenario in scenarios] == [3, 3]
    assert feature["tags"] == [] and not any(step.get("docString") or step.get("dataTable")
                                             for scenario in scenarios for step in scenario["steps"])
    assert text.title and all("\n" not in part for part in (text.title, text.role, text.want, text.reason))


@pytest.mark.parametrize("wordings", [ENGLISH, KOREAN])
def test_every_kind_has_its_words(wordings: dict[str, object]) -> None:
    assert set(wordings) == set(KINDS) - {"other"}


def test_the_text_of_a_bug_in_english() -> None:
    text = text_of("coupon at checkout", "bug", "en", "Tea shop", "requests", 3.14159)
    assert (text.role, text.want) == ("customer of Tea shop", "what I reported as “coupon at checkout” to work as it should")
    assert "Then voices about “coupon at checkout” per 1,000 requests are fewer than 3.14\n" in text.acceptance


def test_the_text_of_a_wish_in_korean() -> None:
    text = text_of("선물 포장", "feature", "ko", "찻집", "days", None)
    assert (text.title, text.role, text.want) == ("선물 포장", "찻집 고객", "“선물 포장”이라는 바람이 이루어지기를")
    assert "먼저 “선물 포장”이라는 바람을 남긴 고객이\n" in text.acceptance
    assert "그러면 “선물 포장”에 대한 글이 하루에 전보다 적다" in text.acceptance


@pytest.mark.parametrize(("word", "object_", "subject"), [
    ("쿠폰", "쿠폰을", "쿠폰이"), ("배송 지연", "배송 지연을", "배송 지연이"), ("차", "차를", "차가"),
    ("TEA10", "TEA10을", "TEA10이"),
    ("1.4.2", "1.4.2를", "1.4.2가"), ("email", "email을", "email이"), ("delivery", "delivery를", "delivery가"),
    ("coupon", "coupon을", "coupon이"), ("XML", "XML을", "XML이"), ("URL", "URL을", "URL이"), ("SNS", "SNS를", "SNS가"),
    ("(결제)", "(결제)를", "(결제)가"), ("!?", "!?을(를)", "!?이(가)"), ("", "을(를)", "이(가)")])
def test_particles_follow_the_last_sound(word: str, object_: str, subject: str) -> None:
    assert word + particle(word, "을/를") == object_
    assert word + particle(word, "이/가") == subject


def test_a_whole_sentence_reads_naturally_too() -> None:
    text = text_of("검색이 꼭 필요해요", "feature", "ko", "찻집", "days", 0.5)
    assert text.want == "“검색이 꼭 필요해요”라는 바람이 이루어지기를"
    assert particle("!?", "이라고/라고") == "(이)라고"


@pytest.mark.parametrize(("name", "title"), [
    ("뻔한 스토리-_-", "뻔한 스토리"), ("별로ㅠㅠ", "별로"), ("- broken links!!!", "broken links"), ("왜 이래?", "왜 이래?"),
    ("-_-", "bug"), ("ㅋㅋ", "bug"), ("v1.2", "v1.2")])
def test_bullets_and_sighs_are_no_part_of_a_title(name: str, title: str) -> None:
    assert text_of(name, "bug", "ko", "찻집", "days", None).title == title


def test_a_story_as_people_tell_it() -> None:
    ko = text_of("쿠폰이 안 돼요", "bug", "ko", "찻집", "days", None)
    assert sentence("ko", ko.role, ko.want, ko.reason) == (
        "찻집 고객은 하려던 일을 끝까지 마칠 수 있도록 “쿠폰이 안 돼요”라고 알린 문제를 더는 겪지 않기를 바란다.")
    en = text_of("server errors", "operation", "en", "Tea shop", "days", None)
    assert sentence("en", en.role, en.want, "") == "As an operator of Tea shop, I want the cause of “server errors” removed."


@given(st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3))
def test_hangul_syllables_by_their_decomposition(syllable: str) -> None:
    assert has_final(syllable) == (len(unicodedata.normalize("NFD", syllable)) == 3)


@pytest.mark.parametrize("text", ["", "Feature: a", "Scenario: x", "# language: zz\nFeature: a\n"])
def test_what_is_no_feature_with_a_scenario_is_said(text: str) -> None:
    assert gherkin_problem(text)
