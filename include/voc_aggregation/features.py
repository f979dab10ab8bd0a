"""Texts as sparse vectors: words, parts of Korean words, and concepts that are the same in both languages, hashed."""

import re
import zlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse import csr_matrix

from include.voc_aggregation import concepts
from include.voc_aggregation.lexicon import words

LEXICAL = 1 << 17  # columns of words and their parts
CONCEPTS = 1 << 15  # so many that no two concepts share a column
TOPIC, SYMPTOM = LEXICAL, LEXICAL + CONCEPTS  # where the columns of concepts start
WIDTH = LEXICAL + 2 * CONCEPTS
# What a concept weighs beside a word: enough for two languages to meet, less than what a customer said in particular.
TOPIC_WEIGHT, SYMPTOM_WEIGHT = 2.0, 1.0
BACKGROUND = 20  # voices about nothing in particular that are thought to be there: few voices say little about what is common
_LOOKED_AT = 1200  # characters: what a long report is about stands at its beginning
_TOKEN = re.compile(r"[a-z]+(?:'[a-z]+)?|[가-힣]+")
_PLACEHOLDER = re.compile(r"\[[a-z ]+\]")
_LINKED = re.compile(r"https?://\S+|(?:\brt\s+)?@\w+")
STOP = words(
    "a an the and or but if then than that this these those it its it's i i'm i've i'll i'd me my mine we us our ours you "
    "your yours he she him her his they them their is am are was were be been being do does did done have has had having "
    "will would can could should shall may might must not no nor don't doesn't didn't can't won't isn't wasn't aren't "
    "couldn't to of in on at by for from with without about as into over after before up down out off so too very just also "
    "only even still again when while where which who whom whose what why how there here all any some each every other such "
    "own same more most much many few s t re ve ll get got gets getting go goes went going make makes made really always "
    "ever never please pls thanks thank hi hello app use using used one two like want need try tried trying time day now "
    "because since every something anything thing things lot way let know see say says said think back new good great nice "
    "bad")
_KOREAN_STOP = words(
    "그냥 정말 진짜 너무 매우 아주 이거 저거 그거 이것 그것 저는 제가 나는 내가 우리 여기 거기 저기 근데 그런데 그리고 "
    "하지만 그래서 또한 계속 자꾸 항상 오늘 어제 지금 이제 다시 그런 이런 저런 있는 있어 있습 없는 없어 하는 해서 하고 합니 "
    "했는 입니 같은 같아 한번 제발 좀더 보고 하면 해도 하기 되는 되고 있네 없네 정도 조금 많이 이번 때문 부탁 드립")
# English endings, and how many letters must be left.
_SUFFIXES = (("ingly", 4), ("ations", 4), ("ation", 4), ("ing", 3), ("edly", 4), ("ied", 3), ("ies", 3), ("ed", 3), ("ly", 3),
             ("es", 4), ("s", 2))
_ENDINGS = re.compile(
    r"(?:습니다|습니까|입니다|합니다|됩니다|했습니다|됐습니다|했어요|됐어요|해주세요|해요|돼요|되요|어요|아요|에요|예요|네요|군요|는데요|은데요|는데|은데|"
    r"했는데|하는|하고|해서|하면|하지|되지|되는|되고|돼서|에서는|에서도|에서|에게|한테|까지|부터|으로|이라|이나|이랑|라고|처럼|보다|마다|조차|밖에|들이|들을|들은|들|"
    r"은|는|이|가|을|를|에|의|도|로|와|과|만|요|나|랑|고|서|며|면|지|다|게|네)$")


@lru_cache(maxsize=400_000)
def _columns(word: str) -> tuple[int, ...]:
    """The columns of one word: an English stem; for Korean the stem, and its two- and three-letter parts."""
    if word[0] <= "z":
        concept = concepts.of_english_word(word)
        own = () if word in STOP or len(word) < 2 else (_hash(stem(word)),)
        return own if concept is None else (*own, concept_column(concept))
    root = _ENDINGS.sub("", word) if len(word) > 2 else word
    root = root if len(root) > 1 else word
    if root in _KOREAN_STOP or word in _KOREAN_STOP:
        return ()
    parts = {root} | {root[start: start + size] for size in (2, 3) for start in range(len(root) - size + 1)}
    return tuple(_hash(part) for part in sorted(parts))


