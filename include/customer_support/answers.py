"""Suggested answers: the resolved tickets, known themes and shipped stories that are nearest to what is asked. Pure.

Nothing is sent: a person reads, mends and sends. Texts come redacted; names in greetings, which no rule can know for names
elsewhere, are taken out too, for an answer to one customer is read by another.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from include.redaction import redact

BEST = 3  # suggestions for one ticket
BATCH = 500
NEAR = 0.3  # cosine below which nothing is suggested
_DEAR = re.compile(r"(?im)^(\s*(?:dear|hi|hello|hey)\s+)(?!there\b|team\b|all\b|customer\b)[^,.!\n]{1,40}")
_NIM = re.compile(r"(?<![가-힣])(?!고객님|회원님|선생님)[가-힣]{2,4}(?=\s?(?:고객|회원)?님)(?<!고객)(?<!회원)")


@dataclass(frozen=True)
class Source:
    """What an answer may be made of: `kind` is ticket, theme or story; `text` is what it is about, `answer` what it says."""

    kind: str
    id: str
    text: str
    answer: str


@dataclass(frozen=True)
class Suggestion:
    """`source` as an answer, with its nearness (cosine, 0 to 1) to what is asked."""

    source: Source
    score: float


def suggest(asked: Sequence[str], sources: Sequence[Source]) -> list[list[Suggestion]]:
    """For each text of `asked`, the nearest `sources`, best first; none where nothing is near."""
    if not sources or not asked:
        return [[] for _ in asked]
    features = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 3), sublinear_tf=True)  # so Korean needs no tokenizer
    features.fit([*asked, *(source.text for source in sources)])  # words that only a question has make it less like all sources
    known = features.transform([source.text for source in sources])
    found: list[list[Suggestion]] = []
    for start in range(0, len(asked), BATCH):
        nearness = (features.transform(asked[start: start + BATCH]) @ known.T).toarray()
        found += [_best(row, sources) for row in nearness]
    return found


def _best(row: np.ndarray, sources: Sequence[Source]) -> list[Suggestion]:
    order = np.argsort(-row, kind="stable")[:BEST]
    return [Suggestion(sources[place], round(float(row[place]), 4)) for place in order if row[place] >= NEAR]


def unnamed(answer: str) -> str:
    """`answer` redacted, without the name of the customer whom it greets."""
    return redact(_NIM.sub("[name]", _DEAR.sub(r"\1[name]", answer)))
