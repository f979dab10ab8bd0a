"""Untrusted text on its way into Markdown and HTML."""

from hypothesis import given
from hypothesis import strategies as st

from include.markup import html_text, markdown, plain


@given(st.text(), st.integers(1, 400))
def test_plain_is_one_short_line(text: str, limit: int) -> None:
    line = plain(text, limit)
    assert len(line) <= limit
    assert "\n" not in line
    assert not {"\u202e", "\x1b", "\x00"} & set(line)


def test_markdown_shows_as_it_is() -> None:
    assert markdown("![x](http://e.example) <b>") == r"\!\[x\]\(http\://e\.example\) \<b\>"


def test_html_is_text() -> None:
    assert html_text("<script>alert('1')</script>") == "&lt;script&gt;alert(&#x27;1&#x27;)&lt;/script&gt;"


def test_korean_is_left_as_it_is() -> None:
    assert markdown("쿠폰이 적용되지 않아요") == "쿠폰이 적용되지 않아요"
