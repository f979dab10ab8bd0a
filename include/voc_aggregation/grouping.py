"""The new voices of a run join the themes they belong to; what is left over makes new themes where it is enough."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse import csr_matrix

from include.voc_aggregation import features, themes
from include.voc_aggregation.features import Weights
from include.voc_aggregation.themes import Floats, Indices, Theme

# Themes that a run may make, the biggest first: nobody reads more. The others' voices get another chance.
MAX_NEW = {themes.TROUBLE: 150, themes.PRAISE: 50}
_CENTRAL = 12  # voices that a name is chosen from


@dataclass
class Voices:
    """Voices to group, in a fixed order: `vectors` has one row each."""

    ids: list[str]
    kinds: list[str]
    languages: list[str]
    times: list[datetime]
    vectors: csr_matrix

    def take(self, rows: Indices) -> "Voices":
        """Some of the voices."""
        def some(values: Sequence[Any]) -> list[Any]:
            return [values[row] for row in rows]
        return Voices(some(self.ids), some(self.kinds), some(self.languages), some(self.times), self.vectors[rows])

    def __add__(self, other: "Voices") -> "Voices":
        return Voices(self.ids + other.ids, self.kinds + other.kinds, self.languages + other.languages, self.times + other.times,
                      sp.vstack([self.vectors, other.vectors]).tocsr())


@dataclass
class Grouping:
    """What came of it: themes that are new or grew, and which voice joined which theme how near."""

    created: list[Theme] = field(default_factory=list)
    grown: dict[str, Theme] = field(default_factory=dict)
    members: dict[str, list[tuple[str, str, float]]] = field(default_factory=dict)  # theme: (voice, language, similarity)
    central: dict[str, list[str]] = field(default_factory=dict)  # new theme: its most central voices, in its language

    def join(self, theme: Theme, voices: Voices, similarity: Floats) -> None:
        """Put `voices` into `theme`."""
        theme.join(voices.vectors, voices.kinds, voices.languages, voices.times)
        self.grown[theme.id] = theme
        found = [(voice, language, round(float(near), 4))
                 for voice, language, near in zip(voices.ids, voices.languages, similarity, strict=True)]
        self.members.setdefault(theme.id, []).extend(found)


def vectorized(ids: list[str], kinds: list[str], languages: list[str], times: list[datetime], counts: Sequence[csr_matrix],
               weights: Weights) -> Voices:
    """Voices with their counted features weighted."""
    counted = sp.vstack(counts).tocsr() if counts else csr_matrix((0, features.WIDTH), dtype=np.float32)
    return Voices(ids, kinds, languages, times, weights.apply(counted))


def grouped(product: str, new: Voices, old: Voices, known: list[Theme], least: int, pool: int) -> Grouping:
    """`new` voices join `known` themes; the newest `pool` of those left, with `old` unthemed ones, make themes of at least
    `least` voices; then the rest of the new voices may join those too. Complaints and praise are kept apart.
    """
    grouping = Grouping()
    rest = [_joined(grouping, new, rows, [theme for theme in known if theme.group == group], group)
            for group, rows in _by_group(new).items()]
    left = new.take(np.sort(np.concatenate(rest)).astype(np.int64)) if rest else new
    newest = np.sort(_newest(left.times, left.ids)[:pool])
    candidates = left.take(newest) + old.take(np.arange(min(len(old.ids), pool - len(newest))))
    for group, rows in _by_group(candidates).items():
        found = themes.clusters(candidates.vectors[rows], np.flatnonzero(rows < len(newest)), least)
        for cluster in found[: MAX_NEW[group]]:
            _create(grouping, product, group, candidates.take(rows[cluster]))
    others = left.take(np.setdiff1d(np.arange(len(left.ids)), newest))
    for group, rows in _by_group(others).items():
        _joined(grouping, others, rows, [theme for theme in grouping.created if theme.group == group], group)
    return grouping


def _by_group(voices: Voices) -> dict[str, Indices]:
    praise = np.fromiter((themes.group_of(kind) == themes.PRAISE for kind in voices.kinds), bool, len(voices.kinds))
    return {themes.TROUBLE: np.flatnonzero(~praise), themes.PRAISE: np.flatnonzero(praise)}


def _newest(times: list[datetime], ids: list[str]) -> Indices:
    order = sorted(range(len(times)), key=lambda row: (-times[row].timestamp(), ids[row]))
    return np.asarray(order, dtype=np.int64)


def _joined(grouping: Grouping, voices: Voices, rows: Indices, into: list[Theme], group: str) -> Indices:
    """Let `rows` of `voices` join the nearest of `into`; returns the rows that found none near enough."""
    place, similarity = themes.nearest(voices.vectors[rows], themes.centroids(into))
    for theme in np.unique(place[place >= 0]):
        found = place == theme
        grouping.join(into[theme], voices.take(rows[found]), similarity[found])
    return rows[place < 0]


def _create(grouping: Grouping, product: str, group: str, voices: Voices) -> None:
    columns, weights = themes.centroid(np.asarray(voices.vectors.sum(axis=0)).ravel())
    theme = Theme("", "", group, "", "", "open", 0, voices.times[0], voices.times[0], columns, weights)
    _, similarity = themes.nearest(voices.vectors, themes.centroids([theme]))
    order = sorted(range(len(voices.ids)), key=lambda row: (-similarity[row], voices.ids[row]))
    theme.id = theme_id(product, group, voices.ids[order[0]])
    language = themes.most_common(Counter(voices.languages))
    grouping.join(theme, voices, similarity)
    grouping.created.append(theme)
    grouping.central[theme.id] = [voices.ids[row] for row in order if voices.languages[row] == language][:_CENTRAL]


def theme_id(product: str, group: str, founder: str) -> str:
    """The id of a theme: a hash of the voice (or the signal) that it began with."""
    return "t" + hashlib.sha256("\x1f".join((product, group, founder)).encode()).hexdigest()[:15]
