"""Fifty million voices in PostgreSQL: what a night of 25,000 new ones takes, and what each request of the loop page takes.

CLOSED_LOOP_BENCH_HISTORIES says how many voices are there before each measurement. The last are those of five and a half years,
and all are measured with its nights. Fifty million take about 30 GB for a while.
"""

import os
import tempfile
import time
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from fastapi.testclient import TestClient
from sqlalchemy import Connection, Engine, event, func, select, text

from bench.read_api import PATHS, WORDS
from bench.rows import row
from bench.voices import REVIEWS
from include.artifacts import Artifacts
from include.key import Key
from include.ledger.engine import connect, reading, upgrade, writing
from include.ledger.runs import Run
from include.ledger.tables import theme_voices
from include.loop_page.api import app
from include.product import Product
from include.voc_aggregation.run import aggregate
from tests.postgres import Server, database, programs, running

HISTORIES = [int(number) for number in os.environ.get("CLOSED_LOOP_BENCH_HISTORIES", "1000000,5000000,50000000").split(",")]
NIGHT = HISTORIES[-1] // 2000  # voices a night: five and a half years of them are the longest history
PHRASES = 20_000
ROUNDS = 15
ENOUGH = 60.0  # seconds for the rounds of one path
AT = datetime(2026, 3, 2, 2, tzinfo=UTC)
BIG = ("voices", "theme_voices")
SETTINGS = {"maintenance_work_mem": "1GB", "max_wal_size": "4GB", "wal_level": "minimal", "max_wal_senders": "0",
            "shared_buffers": "1GB", "synchronous_commit": "off"}
# The newest first, so that what is older may be added; most are in few themes (a cubed share), a tenth in none.
VOICES = """
INSERT INTO voices(id, product, source, origin, external_id, text, language, kind, severity, sentiment, author, written_at,
                   heard_at, sketch)
SELECT left(md5(n::text), 16), 'shop', 'reviews', 'customer', 'x' || n, one.text || ' ' || other.text,
       CASE WHEN n %% 2 = 0 THEN 'en' ELSE 'ko' END,
       (ARRAY['bug','bug','bug','feature','question','praise'])[1 + n * 7 %% 6],
       (ARRAY['low','medium','high','critical'])[1 + n * 11 %% 4], 0.0, md5('a' || n / 3),
       at, date_trunc('day', at) + interval '26 hours', hashint8extended(n, 3)
FROM (SELECT n, %(at)s::timestamptz - n * interval '1 day' / %(night)s AS at,
             abs(hashint8extended(n, 1)) %% %(phrases)s AS first, abs(hashint8extended(n, 2)) %% %(phrases)s AS second
      FROM generate_series(%(start)s::bigint, %(end)s::bigint) AS n) AS numbers
JOIN said AS one ON one.place = first JOIN said AS other ON other.place = second"""
MEMBERS = """
INSERT INTO theme_voices(theme_id, voice_id, similarity, quote)
SELECT known.id, left(md5(numbers.n::text), 16), 0.8, numbers.n < 1000
FROM (SELECT n, floor(%(themes)s * power((abs(hashint8extended(n, 4)) %% 1000000) / 1e6, 3))::int AS place
      FROM generate_series(%(start)s::bigint, %(end)s::bigint) AS n WHERE n %% 10 <> 0) AS numbers
JOIN known ON known.place = numbers.place"""


def measure() -> list[dict[str, Any]]:
    """For each history the night and the page; their peers are the same after the smallest one."""
    binaries = programs()
    assert binaries, "PostgreSQL is not installed"
    with tempfile.TemporaryDirectory(prefix="closed-loop-bench-") as temporary, running(binaries) as server:
        _tuned(server)
        return _Bench(Path(temporary), server).rows()


def _tuned(server: Server) -> None:
    engine = connect(server.url)
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        for name, value in SETTINGS.items():
            connection.exec_driver_sql(f"ALTER SYSTEM SET {name} = '{value}'")
    engine.dispose()
    server.run("pg_ctl", "-w", "-m", "fast", "stop")
    server.start()


