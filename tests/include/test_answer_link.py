"""The signed link: what is forged, changed, of another product or too old is refused, and it says nothing about a person."""

import base64
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.answer_link import VALID, ExpiredLinkError, ForgedLinkError, link, opened
from tests.conftest import NOW

ID, SECRET = "0123456789abcdef" * 2, b"secret"
URL = link("https://loop.example/voices/", "shop", ID, NOW, SECRET)
TOKEN = URL.rpartition("/")[2]


def test_what_was_signed_is_opened() -> None:
    assert f"https://loop.example/voices/shop/answer/{TOKEN}" == URL
    assert opened(TOKEN, "shop", NOW + VALID, SECRET) == ID
    assert len(TOKEN) == 50


def test_it_ends() -> None:
    with pytest.raises(ExpiredLinkError):
        opened(TOKEN, "shop", NOW + VALID + timedelta(seconds=1), SECRET)


@pytest.mark.parametrize(("token", "product", "secret"), [
    (TOKEN, "parcels", SECRET), (TOKEN, "shop", b"another"), (TOKEN, "shop", b""), ("", "shop", SECRET), ("a", "shop", SECRET),
    (TOKEN[:-1], "shop", SECRET), (TOKEN + "AAAA", "shop", SECRET), (TOKEN + "=" * 9, "shop", SECRET), ("é" * 50, "shop", SECRET),
    ("A" * 100_000, "shop", SECRET), (base64.urlsafe_b64encode(bytes.fromhex(ID)).decode(), "shop", SECRET)])
def test_forged(token: str, product: str, secret: bytes) -> None:
    with pytest.raises(ForgedLinkError):
        opened(token, product, NOW, secret)


@settings(deadline=None)
@given(place=st.integers(0, 36), bit=st.integers(0, 7))
def test_each_bit_counts(place: int, bit: int) -> None:
    content = bytearray(base64.urlsafe_b64decode(TOKEN + "=="))
    content[place] ^= 1 << bit
    with pytest.raises(ForgedLinkError):
        opened(base64.urlsafe_b64encode(content).decode().rstrip("="), "shop", NOW, SECRET)
