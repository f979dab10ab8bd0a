"""Untrusted text on its way into Markdown and HTML."""

import html
import re

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~&:])")
# What trackers make links, pings or backlinks of: @name, #1, !1, &1, ~label, %milestone, $1, GH-1, URLs; and HTML comments.
_REFERENCE = re.compile(r"(?<=[@#!&~%$^])(?=\S)|(?<=[Gg][Hh])(?=-\d)|(?<=:)(?=//)|(?<=www)(?=\.)|(?<=<)(?=[!/\w])")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def plain(text: str, limit: int = 300) -> str:
    """One line of `text` without control and direction characters, at most `limit` characters long."""
    line = " ".join(_CONTROL.sub(" ", text).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def markdown(text: str, limit: int = 300) -> str:
    """`text` as one line of Markdown that shows as it is: no link, image, heading or HTML comes of it."""
    return _MARKDOWN.sub(r"\\\1", plain(text, limit))


def defused(text: str) -> str:
    """`text` so that no tracker pings a person or links an issue because of it: invisible spaces stand within the references.

    A backslash or an entity would not do: GitHub and GitLab look for references in what Markdown has made of a text.
    """
    return _REFERENCE.sub("\u200b", text)


def html_text(text: str, limit: int = 300) -> str:
    """`text` as one line of HTML text."""
    return html.escape(plain(text, limit))
