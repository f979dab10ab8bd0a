"""A report over 1,000,000 voices: seconds from the ledger to HTML, PDF and JSON, for each audience.

The peer is one pass by hand over the same ledger: complaints by theme, in SQL.
"""

import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, func, insert, select

from bench.rows import row
from include.ledger.engine import connect, reading, upgrade, writing
from include.ledger.tables import stories, story_themes, theme_voices, themes, voices
from include.parts.reports import AUDIENCES, Audience
from include.product import Product
from include.stakeholder_reporting.numbers import numbers
from include.stakeholder_reporting.rendering import document, rendered

VOICES, THEMES, STORIES = 1_000_000, 2_000, 200
AT = datetime(2026, 3, 2, 2, tzinfo=UTC)
PRODUCT = Product.model_validate({"name": "films", "title": "Films", "owner": "t", "reports": {"zone": "Asia/Seoul"}})


def measure() -> list[dict[str, Any]]:
    """One row for each audience."""
    with tempfile.TemporaryDirectory(prefix="closed-loop-bench-") as folder:
        upgrade(url := f"sqlite:///{Path(folder) / 'ledger.db'}")
        engine = connect(url)
        _fill(engine)
        _seconds(engine, "leadership")  # what draws and sets is loaded once
        by_hand = _by_hand(engine)
        found = [row(f"report_{audience}", _seconds(engine, audience), "s", "one pass in SQL", by_hand, VOICES,
                     "numbers, HTML, PDF and JSON", more_is_better=False) for audience in AUDIENCES]
        engine.dispose()
        return found


def _seconds(engine: Engine, audience: Audience) -> float:
    start = time.perf_counter()
    with reading(engine) as connection:
        found = numbers(connection, PRODUCT, audience, AT - timedelta(days=7), AT)
    assert rendered(found, "ko", "Asia/Seoul").pdf and document(found)
    return time.perf_counter() - start


def _by_hand(engine: Engine) -> float:
    start = time.perf_counter()
    with reading(engine) as connection:
        counted = connection.execute(
            select(theme_voices.c.theme_id, func.count()).join(voices, voices.c.id == theme_voices.c.voice_id)
            .where(voices.c.product == "films", voices.c.kind != "praise").group_by(theme_voices.c.theme_id)).all()
    assert len(counted) == THEMES
    return time.perf_counter() - start


def _fill(engine: Engine) -> None:
    """Voices of two years, each in one of the themes; every tenth theme has a story."""
    with writing(engine) as connection:
        connection.execute(insert(themes), [
            {"id": f"t{n}", "product": "films", "name": f"theme {n}", "language": "en", "kind": "bug", "status": "open",
             "size": VOICES // THEMES, "per_week": float(n % 50),
             "first_seen": _written(VOICES - THEMES + n), "last_seen": _written(n), "state": {}}
            for n in range(THEMES)])
        connection.execute(insert(stories), [
            {"id": f"S-{n}", "product": "films", "language": "en", "kind": "bug", "title": f"story {n}", "role": "r", "want": "w",
             "reason": "r", "acceptance": "a", "effort_days": 2.0, "metric": {}, "evidence": {}, "revision": 1,
             "status": ("ready", "scoped", "released", "draft")[n % 4], "created_at": AT, "updated_at": AT}
            for n in range(STORIES)])
        connection.execute(insert(story_themes), [{"story_id": f"S-{n}", "theme_id": f"t{n * 10}"} for n in range(STORIES)])
        every = _voices()
        while some := list(islice(every, 20_000)):
            connection.execute(insert(voices), some)
            connection.execute(insert(theme_voices), [
                {"theme_id": f"t{int(voice['id'][1:]) % THEMES}", "voice_id": voice["id"], "similarity": 0.8} for voice in some])


def _written(voice: int) -> datetime:
    return AT - timedelta(days=730) * (voice / VOICES)


def _voices() -> Iterator[dict[str, Any]]:
    for n in range(VOICES):
        at = _written(n)
        yield {"id": f"v{n}", "product": "films", "source": "s", "origin": "customer", "text": f"voice {n}", "language": "en",
               "kind": "praise" if n % 3 else "bug", "author": f"a{n % 200_000}", "written_at": at, "heard_at": at}
