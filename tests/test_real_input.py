"""Real voices from the file to the scope: counts in are counts stored and quarantined, and stories carry their voices."""

import csv
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select

from include.artifacts import Artifacts
from include.key import Key
from include.ledger.engine import reading
from include.ledger.runs import Run
from include.ledger.tables import intakes, quarantine, scope_items, stories, theme_voices, voices
from include.product import Product
from tests.conftest import SHARED

pytestmark = [pytest.mark.shared, pytest.mark.timeout(600)]
DATA = SHARED / "data"
PRODUCT = {
    "name": "real", "title": "Real", "owner": "team", "voices": {"sources": [
        {"name": "bugs", "path": str(DATA / "gitbugs-hadoop" / "hadoop_bugs.csv"), "format": "csv",
         "columns": {"text": ["Summary", "Description"], "id": "Issue id", "written_at": "Created"}},
        {"name": "reviews", "path": str(DATA / "nsmc-ko-dev" / "reviews.tsv"), "format": "tsv", "rating_scale": (1, 10),
         "columns": {"text": "document", "id": "review_id", "written_at": "date", "rating": "rating"}},
    ]},
}


def lines(path: Path, **dialect: object) -> int:
    with path.open(encoding="utf-8", newline="") as file:
        return sum(1 for _ in csv.DictReader(file, **dialect))  # type: ignore[arg-type] - options of the csv module


def test_real_voices_from_the_file_to_the_scope(ledger: Engine, artifacts: Artifacts) -> None:
    from include.scope_planning.run import propose
    from include.story_writing.run import write
    from include.voc_aggregation.run import aggregate

    product, at = Product.model_validate(PRODUCT), datetime(2026, 3, 2, 2, tzinfo=UTC)
    heard = aggregate(ledger, product, Run("voc_aggregation", "r", Key("real"), at), artifacts, b"key")
    assert heard["publish"] == ["real"]
    with reading(ledger) as connection:
        counts = {row.source: row for row in connection.execute(select(intakes))}
        assert counts["bugs"].read == lines(DATA / "gitbugs-hadoop" / "hadoop_bugs.csv") == 2503
        reviews = DATA / "nsmc-ko-dev" / "reviews.tsv"
        assert counts["reviews"].read == lines(reviews, delimiter="\t", quoting=csv.QUOTE_NONE) == 225866
        for name, row in counts.items():
            if name == "operations":
                continue
            assert row.error is None
            stored = connection.scalar(select(func.count()).select_from(voices).where(voices.c.source == name))
            kept = connection.scalar(select(func.count()).select_from(quarantine).where(quarantine.c.source == name))
            assert (row.stored, row.quarantined) == (stored, kept)
            assert row.read == row.stored + row.duplicates + row.quarantined
            assert row.stored > 0.95 * row.read
    assert write(ledger, product, Run("story_writing", "r", Key("real"), at))["publish"] == ["real"]
    question = propose(ledger, product, Run("scope_planning", "r", Key("real"), at))
    assert question["chosen"]
    with reading(ledger) as connection:
        chosen = select(scope_items.c.story_id).where(scope_items.c.chosen)
        assert set(connection.scalars(chosen)) == set(question["chosen"])
        assert set(connection.scalars(select(stories.c.language))) == {"en", "ko"}
        assert connection.scalar(select(func.count()).select_from(theme_voices)) > 1000
