"""Voices that say the same in the same words: pasted again, forwarded, posted in two channels.

A copy is tied to the voice that said it first; it goes on counting as a voice, but not as another person, and is no quote.
Candidates share a sketch: the least hashes (MinHash: Broder 1997) of the columns that grouping counts, in which case,
punctuation and common words don't stand. Of those, texts with a Jaccard similarity of at least SAME are copies. Short texts never
are: people do say "it crashes" in the same words, each of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse import csr_matrix
from sqlalchemy import Engine, select

from include.ledger.engine import reading
from include.ledger.tables import voices
from include.voc_aggregation import features

LEAST = 24  # columns: about ten words of English that say something, or six of Korean
SAME = 0.8
_BANDS, _ROWS = 3, 4  # sketches of a text, and least hashes in each; the ledger keeps the first
_IN = 10_000  # values in one IN
Sketches = np.ndarray[Any, np.dtype[np.int64]]
_RANDOM = np.random.default_rng(2024)
_FACTORS = _RANDOM.integers(1, 1 << 32, _BANDS * _ROWS, dtype=np.uint64) | np.uint64(1)
_SHIFTS = _RANDOM.integers(0, 1 << 32, _BANDS * _ROWS, dtype=np.uint64)


@dataclass(frozen=True)
class Copies:
    """`of`: copy to the voice that said it first. `sketch`: of each voice that is long enough to have one."""

    of: dict[str, str] = field(default_factory=dict)
    sketch: dict[str, int] = field(default_factory=dict)

    def columns(self, voice: str) -> dict[str, Any]:
        """What the table `voices` says of it."""
        return {"sketch": self.sketch.get(voice), "duplicate_of": self.of.get(voice)}


def sketches(counts: csr_matrix) -> Sketches:
    """The sketches of texts with at least LEAST columns, shape (texts, _BANDS); 0 for those with fewer."""
    found = np.zeros((counts.shape[0], _BANDS), np.int64)
    long = np.flatnonzero(np.diff(counts.indptr) >= LEAST)
    if not len(long):
        return found
    kept = counts[long]
    columns, starts = kept.indices.astype(np.uint64), kept.indptr[:-1]
    for number, (factor, shift) in enumerate(zip(_FACTORS, _SHIFTS, strict=True)):
        least = np.minimum.reduceat((columns * factor + shift) >> np.uint64(11) & np.uint64(0xFFFFFFFF), starts)
        band = found[long, number // _ROWS].view(np.uint64)
        found[long, number // _ROWS] = ((band ^ least) * np.uint64(0x9E3779B97F4A7C15)).view(np.int64)
    return found


def copies(engine: Engine, product: str, ids: Sequence[str], times: Sequence[datetime], counts: Sequence[csr_matrix]) -> Copies:
    """What of the new voices `ids`, written at `times` and with these `counts`, is a copy of one in the ledger or of another."""
    if not ids:
        return Copies()
    matrix = sp.vstack(counts).tocsr()
    sketch = sketches(matrix)
    long: list[int] = np.flatnonzero(sketch[:, 0]).tolist()
    order = np.asarray(sorted(long, key=lambda row: (times[row], ids[row])), np.int64)
    of = _known(engine, product, ids, matrix, sketch[:, 0], order)
    for band in range(_BANDS):
        rest = np.asarray([row for row in order if ids[row] not in of], np.int64)
        _values, first, where = np.unique(sketch[rest, band], return_index=True, return_inverse=True)
        leading = rest[first[where]]
        pairs = np.flatnonzero(rest != leading)
        for at in pairs[_alike(matrix[rest[pairs]], matrix[leading[pairs]])]:
            of[ids[rest[at]]] = ids[leading[at]]
    for copy in of:
        while of[copy] in of:
            of[copy] = of[of[copy]]
    return Copies(of, {ids[row]: int(sketch[row, 0]) for row in long})


def _known(engine: Engine, product: str, ids: Sequence[str], matrix: csr_matrix, sketch: Sketches,
           rows: Sketches) -> dict[str, str]:
    """Those that are copies of voices in the ledger."""
    values = np.unique(sketch[rows]).tolist()
    found: dict[int, tuple[str, str]] = {}
    query = (select(voices.c.sketch, voices.c.id, voices.c.text)
             .where(voices.c.product == product, voices.c.duplicate_of.is_(None), voices.c.erased_at.is_(None)))
    with reading(engine) as connection:
        for start in range(0, len(values), _IN):
            some = query.where(voices.c.sketch.in_(values[start: start + _IN])).order_by(voices.c.id.desc())
            found |= {row.sketch: (row.id, row.text) for row in connection.execute(some)}
    paired = [row for row in rows if sketch[row] in found]
    firsts = [found[sketch[row]] for row in paired]
    alike = _alike(matrix[paired], features.counts(text for _, text in firsts)) if paired else ()
    return {ids[row]: voice for row, (voice, _), same in zip(paired, firsts, alike, strict=True) if same}


def _alike(some: csr_matrix, others: csr_matrix) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Whether a row of `some` and the same row of `others` have a Jaccard similarity of at least SAME."""
    both = np.asarray((some > 0).multiply(others > 0).sum(axis=1)).ravel()
    either = np.diff(some.indptr) + np.diff(others.indptr) - both
    return np.asarray(both >= SAME * np.maximum(either, 1), dtype=bool)
