"""Names and summaries of new themes in an assistant's words, where they keep the rules; else the theme keeps a customer's words.

Voices are strangers' text. What one of them demands can at most reach the words of a name, and that only where most of the
theme's central voices share them.
"""

import re
from collections.abc import Sequence

from pydantic import BaseModel, Field

from include.assistant import Assistant
from include.markup import plain
from include.redaction import redact
from include.voc_aggregation import features
from include.voc_aggregation.themes import Theme
from include.voc_aggregation.understanding import language

NAME, SUMMARY = 80, 400  # characters, at most
_SHOWN, _LONGEST = 12, 400  # voices of a theme that the assistant reads, and characters of each
_STRANGE = re.compile(
    r"://|www\.|\b[\w-]+\.(?:com|net|org|io|ai|dev|app|co|kr|ru|cn|info|biz|xyz|link|me)\b|@|[<>{}\[\]|`\\*#$]", re.I)
_WANTED = ("These are customers' messages about one subject. Name the subject in three to eight plain words, and sum up in one "
           "or two sentences what customers say about it, in the language with the code that is given. Names of people stay out.")


class Words(BaseModel):
    """What the assistant gives a theme."""

    name: str = Field(min_length=3, max_length=NAME)
    summary: str = Field(min_length=10, max_length=SUMMARY)


def name(assistant: Assistant, theme: Theme, texts: Sequence[str]) -> str | None:
    """Name and sum up `theme` by its central `texts`; why the words were refused, None where they were taken or none came."""
    texts = [plain(text, _LONGEST) for text in texts[:_SHOWN]]
    said = assistant.ask(_WANTED, {"language": theme.language, "messages": texts}, Words)
    if said is None:
        return None
    words = Words.model_construct(name=plain(said.name, NAME), summary=plain(said.summary, SUMMARY))
    if wrong := refused(words, theme.language, texts):
        return f"{theme.id}: {wrong}"
    theme.name, theme.summary = words.name, words.summary
    return None


def refused(words: Words, wanted: str, texts: Sequence[str]) -> str | None:
    """What is wrong with `words` for voices in the language `wanted` that say `texts`; None where nothing is."""
    for what, text in (("name", words.name), ("summary", words.summary)):
        if _STRANGE.search(text):
            return f"the {what} has a link, an address or markup"
        if redact(text) != text:
            return f"the {what} has personal data"
        if (told := language(text)) != wanted:
            return f"the {what} is in {told}, not in {wanted}"
        if not _shared(text, texts):
            return f"the {what} has nothing to do with most of the voices"
    return None


def _shared(text: str, texts: Sequence[str]) -> bool:
    """Whether more than half of `texts` share a word or a concept with `text`."""
    about = set(features.columns(text))
    return 2 * sum(not about.isdisjoint(features.columns(other)) for other in texts) > len(texts)
