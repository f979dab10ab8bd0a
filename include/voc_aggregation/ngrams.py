"""Texts as counts of hashed n-grams, counted by numpy: words, characters, and the letters (jamo) that Hangul is made of.

Korean needs no tokenizer here: endings, spaces left out and typing errors change few of a word's jamo.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix, csr_matrix

Hashes = npt.NDArray[np.uint64]
Positions = npt.NDArray[np.int64]

WIDTH = 1 << 22  # columns of a kind of n-gram: some collide, few that matter
_LOOKED_AT = 2000  # characters of a text
_PRIME = np.uint64(0x100000001B3)  # the FNV prime
_MIX = np.uint64(0x9E3779B97F4A7C15)  # 2**64 / golden ratio: spreads close hashes
_SPACE = re.compile(r"\s+")
_TOKEN = re.compile(r"\w+|[^\w\s]")
_HANGUL = re.compile("[가-힣ㄱ-ㅎㅏ-ㅣ]")


def words(texts: Sequence[str], longest: int = 2) -> csr_matrix:
    """Counts of single words and signs, and of up to `longest` after one another. Shape (texts, WIDTH)."""
    tokens = [_TOKEN.findall(text[:_LOOKED_AT].lower()) for text in texts]
    vocabulary: dict[str, int] = {}
    numbers = np.fromiter((vocabulary.setdefault(token, len(vocabulary)) for line in tokens for token in line), np.int64)
    hashes = _hashed_words(list(vocabulary))[numbers] if vocabulary else np.zeros(0, np.uint64)
    return _counts(hashes, np.fromiter(map(len, tokens), np.int64, len(tokens)), 1, longest)


def _hashed_words(vocabulary: list[str]) -> Hashes:
    letters = _points("".join(vocabulary))
    lengths = np.fromiter(map(len, vocabulary), np.int64)
    starts = np.cumsum(lengths) - lengths
    powers = np.cumprod(np.full(int(lengths.max()), _PRIME))
    place = np.arange(len(letters)) - np.repeat(starts, lengths)
    hashed: Hashes = np.add.reduceat(letters * powers[place], starts)
    return hashed


def characters(texts: Sequence[str], shortest: int = 1, longest: int = 4) -> csr_matrix:
    """Counts of `shortest` to `longest` characters after one another, blanks as one. Shape (texts, WIDTH)."""
    return _of_letters([_plain(text) for text in texts], shortest, longest)


def jamo(texts: Sequence[str], shortest: int = 3, longest: int = 7) -> csr_matrix:
    """As `characters`, of the jamo of texts with Hangul; other texts have none. Shape (texts, WIDTH)."""
    return _of_letters([unicodedata.normalize("NFD", _plain(text)) if _HANGUL.search(text) else "" for text in texts],
                       shortest, longest)


def _plain(text: str) -> str:
    return f" {_SPACE.sub(' ', text[:_LOOKED_AT].lower()).strip()} "


def _of_letters(texts: list[str], shortest: int, longest: int) -> csr_matrix:
    return _counts(_points("".join(texts)), np.fromiter(map(len, texts), np.int64, len(texts)), shortest, longest)


def _points(text: str) -> Hashes:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint64)


def _counts(units: Hashes, lengths: Positions, shortest: int, longest: int) -> csr_matrix:
    """Counts of n-grams of `units`, which stand one text after the other, `lengths` of them a text."""
    rows = np.repeat(np.arange(len(lengths), dtype=np.int32), lengths)
    found: list[tuple[Any, Any]] = []
    hashes = np.zeros_like(units)
    for size in range(1, min(longest, len(units)) + 1):
        hashes = hashes[: len(units) - size + 1] * _PRIME + units[size - 1:] + np.uint64(size)
        if size >= shortest:
            inside = rows[: len(hashes)] == rows[size - 1:]
            found.append((rows[: len(hashes)][inside], _column(hashes[inside])))
    shape = (len(lengths), WIDTH)
    if not found:
        return csr_matrix(shape, dtype=np.float32)
    row, column = (np.concatenate(part) for part in zip(*found, strict=True))
    return coo_matrix((np.ones(len(row), np.float32), (row, column)), shape=shape).tocsr()


def _column(hashes: Hashes) -> npt.NDArray[np.int32]:
    return ((hashes * _MIX) >> np.uint64(42)).astype(np.int32)


Counter = Callable[[Sequence[str]], csr_matrix]
