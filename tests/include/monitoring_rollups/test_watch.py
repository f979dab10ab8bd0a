"""The product's own series, watched."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Engine

from include.key import Key
from include.ledger.runs import Run
from include.ledger.tables import delivery_metrics, rollups, series_minutes, signals
from include.monitoring_rollups.run import roll_up
from tests import rows
from tests.conftest import NOW
from tests.include.monitoring_rollups.test_openslo import SHOP

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


def test_a_level_that_changed_with_a_deployment_points_to_it(ledger: Engine) -> None:
    began = NOW - timedelta(hours=12)
    rows.deployment(ledger, "1.0.0", NOW - timedelta(days=6), NOW - timedelta(days=6))
    rows.deployment(ledger, "1.1.0", began, began + timedelta(minutes=5), previous="1.0.0")
    rows.deployment(ledger, "1.1.1", NOW - timedelta(hours=2), NOW - timedelta(hours=2), previous="1.1.0")
    traffic(ledger, 8, 0.5)
    traffic(ledger, 0.5, requests=60)
    assert roll(ledger, 0, "a")["anomalies"] == {"requests": "opened"}
    [signal] = rows.get(ledger, signals)
    assert signal["release"] == "shop|1.1.0"
    assert signal["detail"]["why"][0].startswith("the level changed at 2026-03-01 1")
    assert signal["detail"]["confidence"] == 0.65
    metrics = {row["metric"]: row["value"] for row in rows.get(ledger, delivery_metrics)}
    assert metrics["change_fail_rate"] == 0  # what is unusual harms nobody yet


def test_a_level_that_changed_with_none_points_to_none(ledger: Engine) -> None:
    rows.deployment(ledger, "1.0.0", NOW - timedelta(days=3), NOW - timedelta(days=3))
    traffic(ledger, 8, 0.5)
    traffic(ledger, 0.5, requests=60)
    roll(ledger, 0, "a")
    [signal] = rows.get(ledger, signals)
    assert signal["release"] is None
    assert "why" in signal["detail"]
    assert signal["detail"]["confidence"] == 0


def test_series_of_sources_are_watched(ledger: Engine) -> None:
    product = rows.product(monitoring={"anomalies": ["queue"], "sources": [
        {"name": "page", "kind": "openmetrics", "url": "http://127.0.0.1:9/", "series": {"queue": {"sample": "queue"}}}]})
    random = np.random.default_rng(2)
    rows.put(ledger, series_minutes, *({
        "product": "shop", "series": "queue", "minute": NOW - n * timedelta(minutes=10), "n": 2,
        "total": 2 * (5 + random.normal(0, 0.3) + (20 if n < 12 else 0))} for n in range(1, 8 * 144)))
    found = roll_up(ledger, product, Run("monitoring_rollups", "a", Key("shop"), NOW))
    assert found["anomalies"] == {"queue": "opened"}
    [signal] = rows.get(ledger, signals)
    assert signal["title"].startswith("Tea shop: queue unusual at 2026-03-02 0")


@pytest.mark.parametrize("slo", [SHOP, None])
def test_errors_that_burn_a_budget_have_their_signal_already(ledger: Engine, slo: Path | None) -> None:
    random = np.random.default_rng(3)
    rows.put(ledger, rollups, *({
        "product": "shop", "minute": NOW - n * timedelta(minutes=10), "version": "1.0.0", "route": "/", "requests": 500,
        "errors": int(random.binomial(500, 0.3 if n < 8 else 0.002)), "p50": 1.0, "p95": 1.0, "p99": 1.0, "durations": {}}
        for n in range(1, 8 * 144)))
    product = rows.product(slo=slo and str(slo), monitoring={"anomalies": ["errors"]})
    found = roll_up(ledger, product, Run("monitoring_rollups", "a", Key("shop"), NOW))
    assert found["anomalies"] == ({} if slo else {"errors": "opened"})
    assert [row["kind"] for row in rows.get(ledger, signals)] == ["slo" if slo else "anomaly"]
