"""The quality rules, case by case: what is fit to plan passes, each flaw is named, and hostile texts are only judged."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.story_writing.quality import RULES, Story, findings, names_something
from include.story_writing.wording import ENGLISH, text_of

ACCEPTANCE = "# language: en\nFeature: a\n\n  Scenario: b\n    Given c\n    When d\n    Then e\n"
GOOD = Story("S-1", "en", "Coupon refused at checkout", "customer of Tea shop", "my coupon to be taken off the price",
             "I pay what was promised", ACCEPTANCE, 2.0, "customer", 10, 8)
KOREAN = replace(GOOD, language="ko", title="결제할 때 쿠폰이 적용되지 않음", role="찻집 고객",
                 want="쿠폰이 결제 금액에서 빠지기를", reason="약속된 값을 낼 수 있도록",
                 acceptance="# language: ko\n기능: 가\n\n  시나리오: 나\n    먼저 다\n    그러면 라\n")


def flaws(story: Story) -> list[tuple[str, str]]:
    return [(finding.rule, finding.severity) for finding in findings([story])[story.id]]


@pytest.mark.parametrize("story", [GOOD, KOREAN])
def test_a_good_story_has_no_flaw(story: Story) -> None:
    assert flaws(story) == []


@pytest.mark.parametrize(("fields", "flaw"), [
    ({"role": " "}, ("well_formed", "error")),
    ({"want": "“”"}, ("well_formed", "error")),
    ({"title": "What happened:"}, ("well_formed", "error")),
    ({"title": "Hello, please help me with this issue"}, ("well_formed", "error")),
    ({"title": "???"}, ("well_formed", "error")),
    ({"reason": ""}, ("well_formed", "warning")),
    ({"want": "to pay by card and to get a receipt"}, ("atomic", "error")),
    ({"want": "to pay by card as well as by voucher"}, ("atomic", "error")),
    ({"want": "name & address to be kept"}, ("atomic", "warning")),
    ({"role": "customer or guest"}, ("atomic", "warning")),
    ({"title": "Late delivery, and the tracking page never changed"}, ("atomic", "warning")),
    ({"title": "coupon {code:java}"}, ("minimal", "error")),
    ({"title": "coupon at https://example.org/x"}, ("minimal", "error")),
    ({"reason": "I pay ```what``` was promised"}, ("minimal", "error")),
    ({"want": "my coupon (see the mail of Monday) to be taken"}, ("minimal", "warning")),
    ({"want": "my coupon to be taken. It worked last year"}, ("minimal", "warning")),
    ({"want": "I want my coupon to be taken"}, ("uniform", "warning")),
    ({"reason": "so that I save money"}, ("uniform", "warning")),
    ({"want": "쿠폰이 적용되기를"}, ("uniform", "warning")),
    ({"acceptance": KOREAN.acceptance}, ("uniform", "warning")),
    ({"acceptance": "it works"}, ("testable", "error")),
    ({"acceptance": ""}, ("testable", "error")),
    ({"acceptance": "Feature: a\n  Scenario: b\n    Given c\n    When d\n"}, ("testable", "error")),
    ({"acceptance": "Feature: a\n  Rule: r\n    Scenario: b\n      Given c\n"}, ("testable", "error")),
    ({"acceptance": ACCEPTANCE.replace("Then e", "Then the page opens quickly")}, ("testable", "warning")),
    ({"voices": 0, "people": 0}, ("evidenced", "error")),
    ({"people": 2}, ("evidenced", "warning")),
    ({"effort_days": None}, ("estimable", "warning")),
    ({"effort_days": 12.0}, ("small", "warning")),
])
def test_each_flaw_is_named(fields: dict[str, Any], flaw: tuple[str, str]) -> None:
    assert flaws(replace(GOOD, **fields)) == [flaw]


@pytest.mark.parametrize(("fields", "flaw"), [
    ({"title": "확인 부탁드려요"}, ("well_formed", "error")),
    ({"title": "안녕하세요 문의드립니다"}, ("well_formed", "error")),
    ({"title": "ㅠㅠㅠㅠ"}, ("well_formed", "error")),
    ({"want": "쿠폰이 적용되기를 그리고 배송이 추적되기를"}, ("atomic", "error")),
    ({"want": "이름 및 주소가 저장되기를"}, ("atomic", "warning")),
    ({"want": "쿠폰이 적용되기를 바란다"}, ("uniform", "warning")),
    ({"want": "my coupon to be taken"}, ("uniform", "warning")),
    ({"acceptance": "# language: ko\n기능: 가\n  시나리오: 나\n    먼저 다\n"}, ("testable", "error")),
    ({"acceptance": "# language: ko\n기능: 가\n  시나리오: 나\n    그러면 화면이 빠르게 열린다\n"}, ("testable", "warning")),
])
def test_each_flaw_is_named_in_korean(fields: dict[str, Any], flaw: tuple[str, str]) -> None:
    assert flaws(replace(KOREAN, **fields)) == [flaw]


def test_of_stories_that_say_the_same_the_first_stays() -> None:
    found = findings([GOOD, replace(GOOD, id="S-2", want="My coupon, to be taken off the price!"),
                      replace(GOOD, id="S-3", want="x")])
    assert [[item.rule for item in found[story]] for story in found] == [[], ["unique"], ["unique"]]
    assert "S-1" in found["S-2"][0].message
    assert [found["S-2"][0].severity, found["S-3"][0].severity] == ["error", "warning"]


def test_what_customers_said_is_not_judged_as_a_requirement() -> None:
    want = "what I reported as “it is slow and to be fixed quickly (see below). As well as that" + "” to work as it should"
    assert flaws(replace(GOOD, want=want)) == []


def test_what_a_law_asks_for_needs_no_voice() -> None:
    assert flaws(replace(GOOD, voices=0, people=0, category="law")) == []


def test_every_rule_has_its_source_and_a_known_severity() -> None:
    assert {rule.severity for rule in RULES} == {"error", "warning"}
    assert all(rule.source for rule in RULES)
    assert {rule.name for rule in RULES} >= {"well_formed", "atomic", "minimal", "uniform", "unique", "testable", "evidenced"}


@pytest.mark.parametrize("title", ["{noformat}", "{code:java}", "What happened:", "!image-2023-07-19.png|width=600,height=333",
                                   "- https://github.com/apache/hadoop/pull/2634/files", "확인 부탁드려요", "Thanks!!", "<br/>"])
def test_titles_that_name_nothing(title: str) -> None:
    assert not names_something(title)


@pytest.mark.parametrize("title", ["NPE in s3a upload", "쿠폰", "Coupon", "뻔한 스토리-_-", "Update the year to 2022",
                                   "배송 확인", "IPv6"])
def test_titles_that_name_something(title: str) -> None:
    assert names_something(title)


TEXT = st.text(max_size=200) | st.sampled_from([
    "(" * 5_000, "“" * 5_000, "<a" * 5_000, "{a" * 3_000, "기를" * 3_000, "!a" * 3_000, "a. " * 3_000, "\x00\u202e",
    "# language: zz", "\"\"\"", "Feature: a\n  Scenario: b\n * c"])


@given(title=TEXT, role=TEXT, want=TEXT, reason=TEXT, acceptance=TEXT, language=st.sampled_from(["en", "ko", "und"]))
def test_any_text_is_judged(title: str, role: str, want: str, reason: str, acceptance: str, language: str) -> None:
    story = replace(GOOD, title=title, role=role, want=want, reason=reason, acceptance=acceptance, language=language)
    for finding in findings([story])["S-1"]:
        assert finding.message and finding.severity in ("error", "warning")


@pytest.mark.parametrize("kind", ENGLISH)
@pytest.mark.parametrize(("language", "name"), [
    ("en", "coupon at checkout"), ("ko", "쿠폰 적용"), ("ko", "이름으로 차를 찾는 검색이 꼭 필요해요")])
def test_what_is_written_for_a_theme_with_a_name_has_no_flaw(kind: str, language: str, name: str) -> None:
    for exposure in ("requests", "days"):
        text = text_of(name, kind, language, "찻집" if language == "ko" else "Tea shop", exposure, 2.5)
        assert flaws(replace(GOOD, language=language, title=text.title, role=text.role, want=text.want, reason=text.reason,
                             acceptance=text.acceptance)) == []
