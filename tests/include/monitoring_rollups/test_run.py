"""A run of monitoring: each request counted once, one signal while a budget burns."""

import os
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from sqlalchemy import Engine

from include import environment
from include.errors import InputError
from include.key import Key
from include.ledger.runs import Result, Run
from include.ledger.tables import cursors, rollups, signals, slo_status
from include.monitoring_rollups.run import roll_up
from include.product import Product
from tests import rows
from tests.conftest import NOW
from tests.crash import ledger_after_kills
from tests.include.monitoring_rollups.log import line
from tests.include.monitoring_rollups.test_openslo import SHOP, changed

DAY = timedelta(days=1)
PRODUCT = rows.product(slo=str(SHOP))


def run_at(minute: int, key: str = "shop") -> Run:
    return Run("monitoring_rollups", f"run-{minute}", Key.parse(key), NOW + timedelta(minutes=minute))


def log(lines: Iterable[bytes]) -> None:
    path = environment.access_log("shop")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.writelines(lines)


def requests(minute: int, count: int, errors: int = 0, path: str = "/teas") -> list[bytes]:
    at = int((NOW + timedelta(minutes=minute)).timestamp() * 1000)
    return [line(at=at + n, path=path, status=500 if n < errors else 200, ms=n) for n in range(count)]


def roll(engine: Engine, minute: int, product: Product = PRODUCT, key: str = "shop") -> Result:
    return roll_up(engine, product, run_at(minute, key))


def test_nothing_deployed_is_nothing_wrong(ledger: Engine) -> None:
    result = roll(ledger, 0)
    assert (result["publish"], result["requests"], result["sli"]) == ([], 0, None)
    assert roll(ledger, 1, rows.product())["publish"] == []


def test_each_request_is_counted_once(ledger: Engine) -> None:
    log([*requests(0, 60), b"torn"])
    first = roll(ledger, 0)
    assert (first["requests"], first["malformed"]) == (60, 0)
    assert roll(ledger, 0) == first
    log([b" line\n", *requests(0, 40, errors=4)])
    second = roll(ledger, 1, key="shop|1.0.0")
    assert (second["requests"], second["malformed"]) == (40, 1)
    [row] = rows.get(ledger, rollups)
    assert (row["minute"], row["version"], row["route"], row["requests"], row["errors"]) == (NOW, "1.0.0", "/teas", 100, 4)
    assert sum(row["durations"].values()) == 100
    assert row["p99"] == pytest.approx(58, rel=0.01)
    assert roll(ledger, 2)["requests"] == 0
    [cursor] = rows.get(ledger, cursors)
    assert cursor["value"]["offset"] == environment.access_log("shop").stat().st_size


def test_a_burning_budget_is_one_signal_until_it_stops(ledger: Engine) -> None:
    rows.release(ledger, "1.0.0", status="deployed")
    log(requests(0, 100))
    quiet = roll(ledger, 0)
    assert (quiet["publish"], quiet["signal"], quiet["budget_left"]) == ([], None, 1.0)

    log([*requests(10, 80, errors=40, path="/checkout/7"), *requests(10, 20, errors=1)])
    burning = roll(ledger, 11)
    assert (burning["publish"], burning["signal"]) == (["shop"], "opened")
    assert burning["sli"] == pytest.approx(1 - 41 / 200)
    [signal] = rows.get(ledger, signals)
    assert (signal["status"], signal["severity"], signal["kind"], signal["release"]) == ("open", "high", "slo", "shop|1.0.0")
    assert signal["title"] == ("Tea shop: 20.5 % of 200 requests failed within an hour, most at /checkout/{id}; the error budget "
                               "of shop-availability burns 20.5 times too fast")
    assert signal["detail"]["routes"][0] == {"route": "/checkout/{id}", "version": "1.0.0", "errors": 40, "requests": 80}

    log(requests(12, 50, errors=40))
    still = roll(ledger, 13)
    assert (still["publish"], still["signal"]) == ([], "open")

    assert roll(ledger, 100)["signal"] == "open"  # nobody comes: nothing says that it is over
    log(requests(200, 100))
    over = roll(ledger, 201)
    assert (over["publish"], over["signal"]) == ([], "resolved")
    [signal] = rows.get(ledger, signals)
    assert (signal["status"], signal["first_at"]) == ("resolved", NOW + timedelta(minutes=11))
    assert rows.types(ledger) == ["incident.detected", "incident.resolved"]

    log(requests(300, 100, errors=50))
    assert roll(ledger, 301)["publish"] == ["shop"]
    assert sorted(row["requests"] for row in rows.get(ledger, slo_status)) == [100, 200, 250, 250, 350, 450]


