"""Voices a second on nsmc-ko-dev, from the file to themes in the ledger, beside TF-IDF and k-means on the same texts."""

import csv
import resource
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.rows import row
from include.artifacts import Artifacts
from include.key import Key
from include.ledger.engine import connect, upgrade
from include.ledger.runs import Run
from include.product import Product
from include.voc_aggregation.run import aggregate
from tests.conftest import SHARED

REVIEWS = SHARED / "data" / "nsmc-ko-dev" / "reviews.tsv"
CLUSTERS = 200  # k-means has to be told how many


def measure() -> dict[str, Any]:
    """One whole run on the file, then the peer on its texts; the peer neither redacts, checks nor stores."""
    with tempfile.TemporaryDirectory(prefix="closed-loop-bench-") as temporary:
        start = time.perf_counter()
        result = _aggregate(Path(temporary))
        ours = time.perf_counter() - start
    memory = sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1e6
    counts = result["sources"]["reviews"]
    assert counts["read"] == counts["stored"] + counts["duplicates"] + counts["quarantined"]
    texts = _texts()
    start = time.perf_counter()
    _peer(texts)
    peer = time.perf_counter() - start
    return row("voices", counts["read"] / ours, "voices/s", f"TF-IDF + mini-batch k-means, k = {CLUSTERS}", len(texts) / peer,
               counts["read"], f"peak {memory:.1f} GB in both processes; "
               f"{counts['quarantined']} quarantined, {counts['duplicates']} duplicates",
               more_is_better=True)


def _aggregate(folder: Path) -> dict[str, Any]:
    source = {"name": "reviews", "path": str(REVIEWS), "format": "tsv", "rating_scale": (1, 10),
              "columns": {"text": "document", "id": "review_id", "written_at": "date", "rating": "rating"}}
    product = Product.model_validate({"name": "films", "title": "Films", "owner": "t", "voices": {"sources": [source]}})
    url = f"sqlite:///{folder / 'ledger.db'}"
    upgrade(url)
    run = Run("voc_aggregation", "bench", Key("films"), datetime(2026, 3, 2, 2, tzinfo=UTC))
    return aggregate(connect(url), product, run, Artifacts(str(folder / "artifacts")), b"bench")


def _texts() -> list[str]:
    with REVIEWS.open(encoding="utf-8", newline="") as file:
        return [line["document"] for line in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]


def _peer(texts: list[str]) -> None:
    from sklearn.cluster import MiniBatchKMeans
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectors = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 3), min_df=5).fit_transform(texts)
    MiniBatchKMeans(CLUSTERS, batch_size=4096, n_init=1, random_state=0).fit(vectors)
