"""Themes of banking77's queries, not told how many, heard in one night or in ten, beside TF-IDF and k-means that is told the true
number and has them all at once.
"""

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
Found = list[str | None]


def measure() -> list[dict[str, Any]]:
    """V-measure and adjusted Rand index over all texts, for one night and for ten; what ten nights keep."""
    texts, intents = queries()
    slices = nights(texts)
    one, half, ten = theme_labels([texts]), theme_labels(slices[: NIGHTS // 2]), theme_labels(slices)
    peer = k_means(texts, len(set(intents)))
    stay = kept(half, ten)
    told = {"": _told(one), f"_{NIGHTS}_nights": "; ".join([
        _told(ten), f"agrees with one night: ARI {adjusted_rand_score(as_clusters(one), as_clusters(ten)):.3f}",
        f"of night {NIGHTS // 2}'s themes {stay[0]:.1%} are there at the end, with {stay[1]:.1%} of their voices"])}
    return [row(f"themes{nights_}{suffix}", score(intents, as_clusters(found)), unit, "TF-IDF + k-means, true k, one night",
                score(intents, peer), len(texts), told[nights_], more_is_better=True)
            for nights_, found in zip(told, (one, ten), strict=True)
            for suffix, unit, score in (("", "V-measure", v_measure_score), ("_ari", "ARI", adjusted_rand_score))]


def _told(found: Found) -> str:
    return (f"{len(set(found) - {None})} themes; {found.count(None) / len(found):.1%} of the texts are in none and count as one "
            "cluster")


def kept(before: Found, after: Found) -> tuple[float, float]:
    """Which share of the themes of `before` is there in `after` too, and which share of their voices is in them still."""
    themes = set(before) - {None}
    stay = [old == new for old, new in zip(before, after, strict=False) if old]
    return len(themes & set(after)) / len(themes), sum(stay) / len(stay)


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


def as_clusters(labels: Found) -> Labels:
    """Labels where all that have no theme are one cluster."""
    return [label or "" for label in labels]


def k_means(texts: list[str], k: int) -> list[int]:
    """The peer's clusters."""
    vectors = TfidfVectorizer().fit_transform(texts)
    labels: list[int] = KMeans(k, n_init=3, random_state=0).fit_predict(vectors).tolist()
    return labels
