"""The new voices of a run join the themes they belong to; what is left over makes new themes where it is enough."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse import csr_matrix

from include.voc_aggregation import features, themes, understanding
from include.voc_aggregation.features import Weights
from include.voc_aggregation.themes import FIRM, LOOSE, NEARER, NEAREST, PART, UNSETTLED, Floats, Indices, Near, Theme

# Themes that a run may make, the biggest first: nobody reads more. The others' voices get another chance.
MAX_NEW = {themes.TROUBLE: 150, themes.PRAISE: 50}
AGAIN = 5  # recent voices that are looked at again for each new one: a night costs by its own size
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
    """What came of it: themes that are new or changed, which voice joined which theme how near, and which it left for that."""

    homes: dict[str, tuple[Theme, float]] = field(default_factory=dict)  # recent voices that may move: theme, similarity
    created: list[Theme] = field(default_factory=list)
    grown: dict[str, Theme] = field(default_factory=dict)
    members: dict[str, list[tuple[str, str, float]]] = field(default_factory=dict)  # theme: (voice, language, similarity)
    central: dict[str, list[str]] = field(default_factory=dict)  # new theme: its most central voices, in its language
    left: dict[str, list[str]] = field(default_factory=dict)  # theme: voices that moved to another
    split: dict[str, str] = field(default_factory=dict)  # new theme: the one that most of its voices were in

    def join(self, theme: Theme, voices: Voices, similarity: Floats) -> None:
        """Put `voices` into `theme`, out of those that they were in; who is there already stays."""
        if self.homes:
            rows = np.flatnonzero([voice not in self.homes or self.homes[voice][0] is not theme for voice in voices.ids])
            voices, similarity = voices.take(rows), similarity[rows]
            self._leave(voices)
        if not voices.ids:
            return
        theme.join(voices.vectors, voices.kinds, voices.languages, voices.times)
        self.grown[theme.id] = theme
        found = [(voice, language, round(float(near), 4))
                 for voice, language, near in zip(voices.ids, voices.languages, similarity, strict=True)]
        self.members.setdefault(theme.id, []).extend(found)

    def _leave(self, voices: Voices) -> None:
        for voice, kind, language in zip(voices.ids, voices.kinds, voices.languages, strict=True):
            if voice in self.homes:
                old, _ = self.homes.pop(voice)
                old.leave(kind, language)
                self.grown[old.id] = old
                self.left.setdefault(old.id, []).append(voice)


def vectorized(ids: list[str], kinds: list[str], languages: list[str], times: list[datetime], counts: Sequence[csr_matrix],
               weights: Weights) -> Voices:
    """Voices with their counted features weighted."""
    counted = sp.vstack(counts).tocsr() if counts else csr_matrix((0, features.WIDTH), dtype=np.float32)
    return Voices(ids, kinds, languages, times, weights.apply(counted))


def grouped(product: str, new: Voices, old: Voices, known: list[Theme], least: int, pool: int,
            homes: Mapping[str, tuple[str, float]] | None = None) -> Grouping:
    """`new` voices join the `known` themes that they are firmly near to; the newest `pool` of those left, with `old` ones that
    are in no theme or hardly, make themes of at least `least` voices; what is left then joins the nearest theme of all, and
    `old` voices move to a theme that is nearer than theirs. Complaints and praise are kept apart.

    `homes` says for `old` voices which theme they are in and how near; those that it doesn't know are in none.
    """
    there = {theme.id: theme for theme in known}
    grouping = Grouping({voice: (there[theme], near) for voice, (theme, near) in (homes or {}).items()})
    left = _joined(grouping, new, known, FIRM)
    newest = np.sort(_newest(left.times, left.ids)[:pool])
    loose = np.flatnonzero([voice not in grouping.homes or grouping.homes[voice][1] < UNSETTLED for voice in old.ids])
    candidates = left.take(newest) + old.take(loose[: pool - len(newest)])
    for group, rows in _by_group(candidates).items():
        same = [theme for theme in known if theme.group == group]
        found = themes.clusters(candidates.vectors[rows], np.flatnonzero(rows < len(newest)), least)
        for cluster in found[: MAX_NEW[group]]:
            _found(grouping, product, group, candidates.take(rows[cluster]), same)
    themed = {voice for members in grouping.members.values() for voice, _, _ in members}
    every = [*known, *grouping.created]
    _joined(grouping, left.take(np.flatnonzero([voice not in themed for voice in left.ids])), every, LOOSE)
    _moved(grouping, old.take(np.flatnonzero([voice in grouping.homes for voice in old.ids])), every)
    return grouping


def _moved(grouping: Grouping, voices: Voices, into: list[Theme]) -> None:
    """Let voices that have a home go to the nearest of `into` where that is nearer by NEARER."""
    for group, rows in _by_group(voices).items():
        there = [theme for theme in into if theme.group == group]
        place, similarity = themes.nearest(voices.vectors[rows], themes.centroids(there), NEAREST)
        before = np.array([grouping.homes[voices.ids[row]][1] for row in rows])
        nearer = (place >= 0) & (similarity > before + NEARER)
        for theme in np.unique(place[nearer]):
            found = nearer & (place == theme)
            grouping.join(there[theme], voices.take(rows[found]), similarity[found])


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
    were = Counter(grouping.homes[voice][0].id for voice in voices.ids if voice in grouping.homes)
    for old, count in were.items():
        if 2 * count > len(voices.ids):
            grouping.split[theme.id] = old
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
    weights, known = Weights(), list[Theme]()
    heard: list[Voices] = []
    found: dict[str, tuple[str, float]] = {}
    for night, texts in enumerate(nights):
        counts = features.counts(texts)
        weights.learn(counts)
        feelings = [understanding.sentiment(text) for text in texts]
        ids = [f"{night:04d}-{number:08d}" for number in range(len(texts))]
        new = Voices(ids, list(map(understanding.kind, texts, feelings)), list(map(understanding.language, texts)),
                     [datetime.fromtimestamp(night * 86_400, UTC)] * len(texts), counts)
        old = sum(reversed(heard), start=Voices([], [], [], [], counts[:0]))
        old = old.take(_again(old.ids, found, AGAIN * len(texts)))
        homes = {voice: found[voice] for voice in old.ids if voice in found}
        grouping = grouped("trial", replace(new, vectors=weights.apply(new.vectors)),
                           replace(old, vectors=weights.apply(old.vectors)), known, least, pool, homes)
        known += grouping.created
        found |= {voice: (theme, near) for theme, members in grouping.members.items() for voice, _, near in members}
        heard.append(new)
    return [found[voice][0] if voice in found else None for voices in heard for voice in voices.ids]


def _again(ids: Sequence[str], found: Mapping[str, tuple[str, float]], limit: int) -> Indices:
    """Which of `ids`, newest first, are looked at again: without quotes, as in a run."""
    members: dict[str, list[tuple[str, str, float]]] = {}
    for voice, (theme, near) in found.items():
        members.setdefault(theme, []).append((voice, "", near))
    quotes = {voice for of_theme in members.values() for voice in themes.quotes(of_theme)}
    return np.flatnonzero([voice not in quotes for voice in ids[:limit]])
