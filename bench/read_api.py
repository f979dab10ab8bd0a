"""The loop page's read API on a full ledger: what each request takes, beside the same SQL by hand."""

import os
import random
import sqlite3
import tempfile
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from fastapi.testclient import TestClient
from numpy.typing import NDArray
from sqlalchemy import Engine, event, text

from bench.rows import row
from include.artifacts import Artifacts
from include.ledger import search
from include.ledger.engine import connect, upgrade, upsert, writing
from include.ledger.tables import phase_runs, themes
from include.loop_page.api import app
from include.loop_page.ring import PHASES
from tests.conftest import NOW

VOICES = int(os.environ.get("CLOSED_LOOP_BENCH_VOICES", "5000000"))
THEMES, NIGHTS, ROUNDS, TEXTS = 50_000, 365, 15, 20_000
WORDS = ["coupon", "refused", "checkout", "late", "delivery", "parcel", "tea", "search", "login", "crash", "slow", "refund",
         "order", "page", "price", "wrong", "쿠폰이", "결제가", "배송이", "늦어요", "안돼요", "검색", "로그인", "주문"]
MADE = """
WITH RECURSIVE numbers(n) AS (VALUES (0) UNION ALL SELECT n + 1 FROM numbers WHERE n < :voices - 1)
INSERT INTO voices(id, product, source, origin, external_id, text, language, kind, severity, sentiment, author, written_at,
                   heard_at)
SELECT printf('v%07d', numbers.n), 'shop', 'reviews', 'customer', 'v' || numbers.n,
       said.text || iif(numbers.n % 50000 = 1, ' rare', ''), iif(numbers.n * 7 % 10 < 5, 'en', 'ko'),
       CASE WHEN h < 70 THEN 'bug' WHEN h < 90 THEN 'feature' WHEN h < 99 THEN 'question' ELSE 'praise' END,
       CASE numbers.n * 11 % 4 WHEN 0 THEN 'low' WHEN 1 THEN 'medium' WHEN 2 THEN 'high' ELSE 'critical' END, 0.0,
       'a' || numbers.n, strftime('%Y-%m-%d %H:%M:%S.000000', :now - (:voices - numbers.n) * :year / :voices, 'unixepoch'),
       strftime('%Y-%m-%d %H:%M:%S.000000', :now, 'unixepoch')
FROM (SELECT n, n * 2654435761 % 100 AS h FROM numbers) AS numbers JOIN said ON said.n = numbers.n * 7919 % :texts"""
PATHS = ["/products", "/products/shop", "/products/shop/themes", "/products/shop/themes?kind=feature&severity=high",
         "/products/shop/themes?sort=last_seen&language=ko", "/products/shop/themes/t0", "/products/shop/voices",
         "/products/shop/voices?kind=praise", "/products/shop/voices?q=coup+ref", "/products/shop/voices?q=rare",
         "/products/shop/voices?theme=t0", "/trace/theme/t0", "/trace/voice/v0000001", "/products/shop/operation",
         "/products/shop/metrics"]


def filled(engine: Engine, path: Path) -> None:
    """VOICES voices in THEMES themes, most in few, over a year; a run of each phase a night."""
    rng = random.Random(8)  # noqa: S311 - made voices
    names = [f"t{number}" for number in range(THEMES)]
    places = np.minimum(np.random.default_rng(8).zipf(1.3, VOICES), THEMES) - 1
    sizes = np.bincount(places, minlength=THEMES)
    kinds, levels = ["bug", "feature", "question", "praise"], ["low", "medium", "high", "critical"]
    with writing(engine) as connection:
        upsert(connection, themes, [{
            "id": name, "product": "shop", "name": f"{rng.choice(WORDS)} {name}", "language": rng.choice(["en", "ko"]),
            "kind": rng.choice(kinds), "status": rng.choice(["open", "planned", "resolved"]), "merged_into": None,
            "size": int(sizes[number]), "per_week": 1.0, "trend": 0.0, "first_seen": NOW - timedelta(days=365),
            "last_seen": NOW - timedelta(minutes=number), "severity": rng.choice(levels), "weeks": [1, 2, 3, 2, 1],
            "state": {"columns": list(range(64)), "weights": [0.12345] * 64}} for number, name in enumerate(names)])
        upsert(connection, phase_runs, [{"phase": phase, "run_id": f"{phase} {night}", "key": "shop",
                                         "at": NOW - timedelta(days=night), "result": {"publish": []}}
                                        for phase in PHASES for night in range(1, NIGHTS)])
    engine.dispose()
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        _pour(raw, [" ".join(rng.choices(WORDS, k=15)) for _ in range(TEXTS)], places)
    with writing(engine) as connection:
        connection.execute(text("INSERT INTO voice_search(voice_search, rank) VALUES ('hashsize', 200000000)"))
        search.add(connection)


