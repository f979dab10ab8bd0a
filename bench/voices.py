"""Voices a second on nsmc-ko-dev, from the file to themes in the ledger, beside TF-IDF and k-means on the same texts."""

import csv
import os
import resource
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from bench.rows import row
from include.artifacts import Artifacts
from include.key import Key
from include.ledger import models
from include.ledger.engine import connect, upgrade, writing
from include.ledger.runs import Run
from include.product import Product
from include.voc_aggregation import understanding
from include.voc_aggregation.learning import Model, train
from include.voc_aggregation.run import aggregate
from tests.conftest import SHARED

REVIEWS = SHARED / "data" / "nsmc-ko-dev" / "reviews.tsv"
AT = datetime(2026, 3, 2, 2, tzinfo=UTC)
TAUGHT = 5_000  # reviews that the model is trained on
CLUSTERS = 200  # k-means has to be told how many


def measure() -> list[dict[str, Any]]:
    """One whole run on the file, and one with a model that tells the kinds; then the peer on its texts, which neither redacts,
    checks nor stores."""
    texts = _texts()
    found = [_measured("voices", None), _measured("voices_learnt", _model(texts[:TAUGHT]))]
    start = time.perf_counter()
    _peer(texts)
    peer = len(texts) / (time.perf_counter() - start)
    name_of_peer = f"TF-IDF + mini-batch k-means, k = {CLUSTERS}"
    return [row(name, rate, "voices/s", name_of_peer, peer, len(texts), note, more_is_better=True) for name, rate, note in found]


def _measured(name: str, model: Model | None) -> tuple[str, float, str]:
    with tempfile.TemporaryDirectory(prefix="closed-loop-bench-") as temporary:
        engine, artifacts = _ledger(Path(temporary), model)
        start, before = time.perf_counter(), os.times()
        result = _aggregate(engine, artifacts)
        seconds, spent = time.perf_counter() - start, [now - then for now, then in zip(os.times(), before, strict=True)]
    assert result["models"] == ({"kind": 1} if model else {})
    memory = sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1e6
    counts = result["sources"]["reviews"]
    assert counts["read"] == counts["stored"] + counts["duplicates"] + counts["quarantined"]
    return name, counts["read"] / seconds, (
        f"peak {memory:.1f} GB in both processes, {sum(spent[:2]):.0f} and {sum(spent[2:4]):.0f} CPU s; "
        f"{counts['quarantined']} quarantined, {counts['duplicates']} duplicates")


def _model(texts: list[str]) -> Model:
    """A model such as a team's labels would make, here of what the rules say."""
    return train(texts, [understanding.kind(text, understanding.sentiment(text)) for text in texts])


def _ledger(folder: Path, model: Model | None) -> tuple[Engine, Artifacts]:
    upgrade(url := f"sqlite:///{folder / 'ledger.db'}")
    engine, artifacts = connect(url), Artifacts(str(folder / "artifacts"))
    if model:
        artifact, digest = artifacts.keep(model.dumps(), ".npz")
        with writing(engine) as connection:
            models.write(connection, [{"product": "films", "field": "kind", "version": 1, "status": "promoted", "scores": {},
                                       "trained_on": TAUGHT, "held_out": 0, "artifact": artifact, "digest": digest, "at": AT,
                                       "decided_at": AT, "decided_by": "bench"}])
    return engine, artifacts


def _aggregate(engine: Engine, artifacts: Artifacts) -> dict[str, Any]:
    source = {"name": "reviews", "path": str(REVIEWS), "format": "tsv", "rating_scale": (1, 10),
              "columns": {"text": "document", "id": "review_id", "written_at": "date", "rating": "rating"}}
    product = Product.model_validate({"name": "films", "title": "Films", "owner": "t", "voices": {"sources": [source]}})
    return aggregate(engine, product, Run("voc_aggregation", "bench", Key("films"), AT), artifacts, b"bench")


def _texts() -> list[str]:
    with REVIEWS.open(encoding="utf-8", newline="") as file:
        return [line["document"] for line in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]


def _peer(texts: list[str]) -> None:
    from sklearn.cluster import MiniBatchKMeans
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectors = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 3), min_df=5).fit_transform(texts)
    MiniBatchKMeans(CLUSTERS, batch_size=4096, n_init=1, random_state=0).fit(vectors)
