"""What a customer wrote in a mail."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.voc_aggregation.sources.mail import html_to_text, own_words, read

HTML = """<html><head><title>t</title><style>p {color: red}</style></head><body><p>The coupon&nbsp;<b>fails</b> &amp; I wait.</p>
<div>결제가<br>안 돼요<script>alert(1)</script></div><div class="gmail_quote">On Monday X wrote:<br><p>old</p></div>
<blockquote>older <p>still older</blockquote><ul><li>one<li>two</ul></body></html>"""


def test_html_becomes_text_without_what_is_quoted() -> None:
    assert html_to_text(HTML) == "The coupon fails & I wait.\n결제가\n안 돼요\none\ntwo"


@pytest.mark.parametrize("rest", [
    "On Mon, 2 Feb 2026 at 10:00, Shop <shop@example.com> wrote:\nold", "> old\n> older", "-- \nKim\n010-1234-5678",
    "2026년 2월 2일 (월) 오전 10:00, 가게 <shop@example.com>님이 작성:\n옛날", "-----Original Message-----\nold",
    "----- 원본 메시지 -----\n옛날", "보낸 사람: 가게 <shop@example.com>\n옛날", "Sent from my iPhone", "나의 iPhone에서 보냄",
    "________________________________\nFrom: Shop\nold"])
def test_quoted_replies_and_signatures_are_left_out(rest: str) -> None:
    assert own_words(f"The coupon fails.\n\n쿠폰이 안 돼요\n\n{rest}") == "The coupon fails.\n\n쿠폰이 안 돼요"


def test_ordinary_words_stay() -> None:
    text = "On checkout nothing is written\nFrom there on it fails\n-- no\n보낸 사람이 없어요"
    assert own_words(text) == text


def test_a_mail_of_several_parts() -> None:
    raw = (b"From: =?utf-8?b?6rmA?= <kim@example.com>\r\nSubject: =?euc-kr?B?xO3G+Q==?= fails\r\nMIME-Version: 1.0\r\n"
           b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>html</p>\r\n"
           b"--b\r\nContent-Type: text/plain\r\nContent-Disposition: attachment; filename=x.txt\r\n\r\nattached\r\n"
           b"--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n7L+g7Y+w\r\n--b--\r\n")
    assert read(raw) == {"text": "쿠폰 fails\n쿠폰", "id": None, "written_at": None, "author": "kim@example.com"}


@given(st.binary(max_size=400) | st.text(max_size=200).map(lambda text: f"Subject: {text}\nDate: {text}\n\n{text}".encode()))
def test_whatever_a_mail_holds_it_is_read_or_refused(raw: bytes) -> None:
    try:
        assert set(read(raw)) == {"text", "id", "written_at", "author"}
    except ValueError:
        return


def test_a_sender_nested_too_deep_is_refused() -> None:
    with pytest.raises(ValueError, match="From: nested too deep"):
        read(b"From: a@b" + b"(" * 5000 + b"\r\n\r\ntext\r\n")
