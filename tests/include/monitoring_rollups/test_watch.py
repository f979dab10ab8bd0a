"""The product's own series, watched."""

from datetime import timedelta

import numpy as np
from sqlalchemy import Engine

from include.key import Key
from include.ledger.runs import Run
from include.ledger.tables import rollups, signals
from include.monitoring_rollups.run import roll_up
from tests import rows
from tests.conftest import NOW

PRODUCT = rows.product(monitoring={"anomalies": ["requests", "errors"]})


def traffic(engine: Engine, days: float, until_days: float = 0.0, requests: int = 100) -> None:
    random = np.random.default_rng(1)
    steps = range(int(until_days * 144) + 1, int(days * 144) + 1)
    rows.put(engine, rollups, *({
        "product": "shop", "minute": NOW - n * timedelta(minutes=10), "version": "1.0.0", "route": "/", "errors": 0,
        "requests": requests + int(random.normal(0, 3)), "p50": 1.0, "p95": 1.0, "p99": 1.0, "durations": {}} for n in steps))


def roll(engine: Engine, hours: float, at: str) -> dict[str, object]:
    return roll_up(engine, PRODUCT, Run("monitoring_rollups", at, Key("shop"), NOW + timedelta(hours=hours)))


def test_one_signal_while_it_lasts(ledger: Engine) -> None:
    traffic(ledger, 8, 0.1)
    assert roll(ledger, -2.5, "a")["anomalies"] == {}
    traffic(ledger, 0.1, requests=10)
    found = roll(ledger, 0, "b")
    assert (found["anomalies"], found["publish"]) == ({"requests": "opened"}, ["shop"])
    [signal] = rows.get(ledger, signals)
    assert (signal["kind"], signal["severity"], signal["status"]) == ("anomaly", "low", "open")
    assert signal["title"].startswith("Tea shop: requests in ten minutes unusual at 2026-03-01")
    again = roll(ledger, 0.5, "c")
    assert (again["anomalies"], again["publish"]) == ({"requests": "open"}, [])
    assert roll(ledger, 26, "d")["anomalies"] in ({"requests": "resolved"}, {"requests": "open"})
    assert roll_up(ledger, rows.product(), Run("monitoring_rollups", "e", Key("shop"), NOW))["anomalies"] == {}
