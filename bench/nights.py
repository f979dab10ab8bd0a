"""What a night's slice costs, by its own size: 5,000 new voices after a history of none, of 50,000 and of 200,000.

Seconds of processor time: they grow with the work alone, not with what else the machine does.
"""

import os
import tempfile
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from bench.rows import row
from bench.voices import REVIEWS
from include.artifacts import Artifacts
from include.key import Key
from include.ledger.engine import connect, upgrade
from include.ledger.runs import Run
from include.product import Product
from include.voc_aggregation.run import aggregate

NIGHT = 5_000
HISTORIES = (0, 50_000, 200_000)
_AT = datetime(2026, 3, 2, 2, tzinfo=UTC)


def measure() -> list[dict[str, Any]]:
    """One row for each history; the peer is a night of the same size without any."""
    seconds = [_night(history) for history in HISTORIES]
    return [row(f"night_after_{history}", taken, "CPU s", f"{NIGHT:,} voices after none", seconds[0], NIGHT,
                f"{NIGHT:,} voices heard after {history:,}", more_is_better=False)
            for history, taken in zip(HISTORIES, seconds, strict=True)]


def _night(history: int) -> float:
    """Seconds of both processes that the night after `history` voices takes. The history comes in one night of its own."""
    with tempfile.TemporaryDirectory(prefix="closed-loop-bench-") as temporary, REVIEWS.open(encoding="utf-8") as reviews:
        folder, header = Path(temporary), next(reviews)
        path = folder / "reviews.tsv"
        upgrade(url := f"sqlite:///{folder / 'ledger.db'}")
        path.write_text(header + "".join(islice(reviews, history)), encoding="utf-8")
        if history:
            _hear(url, path, 1)
        with path.open("a", encoding="utf-8") as file:
            file.writelines(islice(reviews, NIGHT))
        start = _spent()
        stored = _hear(url, path, 2)
        assert stored >= NIGHT - 10, stored  # some lines may be set aside
        return _spent() - start


def _spent() -> float:
    return sum(os.times()[:4])


def _hear(url: str, path: Path, number: int) -> int:
    source = {"name": "reviews", "path": str(path), "format": "tsv", "rating_scale": (1, 10),
              "columns": {"text": "document", "id": "review_id", "written_at": "date", "rating": "rating"}}
    product = Product.model_validate({"name": "films", "title": "Films", "owner": "t", "voices": {"sources": [source]}})
    run = Run("voc_aggregation", f"night{number}", Key("films"), _AT + timedelta(days=number))
    result = aggregate(connect(url), product, run, Artifacts(str(path.parent / "artifacts")), b"bench")
    return int(result["sources"]["reviews"]["stored"])
