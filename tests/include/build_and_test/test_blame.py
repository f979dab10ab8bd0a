import pytest

from include.build_and_test.blame import stories_of

KNOWN = ["S-1a2b3c4d5e", "S-0000000001", "한글-1"]
TOUCHED = {"S-1a2b3c4d5e": ["tests/test_pay.py", "pay.py"], "S-0000000001": ["src/test/java/shop/PayTest.java", "README"]}


@pytest.mark.parametrize(("test", "stories"), [
    ("tests.test_teas.test_S_1A2B3C4D5E_pays", ["S-1a2b3c4d5e"]),
    ("tests.test_pay.S-0000000001: pays twice", ["S-0000000001"]),
    ("tests.test_teas.test_S_1A2B3C4D5E0_pays", []),
    ("tests.test_pay.PayTest.test_pays", ["S-1a2b3c4d5e"]),
    ("tests.test_pay_later.test_pays", []),
    ("shop.PayTest.pays", ["S-0000000001"]),
    ("Test.pays", []), ("README", []), ("pays", []), ("", []),
])
def test_a_test_names_its_stories(test: str, stories: list[str]) -> None:
    assert stories_of(test, KNOWN, TOUCHED) == stories
