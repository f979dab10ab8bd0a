"""Ticket routing on banking77: accuracy where it answers, and what it leaves to people, beside TF-IDF and a linear SVM."""

import csv
from typing import Any

import numpy as np

from bench.rows import row
from include.customer_support.learned import learn, measured
from tests.conftest import SHARED


def read(name: str) -> tuple[list[str], list[str]]:
    """Texts and categories of one part of the data."""
    with (SHARED / "data" / "banking77" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [line["text"] for line in rows], [line["category"] for line in rows]


def measure() -> list[dict[str, Any]]:
    """Learn from the training part, answer the test part; the peers answer everything."""
    texts, names = read("train")
    asked, truth = read("test")
    triager = learn(texts, names)
    assert triager is not None
    verdicts = triager.categories(asked)
    sure = np.array([verdict.confidence for verdict in verdicts])
    right = np.array([verdict.category == name for verdict, name in zip(verdicts, truth, strict=True)])
    found = measured(sure, right, sure >= triager.threshold)
    note = (f"answers {found.answered:.1%} and leaves {1 - found.answered:.1%} to people; expected calibration error "
            f"{found.calibration_error:.3f}; accuracy on all {right.mean():.3f}")
    return [row("support", found.accuracy, "accuracy", "TF-IDF + linear SVM, answers all", _peer(texts, names, asked, truth),
                len(asked), note, more_is_better=True),
            row("support_calibration", found.calibration_error, "expected calibration error", "TF-IDF + logistic regression",
                _peers_calibration(texts, names, asked, truth), len(asked), "all of the test part, sure or not",
                more_is_better=False)]


def _peers_calibration(texts: list[str], names: list[str], asked: list[str], truth: list[str]) -> float:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(TfidfVectorizer(), LogisticRegression(max_iter=1000)).fit(texts, names)
    chances = model.predict_proba(asked)
    right = model.classes_[chances.argmax(axis=1)] == np.array(truth)
    return measured(chances.max(axis=1), right, np.ones(len(right), bool)).calibration_error


def _peer(texts: list[str], names: list[str], asked: list[str], truth: list[str]) -> float:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline
    from sklearn.svm import LinearSVC

    model = make_pipeline(TfidfVectorizer(), LinearSVC(random_state=0)).fit(texts, names)
    return float(model.score(asked, truth))
