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


def test_a_rollback_is_recovery_and_no_deployment(ledger: Engine) -> None:
    """1.2.0 was tried twice; the rollback that failed changes nothing, the one that succeeded takes back the second try."""
    hour = DAY / 24
    for version in ("1.0.0", "1.1.0", "1.2.0", "1.2.1"):
        rows.release(ledger, version)
    rows.deployment(ledger, "1.0.0", NOW - 60 * DAY, NOW - 60 * DAY, kind="canary")
    rows.deployment(ledger, "1.1.0", NOW - 40 * DAY, NOW - 40 * DAY, previous="1.0.0", kind="canary")
    rows.deployment(ledger, "1.2.0", NOW - 12 * DAY, NOW - 12 * DAY + hour, previous="1.1.0", status="rolled_back", kind="canary")
    rows.deployment(ledger, "1.2.0", NOW - 10 * DAY, NOW - 10 * DAY + hour, previous="1.1.0", kind="canary")
    rows.deployment(ledger, "1.0.0", NOW - 9 * DAY, NOW - 9 * DAY, previous="1.2.0", status="failed", kind="rollback", by="kim")
    rows.deployment(ledger, "1.1.0", NOW - 8 * DAY, NOW - 8 * DAY + hour, previous="1.2.0", kind="rollback", by="kim")
    rows.deployment(ledger, "1.2.1", NOW - 6 * DAY, NOW - 6 * DAY + hour, previous="1.1.0", kind="blue_green")
    commit(ledger, "a", 61, "1.0.0")
    commit(ledger, "b", 41, "1.1.0")
    commit(ledger, "c", 13, "1.2.0")
    commit(ledger, "d", 7, "1.2.1", "fix: the thing")
    with writing(ledger) as connection:
        keep(connection, rows.product(), RUN)
    found = {row["metric"]: row for row in rows.get(ledger, delivery_metrics)}
    assert {name: (round(row["value"], 3), row["n"]) for name, row in found.items()} == {
        "deployment_frequency": (round(4 / 90 * 7, 3), 4), "lead_time": (24.5, 4), "change_fail_rate": (0.4, 5),
        "recovery_time": (25, 2), "rework_rate": (0.25, 4)}  # an hour of the canary's, two days and an hour until the rollback
    assert all("rollback" in found[name]["definition"] for name in ("deployment_frequency", "change_fail_rate", "rework_rate"))
