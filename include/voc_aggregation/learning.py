"""Classifiers that learn from labelled texts, English and Korean, and say how sure they are.

    model = train(texts, labels)            # or multi_label=True: a collection of labels for each text
    model.predict(texts), model.scores(texts), loads(model.dumps())

What a text shows is counted (`ngrams`: words, characters, jamo; what the rules of `understanding` see), weighed by tf-idf and
by how much it tells a label from the rest (NB-SVM: Wang and Manning 2012), and a linear SVM for each label decides, rare labels
weighing as much as common ones. Scores are calibrated on texts that the deciding SVM did not see (Platt 1999). The same texts,
labels and seed give the same model.
"""

import io
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from include.voc_aggregation import features, lexicon, ngrams, understanding

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

# Each kind of column, and how many texts must have one to keep it.
_BLOCKS: tuple[tuple[ngrams.Counter, int], ...] = (
    (ngrams.words, 1), (ngrams.characters, 2), (ngrams.jamo, 2), (features.counts, 1))
_FORMS = (lexicon.BUG, lexicon.FEATURE, lexicon.QUESTION, lexicon.THANKS, lexicon.MENDED)
_RULES = 0.3  # what the rules' findings weigh beside a unit vector of n-grams
_BAYES = 0.5  # how much of a column's weight follows its log-count ratio
_C = 0.3
_SEEN = 2 + len(_FORMS) + len(understanding.KINDS) + 2  # what the rules see
_FOLDS = 3
_MANY = 20_000  # so many texts calibrate on one fold
FORMAT = 1


def _rules(texts: Sequence[str]) -> csr_matrix:
    """What the rules see in each text."""
    rows = []
    for text in texts:
        feeling, lower, length = understanding.sentiment(text), text[:2000].lower(), len(text.split())
        kind = understanding.kind(text, feeling)
        rows.append([max(feeling, 0), max(-feeling, 0), *(form(lower) is not None for form in _FORMS),
                     *(kind == one for one in understanding.KINDS), min(length, 100) / 100, min(length, 10) / 10])
    return csr_matrix(np.asarray(rows, dtype=np.float32).reshape(len(rows), _SEEN) * _RULES)


@dataclass(frozen=True)
class _Vocabulary:
    """The columns that the training texts had, and their inverse document frequencies, for each block."""

    columns: tuple[npt.NDArray[np.int32], ...]
    idf: tuple[npt.NDArray[np.float32], ...]

    def vectors(self, texts: Sequence[str], features_of: csr_matrix | None = None) -> csr_matrix:
        """Unit vectors of each block beside one another, then what the rules see."""
        counted = [features_of if count is features.counts and features_of is not None else count(texts) for count, _ in _BLOCKS]
        return sp.hstack([_unit(counts[:, columns], idf) for counts, columns, idf
                          in zip(counted, self.columns, self.idf, strict=True)] + [_rules(texts)]).tocsr()


def _learned(texts: Sequence[str]) -> tuple[_Vocabulary, csr_matrix]:
    columns, idfs, blocks = [], [], []
    for count, least in _BLOCKS:
        counts = count(texts)
        having = np.bincount(counts.indices, minlength=counts.shape[1])
        kept = np.flatnonzero(having >= least).astype(np.int32)
        idf = (np.log((1 + len(texts)) / (1 + having[kept])) + 1).astype(np.float32)
        columns.append(kept)
        idfs.append(idf)
        blocks.append(_unit(counts[:, kept], idf))
    return _Vocabulary(tuple(columns), tuple(idfs)), sp.hstack([*blocks, _rules(texts)]).tocsr()


def _unit(counts: csr_matrix, idf: npt.NDArray[np.float32]) -> csr_matrix:
    vectors = counts.tocsr().astype(np.float32)
    vectors.data = (1 + np.log(vectors.data)) * idf[vectors.indices]
    norm = np.sqrt(np.asarray(vectors.multiply(vectors).sum(axis=1)).ravel())
    vectors.data /= np.repeat(np.maximum(norm, 1e-9), np.diff(vectors.indptr)).astype(np.float32)
    return vectors


@dataclass(frozen=True)
class Model:
    """A trained classifier. `labels` in the order of the columns of `scores`."""

    labels: tuple[str, ...]
    multi_label: bool
    vocabulary: _Vocabulary
    weights: Floats  # (columns, labels)
    bias: Floats  # (labels,)
    slope: Floats  # (labels,) of the calibration
    offset: Floats  # (labels,)

    def decisions(self, texts: Sequence[str], features_of: csr_matrix | None = None) -> Floats:
        """How far each text lies on each label's side of its border. Shape (texts, labels).

        `features_of` is `features.counts(texts)`, where that was counted already.
        """
        return _margins(self.vocabulary.vectors(texts, features_of), self.weights, self.bias)

    def predict(self, texts: Sequence[str], features_of: csr_matrix | None = None) -> list[Any]:
        """The label of each text; with `multi_label` the sorted list of its labels, maybe none.

        A rare label counts as much as a common one, so it may win with a score that is not the highest.
        """
        decided = self.decisions(texts, features_of)
        if self.multi_label:
            return [[label for label, far in zip(self.labels, line, strict=True) if far > 0] for line in decided]
        return [self.labels[best] for best in decided.argmax(axis=1)]

    def scores(self, texts: Sequence[str]) -> Floats:
        """The calibrated probability of each label; a row sums to 1 unless `multi_label`. Shape (texts, labels)."""
        return _calibrated(self.decisions(texts), self.slope, self.offset, self.multi_label)

    def dumps(self) -> bytes:
        """The model as bytes: numpy arrays and JSON, nothing that runs."""
        arrays: dict[str, Any] = {f"columns{number}": columns for number, columns in enumerate(self.vocabulary.columns)}
        arrays |= {f"idf{number}": idf for number, idf in enumerate(self.vocabulary.idf)}
        head = json.dumps({"format": FORMAT, "labels": self.labels, "multi_label": self.multi_label})
        file = io.BytesIO()
        np.savez_compressed(file, allow_pickle=False, head=np.frombuffer(head.encode(), np.uint8),
                            weights=self.weights.astype(np.float32), bias=self.bias, slope=self.slope, offset=self.offset,
                            **arrays)
        return file.getvalue()


