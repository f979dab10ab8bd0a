"""A page of metrics over HTTP, from prometheus_client itself and from worse servers."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest as prometheus_text
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics_text
from sqlalchemy import Engine

from include.key import Key
from include.ledger.runs import Result, Run
from include.ledger.tables import coarse_rollups, rollups, series_minutes
from include.monitoring_rollups.run import roll_up
from include.product import Product
from tests import rows
from tests.conftest import NOW
from tests.server import Reply, serving

OPEN = {"Content-Type": "application/openmetrics-text; version=1.0.0; charset=utf-8"}
TEXT = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}


class Shop:
    """What a process exposes."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.served = Counter("http_requests", "d", ["code", "handler"], registry=self.registry)
        self.took = Histogram("took_seconds", "d", ["handler"], buckets=(0.1, 0.5), registry=self.registry)
        self.heap = Gauge("heap_bytes", "d", ["area"], registry=self.registry)

    def serve(self, good: int, bad: int = 0) -> None:
        self.served.labels("200", "/teas").inc(good)
        self.served.labels("500", "/teas").inc(bad)
        for _ in range(good + bad):
            self.took.labels("/teas").observe(0.3)


def product(url: str, **fields: Any) -> Product:
    source = {"name": "page", "kind": "openmetrics", "url": f"{url}/metrics", "allow_hosts": ["127.0.0.1"],
              "series": {"heap": {"sample": "heap_bytes", "labels": {"area": "old"}}},
              "requests": {"counter": "http_requests_total", "durations": "took_seconds_bucket", "route": "handler"}}
    return rows.product(monitoring={"sources": [source | fields], "anomalies": ["heap"]})


def roll(engine: Engine, url: str, minute: int, **fields: Any) -> Result:
    run = Run("monitoring_rollups", f"at {minute}", Key("shop"), NOW + timedelta(minutes=minute))
    return roll_up(engine, product(url, **fields), run)


@pytest.mark.parametrize("is_open", [True, False])
def test_what_was_counted_between_two_pages(ledger: Engine, is_open: bool) -> None:
    shop = Shop()

    def answer(_: object) -> Reply:
        write: Callable[[CollectorRegistry], bytes] = openmetrics_text if is_open else prometheus_text
        return Reply(write(shop.registry), headers=OPEN if is_open else TEXT)

    with serving(answer) as server:
        shop.serve(1000)
        shop.heap.labels("old").set(70)
        assert roll(ledger, server.url, 0)["requests"] == 0  # nobody knows when these were
        shop.serve(57, 3)
        assert roll(ledger, server.url, 30)["requests"] == 60
        assert roll(ledger, server.url, 30)["requests"] == 60  # the same run
        shop = Shop()  # the process began anew
        shop.serve(8, 2)
        shop.heap.labels("old").set(50)
        assert roll(ledger, server.url, 40)["requests"] == 10
    found = rows.get(ledger, rollups)
    assert (sum(row["requests"] for row in found), sum(row["errors"] for row in found)) == (70, 5)
    assert {row["minute"] for row in found} <= {NOW + timedelta(minutes=minute) for minute in range(40)}
    assert max(row["requests"] for row in found) <= 3
    [hour] = rows.get(ledger, coarse_rollups, span="hour")
    assert sum(hour["durations"].values()) == 70
    assert 100 <= hour["p50"] <= 505
    assert [row["total"] for row in rows.get(ledger, series_minutes)] == [70, 70, 50]


@pytest.mark.parametrize(("reply", "problem"), [
    (Reply(b"hello <html>\n", headers=TEXT), "no page of metrics"),
    (Reply(b"# TYPE a counter\na_total 1\n", headers=OPEN), "no page of metrics"),  # no EOF: it is not whole
    (Reply(b"a" * 200_000, headers=OPEN), "no page of metrics"),
    (Reply(b"\xff\xfe", headers=OPEN), "no page of metrics"),
    (Reply(b"http_requests_total -5\n", headers=TEXT), "not that of a counter"),
    (Reply(b"".join(b"a 1\n" for _ in range(100_001)), headers=TEXT), "more than 100,000 samples"),
    (Reply(b" " * 60_000_000), "larger than 50,000,000 bytes"),
    (Reply(b"", 404), "HTTP 404"),
])
def test_hostile_pages_are_refused(ledger: Engine, reply: Reply, problem: str) -> None:
    with serving(lambda _: reply) as server:
        found = roll(ledger, server.url, 0)
    assert problem in found["problems"]["page"]
    assert found["requests"] == 0
