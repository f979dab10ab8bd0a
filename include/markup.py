"""Untrusted text on its way into Markdown and HTML."""

import html
import re

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~&:])")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def plain(text: str, limit: int = 300) -> str:
    """One line of `text` without control and direction characters, at most `limit` characters long."""
    line = " ".join(_CONTROL.sub(" ", text).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def markdown(text: str, limit: int = 300) -> str:
    """`text` as one line of Markdown that shows as it is: no link, image, heading or HTML comes of it."""
    return _MARKDOWN.sub(r"\\\1", plain(text, limit))


def html_text(text: str, limit: int = 300) -> str:
    """`text` as one line of HTML text."""
    return html.escape(plain(text, limit))
