"""Themes of banking77's queries, not told how many, beside TF-IDF and k-means that is told the true number."""

import csv
import random
from typing import Any

from sklearn.cluster import KMeans
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import adjusted_rand_score, v_measure_score

from bench.rows import row
from include.voc_aggregation.grouping import theme_labels
from tests.conftest import SHARED

QUERIES = SHARED / "data" / "banking77" / "train.csv"
NIGHTS = 10

Labels = list[str]


def measure() -> dict[str, Any]:
    """V-measure over all texts; the note has the adjusted Rand indices, and how ten nights agree with one."""
    texts, intents = queries()
    found = theme_labels([texts])
    ours, nightly, peer = as_clusters(found), as_clusters(theme_labels(nights(texts))), k_means(texts, len(set(intents)))
    note = "; ".join([
        f"ARI {adjusted_rand_score(intents, ours):.3f}, peer {adjusted_rand_score(intents, peer):.3f}",
        f"{len(set(ours) - {''})} themes; {found.count(None) / len(found):.1%} of the texts in none count as one cluster",
        f"in {NIGHTS} nights: V {v_measure_score(intents, nightly):.3f}, ARI {adjusted_rand_score(intents, nightly):.3f}",
        f"one night and {NIGHTS} agree: ARI {adjusted_rand_score(ours, nightly):.3f}"])
    return row("themes", v_measure_score(intents, ours), "V-measure", "TF-IDF + k-means, true k", v_measure_score(intents, peer),
               len(texts), note, more_is_better=True)


def queries(limit: int | None = None) -> tuple[list[str], Labels]:
    """The first `limit` texts, shuffled by a fixed seed, and their intents."""
    with QUERIES.open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    random.Random(0).shuffle(lines)  # noqa: S311  # an order, no secret
    return [line["text"] for line in lines[:limit]], [line["category"] for line in lines[:limit]]


def nights(texts: list[str]) -> list[list[str]]:
    """`texts` in NIGHTS slices of about the same size, in their order."""
    size = -(-len(texts) // NIGHTS)
    return [texts[start: start + size] for start in range(0, len(texts), size)]


def as_clusters(labels: list[str | None]) -> Labels:
    """Labels where all that have no theme are one cluster."""
    return [label or "" for label in labels]


def k_means(texts: list[str], k: int) -> list[int]:
    """The peer's clusters."""
    vectors = TfidfVectorizer().fit_transform(texts)
    labels: list[int] = KMeans(k, n_init=3, random_state=0).fit_predict(vectors).tolist()
    return labels
