"""Themes: voices about the same thing, in whatever language. Pure rules over vectors; ids survive because centroids do."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.sparse import csr_matrix
from scipy.spatial.distance import squareform

from include.markup import plain
from include.voc_aggregation.features import SYMPTOM, TOPIC, WIDTH

TROUBLE, PRAISE, OPERATION = "trouble", "praise", "operation"  # praise never counts as a complaint about its subject
ALIKE = 0.25  # mean cosine between the centroids of stars from which they are one theme
KEPT = 64  # columns that a theme remembers
COMMON = 0.10  # a column that more of the pool than this has tells nothing about two voices
QUOTES = 3
_BLOCK = 20_000_000  # cells of a dense block of similarities

Indices = np.ndarray[Any, np.dtype[np.int64]]
Floats = np.ndarray[Any, np.dtype[np.float32]]


class Near(NamedTuple):
    """What is near enough: this cosine, or this much of it from topics that both name, in other words or the other language."""

    cosine: float
    topics: float


NEIGHBOURS = Near(0.35, 0.18)  # two voices that may be about the same
FIRM = Near(0.35, 0.30)  # a voice and a theme that it joins at once
PART = Near(0.70, 1.0)  # the centroid of voices and a theme that all of them join
LOOSE = Near(0.17, 0.18)  # a voice and a theme that it joins where it begins no other
NEAREST = Near(0.0, 0.0)  # whatever is nearest
UNSETTLED = 0.35  # a voice that is less near to its theme may begin another
NEARER = 0.05  # by so much another theme must be nearer for a voice to move there


@dataclass
class Theme:
    """A theme as the grouping knows it. `columns` and `weights` are its centroid's strongest columns, a unit vector; `size`
    counts the voices that are at home in it; `into` is the living theme that holds them where it was merged.
    """

    id: str
    name: str
    group: str
    language: str
    kind: str
    status: str
    size: int
    first_seen: datetime
    last_seen: datetime
    columns: list[int] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)
    into: str | None = None
    summary: str | None = None

    @property
    def living(self) -> str:
        """The id of the theme that holds the voices."""
        return self.into or self.id

    def state(self) -> dict[str, Any]:
        """What has to be remembered to know the theme again."""
        return {"group": self.group, "columns": self.columns, "weights": [round(weight, 5) for weight in self.weights],
                "kinds": dict(self.kinds), "languages": dict(self.languages), "size": self.size}

    def join(self, vectors: csr_matrix, kinds: Iterable[str], languages: Iterable[str], times: Sequence[datetime]) -> None:
        """Take in voices: the centroid is the mean of all that ever joined."""
        self.kinds.update(kinds)
        self.languages.update(languages)
        self.kind, self.language = most_common(self.kinds), most_common(self.languages)
        self.first_seen, self.last_seen = min(self.first_seen, *times), max(self.last_seen, *times)
        mean = np.asarray(vectors.sum(axis=0)).ravel()
        mean[self.columns] += self.size * np.asarray(self.weights)
        self.size += vectors.shape[0]
        self.columns, self.weights = centroid(mean)

    def leave(self, kind: str, language: str) -> None:
        """Let a voice go. What the theme is about stays."""
        self.kinds[kind] -= 1
        self.languages[language] -= 1
        self.size -= 1


def group_of(kind: str) -> str:
    """Whether a voice of this kind asks for something or praises; the two never share a theme."""
    return PRAISE if kind == "praise" else TROUBLE


def most_common(counts: Counter[str]) -> str:
    """The most frequent word, the first by alphabet where several are."""
    return min(counts, key=lambda word: (-counts[word], word))


def centroid(total: Any) -> tuple[list[int], list[float]]:
    """The KEPT strongest columns of a sum of vectors (length WIDTH), as a unit vector."""
    there = np.flatnonzero(total > 0)
    columns, weights = _strongest(there, total[there])
    return columns.tolist(), weights.tolist()


def _strongest(columns: Any, weights: Any) -> tuple[Any, Any]:
    strongest = np.sort(np.argsort(-weights, kind="stable")[:KEPT])
    kept = weights[strongest]
    return columns[strongest], kept / np.linalg.norm(kept)


def centroids(themes: Sequence[Theme]) -> csr_matrix:
    """The centroids of `themes` as rows."""
    ends = np.cumsum([0, *(len(theme.columns) for theme in themes)])
    columns = np.concatenate([np.zeros(0), *(theme.columns for theme in themes)])
    weights = np.concatenate([np.zeros(0), *(theme.weights for theme in themes)])
    return csr_matrix((weights.astype(np.float32), columns.astype(np.int32), ends), shape=(len(themes), WIDTH))


def nearest(vectors: csr_matrix, centers: csr_matrix, near: Near = LOOSE) -> tuple[Indices, Floats]:
    """For each vector the row of the nearest center and its cosine; -1 where it is not `near`."""
    count = vectors.shape[0]
    rows, similarity = np.full(count, -1, np.int64), np.zeros(count, np.float32)
    if not centers.shape[0]:
        return rows, similarity
    transposed, topics = centers.T.tocsr(), centers[:, TOPIC:SYMPTOM].T.tocsr()
    step = max(1, _BLOCK // centers.shape[0])
    for start in range(0, count, step):
        part = vectors[start: start + step]
        cosine = (part @ transposed).toarray()
        best = cosine.argmax(axis=1)
        one = np.arange(len(best))
        by_topic = np.asarray((part[:, TOPIC:SYMPTOM] @ topics).tocsr()[one, best]).ravel()
        found = (cosine[one, best] >= near.cosine) | (by_topic >= near.topics)
        rows[start: start + step] = np.where(found, best, -1)
        similarity[start: start + step] = cosine[one, best]
    return rows, similarity


def clusters(vectors: csr_matrix, fresh: Indices, least: int) -> list[Indices]:
    """Groups of at least `least` rows of `vectors` about the same thing, each around a row of `fresh`.

    Star clustering (Aslam, Pelekhov, Rus 2004): the row with the densest neighbourhood takes all its neighbours, then the next
    of those left; stars that are alike become one group, and each row moves to the nearest centroid. Rows are taken in a
    fixed order, so that the same rows make the same groups.
    """
    groups = _alike(vectors, _stars(vectors, fresh, least))
    for _ in range(2):
        if not groups:
            return []
        rows, _similarity = nearest(vectors, _centers(vectors, groups))
        groups = [found for group in range(len(groups)) if len(found := np.flatnonzero(rows == group)) >= least]
    isfresh = np.zeros(vectors.shape[0], bool)
    isfresh[fresh] = True
    return sorted((group for group in groups if isfresh[group].any()), key=lambda group: (-len(group), group[0]))


def _stars(vectors: csr_matrix, fresh: Indices, least: int) -> list[Indices]:
    neighbours = _neighbours(vectors, fresh)
    density = np.asarray(neighbours.sum(axis=1)).ravel()
    taken = np.zeros(vectors.shape[0], bool)
    stars: list[Indices] = []
    for row in np.argsort(-density, kind="stable"):
        if not taken[fresh[row]]:
            near = neighbours.indices[neighbours.indptr[row]: neighbours.indptr[row + 1]]
            star = near[~taken[near]]
            if len(star) >= least:
                taken[star] = True
                stars.append(np.sort(star).astype(np.int64))
    return stars


def _neighbours(vectors: csr_matrix, fresh: Indices) -> csr_matrix:
    """The cosines between rows of `fresh` and all rows that are near; columns that are common say nothing here."""
    count = vectors.shape[0]
    if count > 1000:
        common = np.bincount(vectors.indices, minlength=WIDTH) > COMMON * count
        vectors = (vectors @ sp.diags_array((~common).astype(np.float32))).tocsr()
        vectors.eliminate_zeros()
    topics = vectors[:, TOPIC:SYMPTOM]
    whole, by_topic = vectors.T.tocsr(), topics.T.tocsr()
    blocks = []
    for start in range(0, len(fresh), 1000):
        rows = fresh[start: start + 1000]
        cosine = (vectors[rows] @ whole).tocsr()
        near = _from(cosine, NEIGHBOURS.cosine) + _from(topics[rows] @ by_topic, NEIGHBOURS.topics)
        block = cosine.multiply(near > 0).tocsr()
        block.eliminate_zeros()
        blocks.append(block)
    return sp.vstack(blocks).tocsr() if blocks else csr_matrix((0, count))


def _from(matrix: csr_matrix, least: float) -> csr_matrix:
    """1 where `matrix` is at least `least`."""
    found = matrix.tocsr(copy=True)
    found.data = (found.data >= least).astype(np.float32)
    found.eliminate_zeros()
    return found


def _centers(vectors: csr_matrix, groups: Sequence[Indices]) -> csr_matrix:
    """The centroids of groups of rows."""
    rows = np.concatenate(groups)
    ends = np.cumsum([0, *map(len, groups)])
    sums = csr_matrix((np.ones(len(rows), np.float32), rows, ends), shape=(len(groups), vectors.shape[0])) @ vectors
    sums.sort_indices()
    found = [_strongest(sums.indices[start:end], sums.data[start:end]) for start, end in pairwise(sums.indptr)]
    ends = np.cumsum([0, *(len(columns) for columns, _ in found)])
    columns, weights = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return csr_matrix((weights, columns, ends), shape=(len(groups), WIDTH))


def _alike(vectors: csr_matrix, stars: list[Indices]) -> list[Indices]:
    """`stars`, those put together whose centroids have a mean cosine of at least ALIKE (average linkage: UPGMA)."""
    if len(stars) < 2:
        return stars
    centers = _centers(vectors, stars)
    distance = 1 - (centers @ centers.T).toarray().astype(float)
    np.fill_diagonal(distance, 0)
    group = fcluster(linkage(squareform(distance.clip(0), checks=False), "average"), 1 - ALIKE, "distance")
    return [np.sort(np.concatenate([stars[star] for star in np.flatnonzero(group == number)])) for number in np.unique(group)]


_SENTENCE = re.compile(r"(?<=[.!?。~])\s+|\n+")
_SIGHS = re.compile(r"^[\s.,;:!~^*=_-]+|(?:[\s.,;!~^*=_ㄱ-ㅎㅏ-ㅣ-]|(?<=\?)\?|[:;]-?[()DP])+$")  # what stands around a sentence
_WORD = re.compile(r"[가-힣]{2,}|[^\W\d_]{4,}")
NEARLY = 0.8  # as much said as the sentence that is said most: then the more central one is the name
NAME_WIDTH = (8, 70)  # a syllable of Hangul is as wide as two letters


def name_from(texts: Sequence[str]) -> str:
    """A readable name: of the sentences of a good width in `texts` (most central first), the one whose words most of them say."""
    sentences = [_sentences(text) for text in texts]
    said = Counter(word for text in texts for word in _words(text))
    good = [sentence for found in sentences for sentence in found if NAME_WIDTH[0] <= _width(sentence) <= NAME_WIDTH[1]]
    shared = {sentence: sum(said[word] for word in found) / max(len(found), 1)**0.5
              for sentence in good for found in [_words(sentence)]}
    best = max(shared.values(), default=0)
    told = [sentence for sentence in good if shared[sentence] >= NEARLY * best]
    found = next(filter(None, [*told, *(found[0] for found in sentences)]), "?")
    return found[0].upper() + found[1:]


def _sentences(text: str) -> list[str]:
    parts = [part for part in _SENTENCE.split(text.strip()) if len(part) > 4] or [text]
    return [_SIGHS.sub("", plain(part, 80)) for part in parts]


def _words(text: str) -> set[str]:
    """What tells what a text is about: words of four letters or more, and the first two syllables of Korean ones."""
    return {word[:2] if "가" <= word[0] <= "힣" else word for word in _WORD.findall(text.lower())}


def _width(text: str) -> int:
    return sum(2 if "가" <= letter <= "힣" else 1 for letter in text)


def quotes(candidates: Sequence[tuple[str, str, float]]) -> set[str]:
    """The ids of up to QUOTES voices to show, of (id, language, similarity): the most central one of each language that is at
    least half as near as the first, then others. Those as near as one before them come last: they mostly say the same.
    """
    ranked = sorted(candidates, key=lambda item: (-item[2], item[0]))
    leading: dict[str, str] = {}
    for voice, language, similarity in ranked:
        if similarity >= ranked[0][2] / 2:
            leading.setdefault(language, voice)
    said: dict[float, str] = {}
    for voice, _, similarity in ranked:
        said.setdefault(similarity, voice)
    return set(list(dict.fromkeys([*leading.values(), *said.values(), *(voice for voice, _, _ in ranked)]))[:QUOTES])
