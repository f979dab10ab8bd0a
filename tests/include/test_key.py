"""The key of a run."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.errors import InputError
from include.key import PRODUCT_PATTERN, VERSION_PATTERN, Key

PRODUCTS = st.from_regex(rf"\A{PRODUCT_PATTERN}\Z")
VERSIONS = st.none() | st.from_regex(rf"\A{VERSION_PATTERN}\Z").filter(str.isascii)


@given(PRODUCTS, VERSIONS)
def test_what_is_printed_is_read_back(product: str, version: str | None) -> None:
    key = Key(product, version)
    assert Key.parse(str(key)) == key


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        assert str(Key.parse(text)) == text
    except InputError as error:
        assert "is no key" in str(error)


@pytest.mark.parametrize("text", [None, "", "Shop", "shop|", "shop|1.2", "shop|01.2.3", "shop|1.2.3|4", "shop\n", "a/../b",
                                  "shop|1.2.3\n"])
def test_malformed_keys_are_refused(text: str | None) -> None:
    with pytest.raises(InputError, match="is no key"):
        Key.parse(text)


def test_a_release_is_a_key_of_its_product() -> None:
    assert str(Key("shop").release("1.4.0")) == "shop|1.4.0"
