"""What is learnt from labels: macro F1 on re21-feedback (five folds), how far probabilities are off there (expected calibration
error, ten bins of the likeliest label; Brier), and accuracy on nsmc-ko-dev (films held out).

The peer is TF-IDF with logistic regression on the same splits: on re21-feedback words and pairs of words with balanced classes,
on nsmc-ko-dev characters, whichever of two usual settings does better.
"""

import csv
import hashlib
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bench.rows import row
from include.voc_aggregation.learning import train
from tests.conftest import SHARED

FEEDBACK = {"P1-Golden": 0.818, "P2-Golden": 0.734, "P3-Golden": 0.525, "SHAH": 0.568}  # the NOTE.md's TF-IDF
FILMS = SHARED / "data" / "nsmc-ko-dev" / "reviews.tsv"
CHARACTERS = ({"analyzer": "char", "ngram_range": (1, 3)},
              {"analyzer": "char_wb", "ngram_range": (1, 4), "min_df": 2, "sublinear_tf": True})
Predict = Callable[[Sequence[str]], list[str]]
Train = Callable[[Sequence[str], Sequence[str]], Predict]


def reviews(name: str) -> tuple[list[str], list[str]]:
    """Texts and labels of one set of re21-feedback. SHAH's B and M are both bugs, as its authors' script has them."""
    with (SHARED / "data" / "re21-feedback" / f"{name}.csv").open(encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    labels = [line.get("label") or line["label_id"] for line in lines]
    return [line["text"] for line in lines], ["B" if name == "SHAH" and label == "M" else label for label in labels]


def film_reviews(learnt: int, held: int) -> tuple[list[str], list[str], list[str], list[str]]:
    """Texts and labels to learn from, texts and labels held out: so many of each label, or as many as balance.

    A film is held out where sha1("split" + movie_id) is divisible by 5; reviews are taken in the order of sha1(review_id).
    """
    with FILMS.open(encoding="utf-8") as file:
        lines = [line for line in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE) if line["label"]]
    lines.sort(key=lambda line: _hash(line["review_id"]))
    out = [_hash("split" + line["movie_id"]) % 5 == 0 for line in lines]
    parts = []
    for is_out, most in ((False, learnt), (True, held)):
        there = [line for line, apart in zip(lines, out, strict=True) if apart == is_out]
        each = [[line for line in there if line["label"] == label] for label in "01"]
        taken = [line for some in each for line in some[:min(most, *map(len, each))]]
        parts += [[line["document"] for line in taken], [line["label"] for line in taken]]
    return parts[0], parts[1], parts[2], parts[3]


def _hash(text: str) -> int:
    return int(hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest(), 16)


def ours(texts: Sequence[str], labels: Sequence[str]) -> Predict:
    """Our classifier."""
    return train(texts, labels).predict


def peer(texts: Sequence[str], labels: Sequence[str], balanced: str | None = "balanced", **options: Any) -> Predict:
    """TF-IDF and logistic regression."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    vectorizer = TfidfVectorizer(**options or {"ngram_range": (1, 2)})
    model = LogisticRegression(C=1 if balanced else 3, max_iter=1000, class_weight=balanced)
    model.fit(vectorizer.fit_transform(texts), labels)
    return lambda others: list(model.predict(vectorizer.transform(others)))


def cross_validated(texts: list[str], labels: list[str], learn: Train = ours) -> list[str]:
    """What is predicted for each text by what learnt from the other four fifths (stratified, shuffled with seed 0)."""
    from sklearn.model_selection import StratifiedKFold

    told = [""] * len(texts)
    for known, held in StratifiedKFold(5, shuffle=True, random_state=0).split(texts, labels):
        predict = learn([texts[at] for at in known], [labels[at] for at in known])
        for at, label in zip(held, predict([texts[at] for at in held]), strict=True):
            told[at] = label
    return told


def measure() -> list[dict[str, Any]]:
    """All four sets of re21-feedback whole; of nsmc-ko-dev all reviews that balance."""
    from sklearn.metrics import f1_score

    rows = []
    for name, published in FEEDBACK.items():
        texts, labels = reviews(name)
        both = [float(f1_score(labels, cross_validated(texts, labels, learn), average="macro")) for learn in (ours, peer)]
        rows.append(row(f"kinds_{name}", both[0], "macro F1", "TF-IDF + logistic regression", both[1], len(texts),
                        f"five folds; NOTE.md: {published}", more_is_better=True))
    return [*rows, _calibration(), _feeling()]


def _calibration() -> dict[str, Any]:
    """The three golden sets, each in five folds, pooled."""
    told = [calibration(*reviews(name)) for name in FEEDBACK if name != "SHAH"]
    (ours_ece, ours_brier), (peer_ece, peer_brier) = (
        off(np.concatenate([one[who][0] for one in told]), np.concatenate([one[who][1] for one in told])) for who in (0, 1))
    return row("calibration", ours_ece, "expected calibration error", "TF-IDF + logistic regression", peer_ece,
               sum(len(one[0][0]) for one in told), f"P1, P2, P3 pooled; Brier {ours_brier:.3f}, the peer's {peer_brier:.3f}",
               more_is_better=False)


Sure = tuple[Any, Any]  # for each text: the probability of the likeliest label, whether it was right


def calibration(texts: list[str], labels: list[str]) -> tuple[Sure, Sure]:
    """How sure our classifier and the peer were of each text, held out in five folds, and whether they were right."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold

    chance, right = np.zeros((2, len(texts))), np.zeros((2, len(texts)), bool)
    truth = np.asarray(labels)
    for known, held in StratifiedKFold(5, shuffle=True, random_state=0).split(texts, labels):
        some, others = [texts[at] for at in known], [texts[at] for at in held]
        model = train(some, truth[known].tolist())
        vectorizer = TfidfVectorizer(ngram_range=(1, 2))
        theirs = LogisticRegression(max_iter=1000, class_weight="balanced").fit(vectorizer.fit_transform(some), truth[known])
        for who, (scores, names) in enumerate((
                (model.scores(others), model.labels), (theirs.predict_proba(vectorizer.transform(others)), theirs.classes_))):
            chance[who, held] = scores.max(axis=1)
            right[who, held] = np.asarray(names)[scores.argmax(axis=1)] == truth[held]
    return (chance[0], right[0]), (chance[1], right[1])


def off(chance: Any, right: Any) -> tuple[float, float]:
    """The expected calibration error of ten bins, and the Brier score of the likeliest label."""
    bins = np.minimum((chance * 10).astype(int), 9)
    gaps = [abs(float(chance[bins == one].mean() - right[bins == one].mean())) * float((bins == one).mean())
            for one in np.unique(bins)]
    return sum(gaps), float(np.mean((chance - right) ** 2))


def _feeling() -> dict[str, Any]:
    texts, labels, others, truth = film_reviews(100_000, 100_000)
    start = time.perf_counter()
    told = ours(texts, labels)(others)
    took = time.perf_counter() - start
    theirs = max(float(np.mean(np.asarray(peer(texts, labels, None, **options)(others)) == truth)) for options in CHARACTERS)
    return row("feeling_ko", float(np.mean(np.asarray(told) == truth)), "accuracy", "character TF-IDF + logistic regression",
               theirs, len(others), f"{len(texts)} reviews to learn from; learnt and told in {took:.0f} s", more_is_better=True)
