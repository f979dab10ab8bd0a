"""Prometheus's HTTP API: a real one, and servers that are worse."""

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from include.key import Key
from include.ledger.runs import Result, Run
from include.ledger.tables import cursors, rollups, series_minutes
from include.monitoring_rollups.histogram import quantile
from include.monitoring_rollups.run import roll_up
from include.product import Product
from tests import rows
from tests.conftest import NOW
from tests.prometheus import installed, prometheus
from tests.server import Asked, Reply, serving

START = int((NOW - timedelta(hours=2)).timestamp())
RESET = 70  # the minute in which the shop's first process ended; the next one has counters of its own, from zero


def sample(name: str, labels: dict[str, str], minute: int, value: float) -> str:
    said = ",".join(f'{key}="{text}"' for key, text in labels.items())
    return f"{name}{{{said}}} {value:g} {START + 60 * minute}"


def history() -> str:
    """Two hours of a shop: 10 requests a minute to /teas, of which one fails; a process that restarts, and one that is new."""
    lines = ["# TYPE http_requests counter"]
    since = {minute: minute - (RESET if minute >= RESET else 0) for minute in range(121)}
    for code, each in (("200", 9), ("500", 1)):
        labels = {"instance": "a", "handler": "/teas/7", "code": code, "version": "1.0.0"}
        lines += [sample("http_requests_total", labels, minute, each * since[minute]) for minute in range(121)]
    labels = {"instance": "b", "handler": "/pay", "code": "200", "version": "1.1.0"}
    lines += [sample("http_requests_total", labels, minute, 5 * (minute - 99)) for minute in range(100, 121)]
    lines.append("# TYPE took histogram")
    for bound, share in (("0.1", 6), ("0.2", 9), ("+Inf", 10)):
        labels = {"instance": "a", "handler": "/teas/7", "version": "1.0.0", "le": bound}
        lines += [sample("took_bucket", labels, minute, share * since[minute]) for minute in range(121)]
    lines.append("# TYPE queue gauge")
    lines += [sample("queue", {"instance": name}, minute, minute + n) for n, name in enumerate("ab") for minute in range(121)]
    return "\n".join([*lines, "# EOF\n"])


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if not installed():
        assert not os.environ.get("CI"), "Prometheus is not installed"
        pytest.skip("Prometheus is not installed")
    with prometheus(tmp_path_factory.mktemp("prometheus"), history()) as found:
        yield found


def product(url: str, **fields: Any) -> Product:
    source = {"name": "prom", "kind": "prometheus", "url": url, "allow_hosts": ["127.0.0.1"], "back_hours": 2,
              "total_seconds": 60, "requests": {"counter": "http_requests_total", "route": "handler", "version": "version"}}
    return rows.product(monitoring={"sources": [source | fields]})


def roll(engine: Engine, product: Product, minute: float) -> Result:
    """A run two hours and `minute` minutes after the start of the history; with the lag, it reads all minutes before `minute`."""
    at = NOW + timedelta(minutes=minute - 120 + 1)
    return roll_up(engine, product, Run("monitoring_rollups", f"at {minute}", Key("shop"), at))


