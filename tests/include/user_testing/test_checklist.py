"""The checklist has a box a scenario and shows hostile text as it is."""

from hypothesis import given
from hypothesis import strategies as st

from include.user_testing.checklist import NO_STORY, checklist
from include.user_testing.criteria import Promise

KOREAN = """\
# language: ko
기능: 쿠폰

  규칙: 계산대
    시나리오: 쿠폰이 적용된다
      먼저 장바구니에 차가 있다
      만일 쿠폰을 쓴다
      그러면 값이 내려간다
"""


def test_a_box_for_each_scenario() -> None:
    text = checklist("1.1.0", "## 1.1.0\n\n### Fixes\n\n- coupons work\n", [Promise("S-1", "쿠폰", KOREAN)])
    assert text == """\
## What is new in 1\\.1\\.0

### Fixes

- coupons work

## What it must do

**쿠폰** (S\\-1)

- [ ] 1\\. 쿠폰이 적용된다
    - 먼저 장바구니에 차가 있다
    - 만일 쿠폰을 쓴다
    - 그러면 값이 내려간다
"""


def test_without_a_story_it_says_so() -> None:
    assert NO_STORY in checklist("1.1.0", "", []) and "changelog is empty" in checklist("1.1.0", "", [])


def test_criteria_that_are_no_gherkin_are_shown_as_they_are() -> None:
    text = checklist("1.1.0", "- x", [Promise("S-1", "t", "it just\nworks <b>")])
    assert "not valid Gherkin" in text and "    - works \\<b\\>" in text


def test_a_long_changelog_is_cut_and_says_so() -> None:
    assert "\n30 more lines" in checklist("1.1.0", "\n".join(f"- change {n}" for n in range(150)), [])


@given(st.text(), st.text())
def test_no_line_of_untrusted_text_becomes_markup(title: str, acceptance: str) -> None:
    text = checklist("1.1.0", "", [Promise("S-1", title, acceptance)])
    for line in text.splitlines():
        assert line == "" or line.startswith(("## What ", "-", "    -", "**", "The changelog is empty."))
        assert "<" not in line.replace("\\<", "") and "](" not in line