@dataclass
class _Bench:
    """One ledger that grows from history to history, and the reviews that the nights hear, one after another."""

    folder: Path
    server: Server
    engine: Engine = field(init=False)
    nights: int = 0
    there: int = 0

    def __post_init__(self) -> None:
        url = database(self.server.url, "ledger")
        upgrade(url)
        self.engine = connect(url)
        (self.folder / "shop.yaml").write_text("name: shop\ntitle: Tea shop\nowner: team-shop\n")
        os.environ["CLOSED_LOOP_PRODUCTS"] = str(self.folder)

    def rows(self) -> list[dict[str, Any]]:
        """What is measured after each history."""
        found, first = list[dict[str, Any]](), dict[str, float]()
        self.night()  # its themes are those of the history
        for history in HISTORIES:
            begun = time.monotonic()
            self.pour(history)
            built = time.monotonic() - begun
            wall, spent = self.night()
            median, tail, note = self.page()
            size = self.size()
            for name, value, unit, told in (
                    ("night", spent, "CPU s", f"{NIGHT:,} voices after {history:,}: {wall:.0f} s; {size / 1e9:.1f} GB, poured in "
                                              f"{built:.0f} s"),
                    ("page", median, "ms", f"{note}; p95 {tail:.0f} ms")):
                found.append(row(f"{name}_after_{history}", value, unit, f"after {HISTORIES[0]:,}", first.setdefault(name, value),
                                 ROUNDS if name == "page" else NIGHT, told, more_is_better=False))
                print(found[-1], flush=True)
        return found

    def pour(self, history: int) -> None:
        """Add what is older until `history` voices are there, indexes afterwards, and what autovacuum would have done."""
        with writing(self.engine) as connection:
            rebuilt = _without_indexes(connection)
            pour(connection, range(self.there, history), NIGHT)
            for statement in rebuilt:
                connection.exec_driver_sql(statement)
        with self.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            for statement in ("VACUUM (ANALYZE)", "CHECKPOINT"):
                connection.exec_driver_sql(statement)
        self.there = history

    def night(self) -> tuple[float, float]:
        """Hear NIGHT more reviews: seconds, and CPU seconds of all processes, PostgreSQL's too."""
        path, self.nights = self.folder / "reviews.tsv", self.nights + 1
        with REVIEWS.open(encoding="utf-8") as reviews:
            header = next(reviews)
            path.write_text(header + "".join(islice(reviews, (self.nights - 1) * NIGHT, self.nights * NIGHT)), encoding="utf-8")
        source = {"name": f"reviews{self.nights}", "path": str(path), "format": "tsv", "rating_scale": (1, 10),
                  "columns": {"text": "document", "id": "review_id", "written_at": "date", "rating": "rating"}}
        product = Product.model_validate({"name": "shop", "title": "Tea shop", "owner": "t", "voices": {"sources": [source]}})
        begun, before = time.monotonic(), self.spent()
        result = aggregate(self.engine, product, Run("voc_aggregation", f"night{self.nights}", Key("shop"),
                                                     AT + timedelta(days=self.nights)), Artifacts(str(self.folder)), b"key")
        assert result["voices"] > NIGHT * 0.9, result["sources"]
        return time.monotonic() - begun, self.spent() - before

    def spent(self) -> float:
        """CPU seconds so far of this process, its workers that ended, and of PostgreSQL."""
        keeper = int((self.server.folder / "data" / "postmaster.pid").read_text().split()[0])
        stats = [Path(f"/proc/{entry.name}/stat") for entry in Path("/proc").iterdir() if entry.name.isdigit()]
        ticks = sum(_ticks(path, keeper) for path in stats)
        return sum(os.times()[:4]) + ticks / os.sysconf("SC_CLK_TCK")

    def page(self) -> tuple[float, float, str]:
        """Median and 95th percentile of the page's requests (ms), and the slowest by name. No big table is read whole."""
        client = TestClient(app(lambda: self.engine, lambda: Artifacts(str(self.folder)), lambda _: lambda: None, lambda: None),
                            base_url="http://loop/api/v1")
        took: dict[str, list[float]] = {}
        for path, place in places(self.engine).items():
            with ExitStack() as stack:
                asked = noted(stack, self.engine)
                took[path] = [_asked(client, place)]
            scans = whole(self.engine, asked)
            assert not scans, (path, scans)
            end = time.monotonic() + ENOUGH
            while len(took[path]) <= ROUNDS and time.monotonic() < end:
                took[path].append(_asked(client, place))
        warm = {path: float(np.median(each[1:] or each)) for path, each in took.items()}
        every = [each for times in took.values() for each in times[1:] or times]
        worst = sorted(warm, key=lambda path: -warm[path])[:3]
        print({path: [round(float(np.percentile(each, q)), 1) for q in (50, 95, 100)] for path, each in took.items()}, flush=True)
        return float(np.median(every)), float(np.percentile(every, 95)), "slowest: " + ", ".join(
            f"{path} {warm[path]:.0f} ms" for path in worst)

    def size(self) -> int:
        """Bytes of the ledger on disk."""
        with reading(self.engine) as connection:
            return int(connection.scalar(text("SELECT pg_database_size(current_database())")) or 0)


