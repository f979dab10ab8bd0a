"""Texts that say the same: for each the most similar others, English bug reports and Korean one-liners alike.

A text is a bag of terms: stems of English words and the parts of identifiers (`FSDownload.copy` has `fs`, `download`, `copy`
too), single syllables and pairs of them for Korean, where the beginnings and ends of words count and endings don't. What a
report is about stands in its first line and just after it, so these weigh more than what follows. Terms weigh as in BM25
(Robertson and Zaragoza 2009: k1 = 1.2, b = 0.75, the idf that is never negative) on both sides; likeness is their cosine.
"""

import re
import zlib
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from scipy.sparse import csr_matrix

from include.voc_aggregation.features import STOP, stem

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]

WIDTH = 1 << 20  # columns that terms are hashed to
K1, B = 1.2, 0.75
# What a term weighs by where it stands: in the first line of several, up to 300 characters after it, up to 800.
TITLE, NEAR, FAR = 2.0, (300, 1.0), (800, 0.3)
_ROWS = 256  # texts searched at once
_WORD = re.compile(r"[A-Za-z_$][\w$.\-/]*[\w$]|\d+|[가-힣]+", re.ASCII)
_PARTS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")


@lru_cache(maxsize=200_000)
def _terms(word: str) -> tuple[int, ...]:
    """The columns of one word or identifier."""
    if word[0] >= "가":
        whole = f" {word} "
        found = [*word, *(whole[start: start + 2] for start in range(len(whole) - 1))]
    else:
        found = [stem(part.lower()) for part in _PARTS.findall(word) if len(part) > 1 and part.lower() not in STOP]
        names = {name.lower() for name in (word, *re.split(r"[./\-]", word)) if len(_PARTS.findall(name)) > 1}
        found += sorted(names)
    return tuple(zlib.crc32(term.encode()) % WIDTH for term in found)


def _weighed(text: str) -> dict[int, float]:
    """The columns of a text and how much they stand there."""
    title, _, body = text.strip().partition("\n")
    if not body:
        title, body = "", title
    (near, close), (far, distant) = NEAR, FAR
    found: dict[int, float] = {}
    for part, weight in ((title[:far], TITLE), (body[:near], close), (body[near:far], distant)):
        for word in _WORD.findall(part):
            for column in _terms(word):
                found[column] = found.get(column, 0.0) + weight
    return found


def _counted(texts: Iterable[str]) -> csr_matrix:
    data: list[float] = []
    columns: list[int] = []
    ends = [0]
    for text in texts:
        bag = _weighed(text)
        columns.extend(bag)
        data.extend(bag.values())
        ends.append(len(columns))
    return csr_matrix((np.asarray(data, np.float32), np.asarray(columns, np.int32), np.asarray(ends, np.int32)),
                      shape=(len(ends) - 1, WIDTH))


class Index:
    """Texts that are searched for likes of others; it grows by what is added, and remembers terms rather than texts."""

    def __init__(self) -> None:
        self._counts = csr_matrix((0, WIDTH), dtype=np.float32)
        self._having = np.zeros(WIDTH, np.int64)
        self._vectors: Any = None  # transposed; made when searched first after an addition

    def __len__(self) -> int:
        return int(self._counts.shape[0])

    def add(self, texts: Sequence[str]) -> None:
        """Append `texts`; they are numbered on from those that are there."""
        counts = _counted(texts)
        self._counts = sp.vstack([self._counts, counts]).tocsr()
        self._having += np.bincount(counts.indices, minlength=WIDTH)
        self._vectors = None

    def search(self, texts: Sequence[str], k: int) -> tuple[Indices, Floats]:
        """The `k` most similar indexed texts of each text, the nearest first: numbers and scores, shapes (len(texts), k).

        A score is between 0 and 1 (the same terms). Where there are fewer than `k`, numbers are -1 and scores 0; equals come
        in the order of their numbers.
        """
        return self._nearest(_counted(texts), k, own=False)

    def others(self, k: int) -> tuple[Indices, Floats]:
        """As `search` with the indexed texts themselves, none of which finds itself."""
        return self._nearest(self._counts, k, own=True)

    def _nearest(self, counts: csr_matrix, k: int, *, own: bool) -> tuple[Indices, Floats]:
        rows, scores = np.full((counts.shape[0], k), -1, np.int64), np.zeros((counts.shape[0], k), np.float32)
        if self._vectors is None:
            self._vectors = self._weighted(self._counts).T.tocsr()
        for start in range(0, counts.shape[0] if len(self) else 0, _ROWS):
            near = (self._weighted(counts[start: start + _ROWS]) @ self._vectors).toarray()
            if own:
                near[np.arange(len(near)), np.arange(start, start + len(near))] = -1
            best = _best(near, k)
            found = np.take_along_axis(near, best, 1)
            rows[start: start + _ROWS, : best.shape[1]] = np.where(found < 0, -1, best)
            scores[start: start + _ROWS, : best.shape[1]] = np.clip(found, 0, 1)
        return rows, scores

    def _weighted(self, counts: csr_matrix) -> csr_matrix:
        number = len(self)
        weights = np.log(1 + (number - self._having + 0.5) / (self._having + 0.5)).astype(np.float32)
        mean = self._counts.sum() / max(number, 1)
        length = K1 * (1 - B + B * np.asarray(counts.sum(axis=1)).ravel() / max(mean, 1e-9))
        vectors = counts.copy()
        vectors.data *= (K1 + 1) / (vectors.data + np.repeat(length, np.diff(vectors.indptr)).astype(np.float32))
        vectors.data *= weights[vectors.indices]
        norm = np.sqrt(np.asarray(vectors.multiply(vectors).sum(axis=1)).ravel())
        vectors.data /= np.repeat(np.maximum(norm, 1e-9), np.diff(vectors.indptr)).astype(np.float32)
        return vectors


def _best(near: Floats, k: int) -> Indices:
    """The columns of the `k` greatest values of each row, the greatest first, equals in order."""
    if k < near.shape[1]:
        least = np.partition(near, -k, axis=1)[:, -k]
        candidates = [np.flatnonzero(row >= bar) for row, bar in zip(near, least, strict=True)]
        return np.stack([some[np.argsort(-row[some], kind="stable")][:k] for row, some in zip(near, candidates, strict=True)])
    return np.argsort(-near, axis=1, kind="stable")


def find_duplicates(texts: Sequence[str], k: int = 10) -> tuple[Indices, Floats]:
    """For each of `texts` the `k` most similar others, the nearest first: numbers and scores, shapes (len(texts), k)."""
    index = Index()
    index.add(texts)
    return index.others(k)
