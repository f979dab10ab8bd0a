"""Triage learned from the team's own tickets: a linear classifier that knows how sure it is, and says nothing below that.

Words and parts of words (so Korean needs no tokenizer) go into a linear SVM. Its margins become probabilities by temperature
scaling (Guo et al. 2017), and the least confidence at which it answers is chosen, on a held-out fifth of the tickets: the
lowest at which what it answers is right as often as asked. The classifier that is used then learns from all of them.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import FeatureUnion
from sklearn.svm import LinearSVC

from include.customer_support.triage import Verdict

LEAST = 40  # tickets with a category, without which nothing is learned
LEAST_EACH = 5  # of one category, below which it is left out
MOST = 20_000  # the newest ones are enough
BINS = 10
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Quality:
    """What was found on held-out tickets: of `n`, the share `answered`, of these the share that is right, and the expected
    calibration error of the confidence (10 bins of equal width, all tickets)."""

    n: int
    answered: float
    accuracy: float
    calibration_error: float


class Triager:
    """`learn` makes one; `categories` gives a verdict for each text."""

    def __init__(self, features: Any, model: Any, temperature: float, threshold: float, quality: Quality) -> None:
        self._features, self._model, self._temperature = features, model, temperature
        self.threshold, self.quality = threshold, quality

    def categories(self, texts: Sequence[str]) -> list[Verdict]:
        """The likeliest category of each text, and whether it is sure enough to do without a person."""
        if not texts:
            return []
        chances = _chances(_margins(self._model, self._features.transform(texts)), self._temperature)
        best = chances.argmax(axis=1)
        return [Verdict(str(self._model.classes_[column]), round(float(row[column]), 4), bool(row[column] >= self.threshold))
                for row, column in zip(chances, best, strict=True)]


def learn(texts: Sequence[str], categories: Sequence[str], accuracy: float = 0.95) -> Triager | None:
    """Learn from `texts` (newest last) and their `categories`. None where there are too few to learn and to hold out.

    `accuracy` is how often it has to be right where it answers. The same tickets make the same classifier.
    """
    texts, categories = texts[-MOST:], categories[-MOST:]
    counts = Counter(categories)
    kept = [place for place, name in enumerate(categories) if counts[name] >= LEAST_EACH]
    names = np.array([categories[place] for place in kept])
    if len(kept) < LEAST or len(set(names)) < 2:
        return None
    features = _features()
    rows = features.fit_transform([texts[place] for place in kept])
    known, held = train_test_split(np.arange(len(kept)), test_size=max(0.2, len(set(names)) / len(kept)), stratify=names,
                                   random_state=0)
    model = _model().fit(rows[known], names[known])
    margins, truth = _margins(model, rows[held]), np.searchsorted(model.classes_, names[held])
    temperature = _temperature(margins, truth)
    chances = _chances(margins, temperature)
    sure, right = chances.max(axis=1), chances.argmax(axis=1) == truth
    threshold = _threshold(sure, right, accuracy)
    return Triager(features, _model().fit(rows, names), temperature, threshold, measured(sure, right, threshold))


def measured(sure: Floats, right: NDArray[np.bool_], threshold: float) -> Quality:
    """The quality of answers that are `sure` (0 to 1) and `right` or not, where those below `threshold` are not given."""
    answered = sure >= threshold
    bins = np.minimum((sure * BINS).astype(int), BINS - 1)
    gaps = [abs(float(sure[bins == number].mean() - right[bins == number].mean())) * float((bins == number).mean())
            for number in range(BINS) if (bins == number).any()]
    accuracy = float(right[answered].mean()) if answered.any() else 1.0
    return Quality(len(sure), round(float(answered.mean()), 4), round(accuracy, 4), round(sum(gaps), 4))


def _features() -> FeatureUnion:
    return FeatureUnion([
        ("words", TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)),
        ("parts", TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True))])


def _model() -> LinearSVC:
    return LinearSVC(C=0.5, random_state=0)


def _margins(model: LinearSVC, rows: Any) -> Floats:
    margins = np.asarray(model.decision_function(rows), dtype=float)
    return np.column_stack([-margins, margins]) if margins.ndim == 1 else margins


def _chances(margins: Floats, temperature: float) -> Floats:
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
