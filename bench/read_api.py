"""The loop page's read API on a full ledger: what each request takes, beside the same SQL by hand."""

import os
import random
import sqlite3
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from fastapi.testclient import TestClient
from sqlalchemy import Engine, event

from bench.rows import row
from include.artifacts import Artifacts
from include.ledger import search
from include.ledger.engine import connect, upgrade, upsert, writing
from include.ledger.tables import phase_runs, theme_voices, themes, voices
from include.loop_page.api import app
from include.loop_page.ring import PHASES
from tests.conftest import NOW

VOICES = int(os.environ.get("CLOSED_LOOP_BENCH_VOICES", "300000"))
THEMES, NIGHTS, ROUNDS = 50_000, 365, 15
WORDS = ["coupon", "refused", "checkout", "late", "delivery", "parcel", "tea", "search", "login", "crash", "slow", "refund",
         "order", "page", "price", "wrong", "쿠폰이", "결제가", "배송이", "늦어요", "안돼요", "검색", "로그인", "주문"]
PATHS = ["/products", "/products/shop", "/products/shop/themes", "/products/shop/themes?kind=feature&severity=high",
         "/products/shop/themes?sort=last_seen&language=ko", "/products/shop/themes/t0", "/products/shop/voices",
         "/products/shop/voices?kind=praise", "/products/shop/voices?q=coup+ref", "/products/shop/voices?q=rare",
         "/products/shop/voices?theme=t0", "/trace/theme/t0", "/trace/voice/v1", "/products/shop/operation",
         "/products/shop/metrics"]


def filled(engine: Engine) -> None:
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
        for start in range(0, VOICES, 20_000):
            told = range(start, min(start + 20_000, VOICES))
            upsert(connection, voices, [{
                "id": f"v{number}", "product": "shop", "source": "reviews", "origin": "customer", "external_id": f"v{number}",
                "text": " ".join(rng.choices(WORDS, k=15)) + (" rare" if number % 50_000 == 1 else ""),
                "language": rng.choice(["en", "ko"]), "kind": rng.choices(kinds, (70, 20, 9, 1))[0],
                "severity": rng.choice(levels), "sentiment": 0.0, "rating": None, "author": f"a{number}",
                "written_at": NOW - timedelta(minutes=(VOICES - number) * 525_600 / VOICES), "heard_at": NOW} for number in told])
            search.add(connection, [f"v{number}" for number in told])
            upsert(connection, theme_voices, [{"theme_id": names[places[number]], "voice_id": f"v{number}", "similarity": 0.8,
                                               "quote": number % 50 == 0, "home": None} for number in told])
        upsert(connection, phase_runs, [{"phase": phase, "run_id": f"{phase} {night}", "key": "shop",
                                         "at": NOW - timedelta(days=night), "result": {"publish": []}}
                                        for phase in PHASES for night in range(1, NIGHTS)])


def measure() -> dict[str, Any]:
    """The requests of the page in turns: median and 99th percentile, and each one's own SQL by hand."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/ledger.db"
        Path(folder, "shop.yaml").write_text("name: shop\ntitle: Tea shop\nowner: team-shop\n")
        os.environ["CLOSED_LOOP_PRODUCTS"] = folder
        upgrade(url)
        engine = connect(url)
        begin = time.perf_counter()
        filled(engine)
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