def _pour(raw: sqlite3.Connection, texts: list[str], places: NDArray[np.int64]) -> None:
    """Voices and their themes in two statements, and their indexes afterwards: minutes, where row by row it takes an hour."""
    raw.executescript("PRAGMA synchronous=OFF; PRAGMA cache_size=-400000; PRAGMA temp_store=MEMORY; BEGIN;"
                      "CREATE TEMP TABLE said(n INTEGER PRIMARY KEY, text TEXT);")
    raw.executemany("INSERT INTO said VALUES (?, ?)", enumerate(texts))
    indexes = raw.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL "
                          "AND tbl_name IN ('voices', 'theme_voices')").fetchall()
    for name, _ in indexes:
        raw.execute(f"DROP INDEX {name}")
    raw.execute(MADE, {"voices": VOICES, "texts": TEXTS, "now": int(NOW.timestamp()), "year": 365 * 86400})
    order = np.lexsort((np.arange(VOICES), places))
    raw.executemany("INSERT INTO theme_voices(theme_id, voice_id, similarity, quote) VALUES (?, ?, 0.8, ?)",
                    ((f"t{place}", f"v{number:07}", int(number % 50 == 0))
                     for place, number in zip(places[order].tolist(), order.tolist(), strict=True)))
    for _, statement in indexes:
        raw.execute(statement)
    raw.execute("COMMIT")


def measure() -> dict[str, Any]:
    """The requests of the page in turns: median and 99th percentile, and each one's own SQL by hand."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/ledger.db"
        Path(folder, "shop.yaml").write_text("name: shop\ntitle: Tea shop\nowner: team-shop\n")
        os.environ["CLOSED_LOOP_PRODUCTS"] = folder
        upgrade(url)
        engine = connect(url)
        begin = time.perf_counter()
        filled(engine, Path(folder, "ledger.db"))
        built = time.perf_counter() - begin
        found = _measured(engine, Path(folder, "ledger.db"), built)
        engine.dispose()
        return found


def _measured(engine: Engine, path: Path, built: float) -> dict[str, Any]:
    client = TestClient(app(lambda: engine, lambda: Artifacts(str(path.parent)), lambda _: lambda: None, lambda: None), base_url="http://loop/api/v1")
    asked: list[tuple[str, Any]] = []
    event.listen(engine, "before_cursor_execute", lambda _c, _u, statement, given, *_: asked.append((statement, given)))
    hand = sqlite3.connect(path)
    took, busy, by_hand, slowest = list[float](), list[float](), list[float](), dict[str, float]()
    for _ in range(ROUNDS):
        for place in PATHS:
            asked.clear()
            begin, worked = time.perf_counter(), time.process_time()
            answer = client.get(place)
            took.append(1000 * (time.perf_counter() - begin))
            busy.append(1000 * (time.process_time() - worked))
            assert answer.status_code == 200, answer.text
            slowest[place] = min(took[-1], slowest.get(place, took[-1]))
            begin = time.perf_counter()
            for statement, given in asked:
                if statement.startswith("SELECT"):
                    hand.execute(statement, given).fetchall()
            by_hand.append(1000 * (time.perf_counter() - begin))
    hand.close()
    worst = max(slowest, key=lambda place: slowest[place])
    note = (f"median of {len(PATHS)} requests in turns; p99 {np.percentile(took, 99):.1f} ms; "
            f"of the processor: median {np.median(busy):.1f} ms, p99 {np.percentile(busy, 99):.1f} ms; slowest {worst} "
            f"({slowest[worst]:.1f} ms at best); {VOICES:,} voices in {THEMES:,} themes, built in {built:.0f} s")
    return row("read_api", float(np.median(took)), "ms", "the same SQL by hand", float(np.median(by_hand)), len(took), note,
               more_is_better=False)
