"""The new voices of a run join the themes they belong to; what is left over makes new themes where it is enough."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse import csr_matrix

from include.voc_aggregation import features, themes, understanding
from include.voc_aggregation.features import Weights
from include.voc_aggregation.themes import FIRM, LOOSE, PART, Floats, Indices, Near, Theme

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
    """`new` voices join the `known` themes that they are firmly near to; the newest `pool` of those left, with `old` unthemed
    ones, make themes of at least `least` voices; what is left then joins the nearest theme of all. Complaints and praise are
    kept apart.
    """
    grouping = Grouping()
    left = _joined(grouping, new, known, FIRM)
    newest = np.sort(_newest(left.times, left.ids)[:pool])
    candidates = left.take(newest) + old.take(np.arange(min(len(old.ids), pool - len(newest))))
    for group, rows in _by_group(candidates).items():
        there = [theme for theme in known if theme.group == group]
        found = themes.clusters(candidates.vectors[rows], np.flatnonzero(rows < len(newest)), least)
        for cluster in found[: MAX_NEW[group]]:
            _found(grouping, product, group, candidates.take(rows[cluster]), there)
    themed = {voice for members in grouping.members.values() for voice, _, _ in members}
    left = left.take(np.flatnonzero([voice not in themed for voice in left.ids]))
    _joined(grouping, left, [*known, *grouping.created], LOOSE)
    return grouping


def _by_group(voices: Voices) -> dict[str, Indices]:
    praise = np.fromiter((themes.group_of(kind) == themes.PRAISE for kind in voices.kinds), bool, len(voices.kinds))
    return {themes.TROUBLE: np.flatnonzero(~praise), themes.PRAISE: np.flatnonzero(praise)}


def _newest(times: list[datetime], ids: list[str]) -> Indices:
    order = sorted(range(len(times)), key=lambda row: (-times[row].timestamp(), ids[row]))
    return np.asarray(order, dtype=np.int64)


def _joined(grouping: Grouping, voices: Voices, into: list[Theme], near: Near) -> Voices:
    """Let voices join the nearest of `into`, complaints those of complaints; returns those that are `near` to none."""
    rest = np.zeros(len(voices.ids), bool)
    for group, rows in _by_group(voices).items():
        there = [theme for theme in into if theme.group == group]
        place, similarity = themes.nearest(voices.vectors[rows], themes.centroids(there), near)
        for theme in np.unique(place[place >= 0]):
            found = place == theme
            grouping.join(there[theme], voices.take(rows[found]), similarity[found])
        rest[rows[place < 0]] = True
    return voices.take(np.flatnonzero(rest))


def _found(grouping: Grouping, product: str, group: str, voices: Voices, known: list[Theme]) -> None:
    """A cluster of voices makes a theme, or is part of one of `known` that is the same."""
    columns, weights = themes.centroid(np.asarray(voices.vectors.sum(axis=0)).ravel())
    theme = Theme("", "", group, "", "", "open", 0, voices.times[0], voices.times[0], columns, weights)
    place, _ = themes.nearest(themes.centroids([theme]), themes.centroids(known), PART)
    if place[0] >= 0:
        _, similarity = themes.nearest(voices.vectors, themes.centroids([known[place[0]]]))
        grouping.join(known[place[0]], voices, similarity)
        return
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


def theme_labels(nights: Sequence[Sequence[str]], least: int = 3, pool: int = 20_000) -> list[str | None]:
    """The theme of each text of all `nights` in their order, None where it has none, as if each list were heard in one night.

    For measuring: what a run does to the texts, without a ledger.
    """
    weights, known, found = Weights(), list[Theme](), dict[str, str]()
    heard: list[Voices] = []
    for night, texts in enumerate(nights):
        counts = features.counts(texts)
        weights.learn(counts)
        feelings = [understanding.sentiment(text) for text in texts]
        at = [datetime.fromtimestamp(night * 86_400, UTC)] * len(texts)
        ids = [f"{night:04d}-{number:08d}" for number in range(len(texts))]
        new = vectorized(ids, list(map(understanding.kind, texts, feelings)), list(map(understanding.language, texts)), at,
                         [counts], weights)
        old = sum(reversed(heard), start=vectorized([], [], [], [], [], weights))
        old = old.take(np.flatnonzero([voice not in found for voice in old.ids]))
        grouping = grouped("trial", new, old, known, least, pool)
        known += grouping.created
        found |= {voice: theme for theme, members in grouping.members.items() for voice, _, _ in members}
        heard.append(new)
    return [found.get(voice) for voices in heard for voice in voices.ids]
