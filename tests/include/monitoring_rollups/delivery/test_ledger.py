"""The delivery metrics of a product, from its ledger."""

from datetime import timedelta

from sqlalchemy import Engine

from include.key import Key
from include.ledger.engine import writing
from include.ledger.runs import Run
from include.ledger.tables import commits, delivery_metrics, rollups, signals
from include.monitoring_rollups.delivery.ledger import keep
from tests import rows
from tests.conftest import NOW

RUN = Run("monitoring_rollups", "night", Key.parse("shop"), NOW)
DAY = timedelta(days=1)


def commit(engine: Engine, sha: str, days: float, release: str, subject: str = "feat: a thing") -> None:
    rows.put(engine, commits, {"product": "shop", "sha": sha, "author": None, "at": NOW - days * DAY, "subject": subject,
                               "kind": subject.partition(":")[0].partition("(")[0], "breaking": False,
                               "release": f"shop|{release}"})


def test_from_the_ledger(ledger: Engine) -> None:
    for version in ("1.0.0", "1.1.0", "1.1.1"):
        rows.release(ledger, version)
    rows.deployment(ledger, "1.0.0", NOW - 30 * DAY, NOW - 30 * DAY)
    rows.deployment(ledger, "1.1.0", NOW - 10 * DAY, NOW - 10 * DAY, previous="1.0.0")
    rows.deployment(ledger, "1.1.1", NOW - 8 * DAY, NOW - 8 * DAY, previous="1.1.0")
    rows.deployment(ledger, "1.2.0", NOW - DAY, None, previous="1.1.1", status="running")
    commit(ledger, "a", 31, "1.0.0")
    commit(ledger, "b", 12, "1.1.0", "feat(checkout): coupons")
    commit(ledger, "c", 9, "1.1.1", "fix(checkout): coupons that add up")
    broke = NOW - 9.5 * DAY
    rows.put(ledger, rollups, {
        "product": "shop", "minute": broke, "version": "1.1.0", "route": "/checkout/{id}", "requests": 100, "errors": 40,
        "p50": 1.0, "p95": 1.0, "p99": 1.0, "durations": {}})
    rows.put(ledger, signals, {
        "fingerprint": "f", "product": "shop", "kind": "slo", "severity": "high", "title": "t", "status": "resolved",
        "detail": {"routes": [{"route": "/checkout/{id}", "version": "1.1.0", "errors": 40, "requests": 100}]},
        "release": "shop|1.1.0", "first_at": broke, "last_at": NOW - 8 * DAY})
    for _ in range(2):
        with writing(ledger) as connection:
            keep(connection, rows.product(), RUN)
    found = {row["metric"]: row for row in rows.get(ledger, delivery_metrics)}
    assert {name: (round(row["value"], 3), row["n"], row["band"]) for name, row in found.items()} == {
        "deployment_frequency": (round(3 / 90 * 7, 3), 3, "medium"), "lead_time": (24, 3, "high"),
        "change_fail_rate": (0.333, 3, "low"), "recovery_time": (36, 1, "medium"), "rework_rate": (0.333, 3, None)}
    [because] = found["change_fail_rate"]["evidence"]["incidents"]
    assert because["deployment"].startswith("1.1.0")
    assert because["confidence"] == 1 - 0.5 * 0.4 * 0.7
    assert found["lead_time"]["team"] == "team-shop"
    assert found["lead_time"]["band_of"] == "DORA 2024"