@pytest.mark.shared
def test_its_events_are_valid(ledger: Engine) -> None:
    log(requests(0, 100, errors=50))
    roll(ledger, 0)
    log(requests(100, 100))
    roll(ledger, 100)
    assert len(rows.types(ledger)) == 2
    assert rows.trail_problems(ledger) == []


def test_two_runs_within_a_minute(ledger: Engine) -> None:
    log(requests(0, 100))
    first = Run("monitoring_rollups", "a", Key("shop"), NOW + timedelta(seconds=10))
    second = Run("monitoring_rollups", "b", Key("shop"), NOW + timedelta(seconds=50))
    assert roll_up(ledger, PRODUCT, first)["signal"] is None
    log(requests(0, 100, errors=60))
    assert roll_up(ledger, PRODUCT, second)["signal"] == "opened"


def test_an_slo_that_is_gone(ledger: Engine, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.yml"):
        roll(ledger, 0, rows.product(slo=str(tmp_path / "gone.yml")))


def test_a_hostile_path_stays_text(ledger: Engine) -> None:
    log(requests(0, 100, errors=90, path="/<img src=x onerror=alert(1)>\n\u202e" + "a" * 400))
    roll(ledger, 0)
    [signal] = rows.get(ledger, signals)
    assert "\n" not in signal["title"]
    assert "\u202e" not in signal["title"]
    assert len(signal["title"]) < 300


def prepare(engine: Engine, folder: Path) -> None:
    os.environ["CLOSED_LOOP_HOME"] = str(folder / "home")
    log([*requests(0, 100, errors=50), *requests(1, 10, path="/other"), b"malformed\n"])
    roll(engine, 0)
    log(requests(0, 30, errors=5))


def scenario(engine: Engine, folder: Path) -> Result:
    os.environ["CLOSED_LOOP_HOME"] = str(folder / "home")
    return roll(engine, 2)


def test_a_kill_counts_nothing_twice(migrated: Path, tmp_path: Path) -> None:
    assert ledger_after_kills(migrated, tmp_path, f"{__name__}:scenario", at_most=12, ignore=("leases", "cursors.value")) == 12



def test_slow_requests_spend_the_budget_of_a_threshold(ledger: Engine, tmp_path: Path) -> None:
    metric = {"metricSource": {"type": "ClosedLoop", "spec": {"query": "duration"}}}
    path = changed(tmp_path, "spec.indicator.spec", {"thresholdMetric": metric})
    content = yaml.safe_load(path.read_text())
    content["spec"]["objectives"] = [{"op": "lte", "value": 300, "target": 0.9}]
    path.write_text(yaml.safe_dump(content))
    product = rows.product(slo=str(path), monitoring={"alert_on": "ticket"})
    log([*requests(0, 100), *(line(at=int(NOW.timestamp() * 1000), ms=900) for _ in range(40))])
    found = roll(ledger, 0, product)
    assert found["sli"] == pytest.approx(100 / 140)
    assert found["signal"] == "opened"  # 28.6 % are bad, 2.9 times what the budget allows for: a ticket
    [signal] = rows.get(ledger, signals)
    assert signal["severity"] == "medium"
    assert signal["title"] == ("Tea shop: 28.6 % of 140 requests took longer than 300 ms within 72 hours; the error budget of "
                               "shop-availability burns 2.9 times too fast")
    assert roll(ledger, 1, rows.product(slo=str(path)))["burn_rate"] == pytest.approx(40 / 140 / 0.1)