def counts(engine: Engine) -> dict[tuple[int, str, str], tuple[int, int]]:
    return {(int(row["minute"].timestamp() - START) // 60, row["version"], row["route"]): (row["requests"], row["errors"])
            for row in rows.get(engine, rollups)}


NEW = (99, "1.1.0", "/pay")  # what a counter shows when it is seen first counts, but for the first reading of all
EXPECTED = ({(minute, "1.0.0", "/teas/{id}"): (10, 1) for minute in range(120) if minute != RESET - 1}
            | {(minute, "1.1.0", "/pay"): (5, 0) for minute in range(99, 120)})


@pytest.mark.parametrize("minutes", [[120], [10, 11, 69, 70, 71, 99.5, 100, 120], [120, 130]])
def test_each_request_is_counted_once_in_its_minute(ledger: Engine, url: str, minutes: list[float]) -> None:
    shop = product(url, hours_at_once=1)
    results = [roll(ledger, shop, minute) for minute in minutes]
    expected = EXPECTED if minutes[0] < NEW[0] else {key: value for key, value in EXPECTED.items() if key != NEW}
    assert counts(ledger) == expected
    assert all("problems" not in result for result in results)
    assert sum(result["requests"] for result in results) == sum(requests for requests, _ in expected.values())
    assert roll(ledger, shop, 130.5)["requests"] == 0


def test_durations_and_other_series(ledger: Engine, url: str) -> None:
    shop = product(url, requests={"counter": "http_requests_total", "route": "handler", "version": "version",
                                  "durations": "took_bucket"}, series={"queue": "sum(queue)"})
    roll(ledger, shop, 50)
    roll(ledger, shop, 120)
    assert counts(ledger) == EXPECTED
    row = rows.get(ledger, rollups, route="/teas/{id}")[5]
    durations = {int(bucket): count for bucket, count in row["durations"].items()}
    assert sum(durations.values()) == 10
    assert 60 <= (quantile(durations, 0.5) or 0) <= 100  # six are spread over 0 to 100 ms
    assert 150 <= (quantile(durations, 0.9) or 0) <= 202
    assert quantile(durations, 1) == pytest.approx(200, rel=0.01)  # slower than the last bound: at least that
    queue = rows.get(ledger, series_minutes)
    assert [(row["series"], row["total"], row["n"]) for row in queue] == [("queue", 2.0 * n + 1, 1) for n in range(121)]


def test_a_query_that_prometheus_refuses(ledger: Engine, url: str) -> None:
    found = roll(ledger, product(url, requests={"counter": "sum by ("}), 120)
    assert "HTTP 400" in found["problems"]["prom"]
    assert "parse error" in found["problems"]["prom"]
    found = roll(ledger, product(url, requests=None, series={"queue": "queue"}), 119)
    assert found["problems"]["prom"] == "series 'queue' gives 2 series; sum() or max() makes one of them"
    assert rows.get(ledger, cursors)[0]["name"].startswith("access_log")


def matrix(*series: dict[str, Any], **fields: Any) -> Reply:
    return Reply({"status": "success", "data": {"resultType": "matrix", "result": list(series)}} | fields)


def values(asked: Asked, value: Any = "5", shift: float = 0) -> dict[str, Any]:
    return {"metric": {"code": "200"}, "values": [[int(asked.query["end"]) + shift, value]]}


@pytest.mark.parametrize(("answer", "problem"), [
    (lambda asked: Reply(b"<html>hello"), "no answer of Prometheus"),
    (lambda asked: Reply(b"[" * 100_000), "no answer of Prometheus"),
    (lambda asked: Reply({"status": "success", "data": {"resultType": "vector", "result": []}}), "resultType"),
    (lambda asked: matrix(values(asked, "-3")), "not that of a counter"),
    (lambda asked: matrix(values(asked, "1e300")), "not that of a counter"),
    (lambda asked: matrix(values(asked, "five")), "is no number"),
    (lambda asked: matrix(values(asked, shift=60)), "other times than those asked for"),
    (lambda asked: matrix(values(asked, shift=0.5)), "other times than those asked for"),
    (lambda asked: matrix(values(asked), warnings=["a store did not answer"]), "not whole: a store did not answer"),
    (lambda asked: matrix({"metric": {}, "histograms": [[1, {}]]}), "native histograms"),
    (lambda asked: matrix(*[{"metric": {"n": str(n)}, "values": []} for n in range(10_001)]), "at most 10000"),
    (lambda asked: Reply(b" " * 200_000), "larger than 100,000 bytes"),
    (lambda asked: Reply(b"", 404), "HTTP 404"),
])
def test_hostile_answers_are_refused(ledger: Engine, answer: Any, problem: str) -> None:
    with serving(answer) as server:
        found = roll(ledger, product(server.url, max_bytes=100_000 if "larger" in problem else 50_000_000), 120)
    assert problem in found["problems"]["prom"]
    assert (found["requests"], counts(ledger)) == (0, {})


def test_what_was_read_before_a_failure_counts_and_the_rest_comes_later(ledger: Engine) -> None:
    broken = [True]

    def answer(asked: Asked) -> Reply:
        if broken and int(asked.query["start"]) > START + 3600:
            return Reply({}, 503, {"Retry-After": "9999"})
        start, end = int(asked.query["start"]), int(asked.query["end"])
        return matrix({"metric": {"code": "200", "version": "1.0.0"},
                       "values": [[at, str((at - START) // 60)] for at in range(start, end + 1, 60)]})

    with serving(answer) as server:
        shop = product(server.url, hours_at_once=1)
        first = roll(ledger, shop, 120)
        assert "to wait 9999 s more" in first["problems"]["prom"]
        assert first["requests"] == 60
        broken.clear()
        assert roll(ledger, shop, 120.5)["requests"] == 60
        asked = [(int(item.query["start"]), int(item.query["end"])) for item in server.asked]
    assert asked == [(START, START + 3600), (START + 3660, START + 7200), (START + 3660, START + 7200)]
    assert set(counts(ledger).values()) == {(1, 0)}
    assert len(counts(ledger)) == 120


def test_a_private_address_is_refused_and_secrets_stay(ledger: Engine) -> None:
    with serving(lambda asked: matrix()) as server:
        found = roll(ledger, product(server.url, allow_hosts=[]), 120)
        assert "not public" in found["problems"]["prom"]
        assert server.asked == []


def test_another_source_goes_on(ledger: Engine, tmp_path: Path) -> None:
    csv = tmp_path / "requests.csv"
    csv.write_text(f"time,route\n{NOW:%Y-%m-%dT%H:%M:%SZ},/\n")
    shop = rows.product(monitoring={"sources": [
        {"name": "gone", "kind": "prometheus", "url": "http://127.0.0.1:9/", "requests": {"counter": "x"}},
        {"name": "file", "kind": "table", "path": str(csv), "columns": {"route": "route"}}]})
    found = roll(ledger, shop, 120)
    assert set(found["problems"]) == {"gone"}
    assert found["requests"] == 1


