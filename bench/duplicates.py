"""Duplicates found: recall@1, 5, 10 on gitbugs-hadoop and hit@1 on parakqc-ko, beside TF-IDF in the same run.

Each text of a duplicate group is searched for among all others; a hit at k is another of its group among the first k.
"""

import csv
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.rows import row
from include.voc_aggregation.duplicates import Index
from tests.conftest import SHARED

BUGS = SHARED / "data" / "gitbugs-hadoop"
QUESTIONS = SHARED / "data" / "parakqc-ko" / "paraKQC_v1.txt"
KS = (1, 5, 10)
BASELINES = {"bugs": "0.457/0.767/0.845", "questions": "0.826/0.976/0.992"}  # of the data sets' NOTE.md


def bugs() -> tuple[list[str], list[str]]:
    """The texts (summary, then description) and the duplicate group of each, "" for those in none."""
    with (BUGS / "duplicate_groups.csv").open(encoding="utf-8") as file:
        groups = {line["issue_id"]: line["group_id"] for line in csv.DictReader(file)}
    with (BUGS / "hadoop_bugs.csv").open(encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    return [f"{line['Summary']}\n{line['Description']}" for line in lines], [groups.get(line["Issue id"], "") for line in lines]


def questions() -> tuple[list[str], list[str]]:
    """The sentences, and the paraphrase group of each: ten lines after one another."""
    lines = QUESTIONS.read_text(encoding="utf-8").splitlines()
    return [line.split("\t")[2] for line in lines], [str(number // 10) for number in range(len(lines))]


def recall(texts: Sequence[str], groups: Sequence[str]) -> list[float]:
    """Ours at each of KS."""
    index = Index()
    index.add(texts)
    asked = [number for number, group in enumerate(groups) if group]
    found, _ = index.search([texts[number] for number in asked], max(KS) + 1)
    return _recall(found, asked, groups)


def recall_of_tfidf(texts: Sequence[str], groups: Sequence[str], **options: Any) -> list[float]:
    """The peer's at each of KS: scikit-learn's TF-IDF and cosine."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectors = TfidfVectorizer(sublinear_tf=True, **options).fit_transform(texts)
    asked = [number for number, group in enumerate(groups) if group]
    found = [np.argsort(-(vectors[asked[at: at + 500]] @ vectors.T).toarray(), axis=1, kind="stable")[:, : max(KS) + 1]
             for at in range(0, len(asked), 500)]
    return _recall(np.concatenate(found), asked, groups)


def _recall(found: npt.NDArray[np.int64], asked: list[int], groups: Sequence[str]) -> list[float]:
    others = [[groups[other] == groups[number] for other in line if other != number]
              for number, line in zip(asked, found.tolist(), strict=True)]
    return [float(np.mean([any(line[:k]) for line in others])) for k in KS]


def measure() -> list[dict[str, Any]]:
    """Both sets whole."""
    rows = []
    for name, metric, at, (texts, groups), options in (
            ("bugs", "recall@10", 2, bugs(), {}),
            ("questions", "hit@1", 0, questions(), {"analyzer": "char_wb", "ngram_range": (2, 4)})):
        ours, peer = recall(texts, groups), recall_of_tfidf(texts, groups, **options)
        note = (f"@1/5/10: {'/'.join(f'{share:.3f}' for share in ours)} beside {'/'.join(f'{share:.3f}' for share in peer)} "
                f"(NOTE.md: {BASELINES[name]})")
        rows.append(row(f"duplicates_{name}", ours[at], metric, "TF-IDF", peer[at], sum(map(bool, groups)), note,
                        more_is_better=True))
    return rows