def pour(connection: Connection, numbers: range, night: int) -> None:
    """Add the voices `numbers`, `night` of them a day, the first the newest, to the themes that are there."""
    rng = Random(8)  # noqa: S311 - made voices
    connection.exec_driver_sql("CREATE TEMP TABLE said(place bigint PRIMARY KEY, text text) ON COMMIT DROP")
    connection.execute(text("INSERT INTO said VALUES (:place, :text)"), [
        {"place": number, "text": " ".join(rng.choices(WORDS, k=6))} for number in range(PHRASES)])
    connection.exec_driver_sql("CREATE TEMP TABLE known ON COMMIT DROP AS "
                               "SELECT id, row_number() OVER (ORDER BY id) - 1 AS place FROM themes WHERE merged_into IS NULL")
    span = {"at": AT, "night": night, "phrases": PHRASES, "start": numbers[0], "end": numbers[-1],
            "themes": connection.scalar(text("SELECT count(*) FROM known"))}
    connection.exec_driver_sql(VOICES, span)
    connection.exec_driver_sql(MEMBERS, span)


def places(engine: Engine) -> dict[str, str]:
    """The requests of the page, each as it is about the largest theme and one of its voices."""
    with reading(engine) as connection:
        theme = connection.scalar(select(theme_voices.c.theme_id).group_by(theme_voices.c.theme_id)
                                  .order_by(func.count().desc()).limit(1))
        voice = connection.scalar(select(theme_voices.c.voice_id).where(theme_voices.c.theme_id == theme).limit(1))
    return {path: path.replace("t0", str(theme)).replace("v0000001", str(voice)) for path in PATHS}


def _without_indexes(connection: Connection) -> list[str]:
    """Drop the indexes and constraints of the big tables; the statements that make them again (foreign keys unchecked)."""
    names = {"names": list(BIG)}
    indexes = connection.execute(text(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = ANY(:names) AND indexname NOT IN "
        "(SELECT conname FROM pg_constraint)"), names).all()
    constraints = connection.execute(text(
        "SELECT conname, conrelid::regclass::text AS place, contype::text AS type, pg_get_constraintdef(oid) AS said "
        "FROM pg_constraint WHERE contype IN ('p', 'f') AND (conrelid::regclass::text = ANY(:names) "
        "OR confrelid::regclass::text = ANY(:names)) ORDER BY contype DESC"), names).all()
    for one in sorted(constraints, key=lambda one: one.type != "f"):
        connection.exec_driver_sql(f"ALTER TABLE {one.place} DROP CONSTRAINT {one.conname}")
    for one in indexes:
        connection.exec_driver_sql(f"DROP INDEX {one.indexname}")
    return [*(f"ALTER TABLE {one.place} ADD CONSTRAINT {one.conname} {one.said}{' NOT VALID' if one.type == 'f' else ''}"
              for one in constraints), *(one.indexdef for one in indexes)]


def _ticks(path: Path, keeper: int) -> int:
    """CPU ticks of a process of the server `keeper`, and of those of its children that ended; 0 of any other."""
    try:
        fields = path.read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    if int(path.parent.name) == keeper:
        return sum(map(int, fields[11:15]))
    return sum(map(int, fields[11:13])) if int(fields[1]) == keeper else 0


def noted(stack: ExitStack, engine: Engine) -> list[tuple[str, Any]]:
    """What is asked of `engine` until the stack ends."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, given: Any, *_: Any) -> None:
        asked.append((statement, given))

    event.listen(engine, "before_cursor_execute", note)
    stack.callback(event.remove, engine, "before_cursor_execute", note)
    return asked


def whole(engine: Engine, asked: Iterable[tuple[str, Any]]) -> list[str]:
    """Those of the queries for which PostgreSQL means to read a big table whole."""
    with reading(engine) as connection:
        return [statement for statement, given in asked if statement.startswith(("SELECT", "WITH"))
                for plan in [connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", given).scalar_one()]
                if any(step["Node Type"] == "Seq Scan" and step["Relation Name"] in BIG for step in _steps(plan[0]["Plan"]))]


def _steps(plan: dict[str, Any]) -> Iterable[dict[str, Any]]:
    yield plan
    for step in plan.get("Plans", ()):
        yield from _steps(step)


def _asked(client: TestClient, path: str) -> float:
    begun = time.perf_counter()
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return 1000 * (time.perf_counter() - begun)
