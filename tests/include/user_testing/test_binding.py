"""Which criterion a test speaks for follows from its name."""

import pytest

from include.user_testing.binding import bound
from include.user_testing.criteria import Criterion

ONE, TWO, OTHER = (Criterion(story, number, name, ()) for story, number, name in (
    ("S-0123456789", 1, "Coupon is applied"), ("S-0123456789", 2, "쿠폰이 적용된다"), ("S-aaaaaaaaaa", 1, "Coupon is applied")))
CRITERIA = [ONE, TWO, OTHER]


@pytest.mark.parametrize(("name", "meant"), [
    ("e2e.test_shop.test_S_0123456789_2", [TWO]),  # its id
    ("Checkout.Coupon is applied", [ONE, OTHER]),  # its name, as behave and cucumber write it
    ("tests.test_couponIsApplied[chrome]", [ONE, OTHER]),
    ("e2e.test_s_aaaaaaaaaa_coupon_is_applied", [OTHER]),  # its name, of one story
    ("결제.쿠폰이 적용된다", [TWO]),
    ("e2e.test_S_0123456789_all_of_it", [ONE, TWO]),  # a story's id alone: all its criteria
    ("e2e.test_S_0123456789_23", [ONE, TWO]),
    ("e2e.test_the_coupon_is_appliedness", []),
    ("e2e.test_something_else", []),
])
def test_a_test_speaks_for_the_criterion_that_it_names(name: str, meant: list[Criterion]) -> None:
    assert [(item.criterion, item.verdict, item.why) for item in bound([(name, "passed")], CRITERIA)] == [
        (criterion, "pass", name) for criterion in meant]


@pytest.mark.parametrize(("outcomes", "verdict"), [
    (["passed", "passed"], "pass"), (["passed", "failed"], "fail"), (["passed", "skipped"], "pass"), (["errors"], "fail")])
def test_one_failure_is_a_failure_and_what_was_skipped_says_nothing(outcomes: list[str], verdict: str) -> None:
    found = bound([(f"t.S-0123456789/1 case {n}", outcome) for n, outcome in enumerate(outcomes)], CRITERIA)
    assert [(item.criterion, item.verdict) for item in found] == [(ONE, verdict)]


def test_skipped_tests_alone_say_nothing() -> None:
    assert bound([("t.S-0123456789/1", "skipped")], CRITERIA) == []


def test_a_scenario_without_a_name_is_nobodys() -> None:
    assert bound([("t.a", "passed")], [Criterion("S-0123456789", 1, "", ())]) == []
