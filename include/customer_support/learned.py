"""Triage learned from the team's own tickets: a linear classifier that knows how sure it is, and says nothing below that.

Words and parts of words (so Korean needs no tokenizer) go into a linear SVM. Its margins become probabilities by temperature
scaling (Guo et al. 2017), and the least confidence at which it answers is chosen, on a fifth of the tickets: the lowest at which
what it answers is right as often as asked. The classifier that is used then learns from all of them.

Words are kept as hashes alone, so that no model tells what a customer wrote.
"""

import io
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from zipfile import BadZipFile

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import normalize
from sklearn.svm import LinearSVC

from include.customer_support.triage import Verdict

LEAST = 40  # tickets with a category, without which nothing is learned
LEAST_EACH = 5  # of one category, below which it is left out
BINS = 10
FORMAT = 1
Floats = NDArray[np.float64]
_HASHED = {"norm": None, "alternate_sign": False, "n_features": 1 << 22, "dtype": np.float32}
_HASHERS = (HashingVectorizer(ngram_range=(1, 2), **_HASHED),
            HashingVectorizer(analyzer="char_wb", ngram_range=(2, 4), **_HASHED))


@dataclass(frozen=True)
class Quality:
    """What was found on held-out tickets: of `n`, the share `answered`, of these the share that is right, and the expected
    calibration error of the confidence (10 bins of equal width, all tickets)."""

    n: int
    answered: float
    accuracy: float
    calibration_error: float


@dataclass(frozen=True)
class Vocabulary:
    """The columns of words and of their parts that tickets had, and their inverse document frequencies."""

    columns: tuple[NDArray[np.int32], ...]
    idf: tuple[NDArray[np.float32], ...]

    def vectors(self, texts: Sequence[str]) -> csr_matrix:
        """A unit vector of words beside one of parts. Shape (texts, columns)."""
        return sp.hstack([_unit(hasher.transform(texts)[:, columns], idf)
                          for hasher, columns, idf in zip(_HASHERS, self.columns, self.idf, strict=True)]).tocsr()


@dataclass(frozen=True)
class Triager:
    """`learn` makes one; `categories` gives a verdict for each text."""

    names: tuple[str, ...]
    vocabulary: Vocabulary
    weights: NDArray[np.float32]  # (columns, names)
    bias: NDArray[np.float32]  # (names,)
    temperature: float
    threshold: float
    quality: Quality

    def categories(self, texts: Sequence[str]) -> list[Verdict]:
        """The likeliest category of each text, and whether it is sure enough to do without a person."""
        if not texts:
            return []
        chances = _chances(self.vocabulary.vectors(texts) @ self.weights + self.bias, self.temperature)
        best = chances.argmax(axis=1)
        return [Verdict(self.names[column], round(float(row[column]), 4), bool(row[column] >= self.threshold))
                for row, column in zip(chances, best, strict=True)]

    def dumps(self) -> bytes:
        """The model as bytes: numpy arrays and JSON, nothing that runs."""
        head = json.dumps({"format": FORMAT, "names": self.names, "temperature": self.temperature, "threshold": self.threshold,
                           "quality": vars(self.quality)})
        file = io.BytesIO()
        np.savez_compressed(file, allow_pickle=False, head=np.frombuffer(head.encode(), np.uint8), weights=self.weights,
                            bias=self.bias, **{f"{what}{number}": values for what in ("columns", "idf")
                                               for number, values in enumerate(getattr(self.vocabulary, what))})
        return file.getvalue()