def loads(content: bytes) -> Model:
    """The model that `dumps` gave. Raises ValueError for anything else; never unpickles."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            head = json.loads(file["head"].tobytes())
            if head["format"] != FORMAT:
                raise ValueError(f"format {head['format']!r}, not {FORMAT}")
            blocks = range(len(_BLOCKS))
            vocabulary = _Vocabulary(tuple(file[f"columns{number}"] for number in blocks),
                                 tuple(file[f"idf{number}"] for number in blocks))
            return Model(tuple(head["labels"]), head["multi_label"], vocabulary, file["weights"].astype(np.float64), file["bias"],
                         file["slope"], file["offset"])
    except (KeyError, TypeError, OSError, EOFError, ValueError, BadZipFile) as error:
        raise ValueError(f"no model: {error}") from error


def train(texts: Sequence[str], labels: Sequence[Any], *, multi_label: bool = False, seed: int = 0) -> Model:
    """A model of what `labels` say about `texts`: one label each, or with `multi_label` a collection of labels each.

    Raises ValueError where their numbers differ or there are fewer than two labels to tell apart (one for `multi_label`).
    """
    if len(texts) != len(labels):
        raise ValueError(f"{len(texts)} texts, but {len(labels)} labels")
    given: list[Collection[str]] = [set(map(str, label)) if multi_label else {str(label)} for label in labels]
    names = tuple(sorted(set().union(*given)))
    if len(names) < 2 - multi_label:
        raise ValueError(f"nothing to tell apart: the labels are {list(names)}")
    truth = np.asarray([[name in label for name in names] for label in given], dtype=bool)
    vocabulary, vectors = _learned(texts)
    weights, bias = _fitted(vectors, truth, seed, single=not multi_label)
    slope, offset = _calibration(vectors, truth, seed, single=not multi_label)
    return Model(names, multi_label, vocabulary, weights, bias, slope, offset)


def _fitted(vectors: csr_matrix, truth: Flags, seed: int, *, single: bool) -> tuple[Floats, Floats]:
    """Weights and bias of each label against the rest; of two single labels one is the other's opposite."""
    if single and truth.shape[1] == 2:
        weights, bias = _border(vectors, truth[:, 1], seed)
        return np.stack([-weights, weights], axis=1), np.asarray([-bias, bias])
    borders = [_border(vectors, truth[:, label], seed) for label in range(truth.shape[1])]
    return np.stack([weights for weights, _ in borders], axis=1), np.asarray([bias for _, bias in borders])


def _border(vectors: csr_matrix, has: Flags, seed: int) -> tuple[Floats, float]:
    if has.all() or not has.any():
        return np.zeros(vectors.shape[1]), 1.0 if has.any() else -1.0
    inside = 1 + np.asarray(vectors[has].sum(axis=0)).ravel()
    outside = 1 + np.asarray(vectors[~has].sum(axis=0)).ravel()
    ratio = np.abs(np.log((inside / inside.sum()) / (outside / outside.sum())))
    scale = _BAYES * ratio + 1 - _BAYES
    scale[-_SEEN:] = 1
    machine = LinearSVC(C=_C, class_weight="balanced", random_state=seed)
    machine.fit((vectors @ sp.diags_array(scale)).tocsr(), has)
    return machine.coef_[0] * scale, float(machine.intercept_[0])


def _margins(vectors: csr_matrix, weights: Floats, bias: Floats) -> Floats:
    return np.asarray(vectors @ weights + bias)


def _calibration(vectors: csr_matrix, truth: Flags, seed: int, *, single: bool) -> tuple[Floats, Floats]:
    """Slope and offset of the sigmoid that makes a decision a probability, for each label, from folds held out."""
    folds = _folded(truth, seed)
    told, was = [], []
    for fold in range(_FOLDS if len(truth) < _MANY else 1):
        weights, bias = _fitted(vectors[folds != fold], truth[folds != fold], seed, single=single)
        told.append(_margins(vectors[folds == fold], weights, bias))
        was.append(truth[folds == fold])
    margins, held = np.concatenate(told), np.concatenate(was)
    lines = [_sigmoid(margins[:, label], held[:, label]) for label in range(truth.shape[1])]
    return np.asarray([slope for slope, _ in lines]), np.asarray([offset for _, offset in lines])


def _folded(truth: Flags, seed: int) -> npt.NDArray[np.int64]:
    """The fold of each text, each set of labels spread evenly."""
    order = np.random.default_rng(seed).permutation(len(truth))
    order = order[np.lexsort(truth[order].T)]
    folds = np.empty(len(truth), np.int64)
    folds[order] = np.arange(len(truth)) % _FOLDS
    return folds


def _sigmoid(margin: Floats, has: Flags) -> tuple[float, float]:
    if has.all() or not has.any():
        return 1.0, 0.0
    line = LogisticRegression(C=100.0).fit(margin[:, None], has)
    return float(line.coef_[0, 0]), float(line.intercept_[0])


def _calibrated(decided: Floats, slope: Floats, offset: Floats, multi_label: bool) -> Floats:
    chance: Floats = 1 / (1 + np.exp(-np.clip(decided * slope + offset, -40, 40)))
    return chance if multi_label else chance / chance.sum(axis=1, keepdims=True)