@lru_cache(maxsize=100_000)
def stem(word: str) -> str:
    """A light English stem: `failing`, `failed` and `fails` are `fail`."""
    word = word.split("'")[0]
    for ending, least in _SUFFIXES:
        if word.endswith(ending) and len(word) - len(ending) >= least and not word.endswith(("ss", "us", "is")):
            root = word[: -len(ending)] + ("i" if ending in {"ied", "ies"} else "")
            word = root[:-1] if len(root) > 3 and root[-1] == root[-2] and root[-1] not in "lsz" else root
            break
    return word[:-1] + "i" if word.endswith("y") and len(word) > 3 else word.removesuffix("e") if len(word) > 4 else word


def _hash(part: str) -> int:
    return zlib.crc32(part.encode()) % LEXICAL


@lru_cache(maxsize=1000)
def concept_column(name: str) -> int:
    """The column of a concept."""
    start = TOPIC if name in _TOPICS else SYMPTOM
    return start + zlib.crc32(name.encode()) % CONCEPTS


_TOPICS = frozenset(concepts.TOPIC_FORMS.values())


def columns(text: str) -> list[int]:
    """The columns of a text, a repeated one as often as it stands there; links and the names of accounts are none of it."""
    text = text[:_LOOKED_AT].lower()
    text = _PLACEHOLDER.sub(" ", text) if "[" in text else text
    text = _LINKED.sub(" ", text) if "@" in text or "://" in text else text
    tokens = _TOKEN.findall(text)
    found: list[int] = []
    last, english = "", False
    for word in tokens:
        found.extend(_columns(word))
        if word[0] > "z":
            last = ""
            continue
        english = True
        if word not in STOP:
            if last:
                found.append(_hash(f"{last} {stem(word)}"))
            last = stem(word)
    if english:
        found.extend(map(concept_column, concepts.of_english_phrases(text)))
    if not text.isascii():
        found.extend(map(concept_column, concepts.of_korean(text)))
    return found


def counts(texts: Iterable[str]) -> csr_matrix:
    """How often each column stands in each text, damped: 1 + ln(count). Shape (texts, WIDTH)."""
    data: list[float] = []
    indices: list[int] = []
    ends = [0]
    for text in texts:
        tally = Counter(columns(text))
        indices.extend(tally)
        data.extend(tally.values())
        ends.append(len(indices))
    matrix = csr_matrix((1 + np.log(np.asarray(data, dtype=np.float32)), np.asarray(indices, dtype=np.int32),
                            np.asarray(ends, dtype=np.int32)), shape=(len(ends) - 1, WIDTH))
    matrix.sort_indices()
    return matrix


@dataclass
class Weights:
    """What a column weighs, from how many of the product's voices have it. Grows with every run."""

    voices: int = 0
    having: Any = field(default_factory=lambda: np.zeros(WIDTH, dtype=np.int64))

    def learn(self, matrix: csr_matrix) -> None:
        """Count the voices of `matrix`."""
        self.voices += matrix.shape[0]
        self.having += np.bincount(matrix.indices, minlength=WIDTH)

    def apply(self, matrix: csr_matrix) -> csr_matrix:
        """`matrix` as unit vectors: counts times inverse document frequency, ln((1 + n) / (1 + df)) + 0.3."""
        weight = np.log((1 + self.voices + BACKGROUND) / (1 + self.having)) + 0.3
        weight[TOPIC:SYMPTOM] *= TOPIC_WEIGHT
        weight[SYMPTOM:] *= SYMPTOM_WEIGHT
        weighted = matrix.multiply(weight.astype(np.float32)).tocsr()
        length = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)).ravel())
        return (sp.diags_array(1 / np.maximum(length, 1e-9).astype(np.float32)) @ weighted).tocsr()