def loads(content: bytes) -> Triager:
    """The model that `dumps` gave. Raises ValueError for anything else; never unpickles."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            head = json.loads(file["head"].tobytes())
            if head["format"] != FORMAT:
                raise ValueError(f"format {head['format']!r}, not {FORMAT}")
            columns, idf = (tuple(file[f"{what}{number}"] for number in range(len(_HASHERS))) for what in ("columns", "idf"))
            return Triager(tuple(head["names"]), Vocabulary(columns, idf), file["weights"], file["bias"], head["temperature"],
                           head["threshold"], Quality(**head["quality"]))
    except (KeyError, TypeError, OSError, EOFError, ValueError, BadZipFile) as error:
        raise ValueError(f"no model: {error}") from error


def learn(texts: Sequence[str], categories: Sequence[str], accuracy: float = 0.95) -> Triager | None:
    """Learn from `texts` and their `categories`. None where there are too few to learn and to hold out.

    `accuracy` is how often it has to be right where it answers. The same tickets make the same classifier.
    """
    counts = Counter(categories)
    kept = [place for place, name in enumerate(categories) if counts[name] >= LEAST_EACH]
    names = np.array([categories[place] for place in kept])
    if len(kept) < LEAST or len(set(names)) < 2:
        return None
    vocabulary, rows = _seen([texts[place] for place in kept])
    known, held = train_test_split(np.arange(len(kept)), test_size=max(0.2, len(set(names)) / len(kept)), stratify=names,
                                   random_state=0)
    model = _model().fit(rows[known], names[known])
    margins, truth = _margins(model, rows[held]), np.searchsorted(model.classes_, names[held])
    temperature = _temperature(margins, truth)
    chances = _chances(margins, temperature)
    sure, right = chances.max(axis=1), chances.argmax(axis=1) == truth
    threshold = _threshold(sure, right, accuracy)
    whole = _model().fit(rows, names)
    weights, bias = (np.asarray(values, np.float32) for values in (whole.coef_.T, whole.intercept_))
    if len(bias) == 1:  # of two categories one is the other's opposite
        weights, bias = np.hstack([-weights, weights]), np.array([-bias[0], bias[0]])
    return Triager(tuple(map(str, whole.classes_)), vocabulary, weights, bias, temperature, threshold,
                   measured(sure, right, sure >= threshold))


def measured(sure: Floats, right: NDArray[np.bool_], answered: NDArray[np.bool_]) -> Quality:
    """The quality of answers that are `sure` (0 to 1) and `right` or not, where those not `answered` are not given."""
    bins = np.minimum((sure * BINS).astype(int), BINS - 1)
    gaps = [abs(float(sure[bins == number].mean() - right[bins == number].mean())) * float((bins == number).mean())
            for number in range(BINS) if (bins == number).any()]
    accuracy = float(right[answered].mean()) if answered.any() else 1.0
    return Quality(len(sure), round(float(answered.mean()), 4), round(accuracy, 4), round(sum(gaps), 4))


def _seen(texts: Sequence[str]) -> tuple[Vocabulary, csr_matrix]:
    columns, idfs, blocks = [], [], []
    for hasher in _HASHERS:
        counts = hasher.transform(texts).tocsr()
        kept, having = np.unique(counts.indices, return_counts=True)
        idf = (np.log((1 + len(texts)) / (1 + having)) + 1).astype(np.float32)
        columns.append(kept.astype(np.int32))
        idfs.append(idf)
        blocks.append(_unit(counts[:, kept], idf))
    return Vocabulary(tuple(columns), tuple(idfs)), sp.hstack(blocks).tocsr()


def _unit(counts: csr_matrix, idf: NDArray[np.float32]) -> csr_matrix:
    vectors = counts.tocsr()
    vectors.data = (1 + np.log(vectors.data)) * idf[vectors.indices]
    return normalize(vectors)


def _model() -> LinearSVC:
    return LinearSVC(C=0.5, random_state=0)


def _margins(model: LinearSVC, rows: Any) -> Floats:
    margins = np.asarray(model.decision_function(rows), dtype=float)
    return np.column_stack([-margins, margins]) if margins.ndim == 1 else margins


def _chances(margins: Any, temperature: float) -> Floats:
    powers = np.exp((margins - margins.max(axis=1, keepdims=True)) / temperature)
    chances: Floats = powers / powers.sum(axis=1, keepdims=True)
    return chances


def _temperature(margins: Floats, truth: NDArray[np.int_]) -> float:
    """The temperature at which the held-out truth is likeliest."""
    def unlikelihood(log_temperature: float) -> float:
        chances = _chances(margins, float(np.exp(log_temperature)))
        return -float(np.log(np.maximum(chances[np.arange(len(truth)), truth], 1e-12)).mean())

    return float(np.exp(minimize_scalar(unlikelihood, bounds=(-5, 3), method="bounded").x))


def _threshold(sure: Floats, right: NDArray[np.bool_], accuracy: float) -> float:
    """The lowest confidence from which on the answers are right at least as often as `accuracy`; above all where none is."""
    order = np.argsort(-sure, kind="stable")
    shares = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    enough = np.flatnonzero(shares >= accuracy)
    return float(sure[order][enough[-1]]) if len(enough) else 1.01
