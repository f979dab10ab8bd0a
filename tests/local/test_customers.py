"""The demo's customers: what they write follows from what the shop answers."""

import csv
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread

import pytest

from include.customer_support.tickets import ticket
from include.product import SCHEMA, read_product
from local.customers import SAMPLE, keep_using, use_shop, write_history, write_tickets
from local.sample.phrases import COUPON_FAILS, COUPON_WORKS, ERRORS
from tests.conftest import NOW

SHOP = SAMPLE.parent / "shop"
FIX = SAMPLE.parent / "fix"


def reviews(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(params=["flawed", "mended"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """The sample shop on a free port, with its flaw or without: (which, url)."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    paths = [str(FIX)] * (request.param == "mended") + [str(SHOP)]
    start = "import sys; sys.path[:0] = sys.argv.pop(1).split(':'); from shop import main; main()"
    process = subprocess.Popen([sys.executable, "-P", "-c", start, ":".join(paths), "--port", str(port)],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=tmp_path)
    try:
        _wait_for(port)
        yield request.param, f"http://127.0.0.1:{port}"
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()


def _wait_for(port: int) -> None:
    for _ in range(100):
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("the shop did not start")


def test_the_sample_has_voices_about_everything_in_two_languages() -> None:
    rows = reviews(SAMPLE)
    topics = Counter(row["topic"] for row in rows)
    assert len({row["id"] for row in rows}) == len({row["text"] for row in rows}) == len(rows) == 70
    assert topics["coupon"] >= 10 and all(topics[topic] >= 7 for topic in ("delivery", "gift", "search", "hours", "praise"))
    korean = [row for row in rows if any("가" <= letter <= "힣" for letter in row["text"])]
    assert 25 <= len(korean) <= 45
    assert all(0 < float(row["days_ago"]) < 21 for row in rows) and not any(None in row for row in rows)


def test_the_history_is_written_once(tmp_path: Path) -> None:
    path = tmp_path / "demo" / "reviews.csv"
    write_history(path, NOW)
    rows = reviews(path)
    assert list(rows[0]) == ["id", "text", "written_at", "author", "rating"] and len(rows) == 70
    times = [datetime.fromisoformat(row["written_at"]) for row in rows]
    assert times == sorted(times) and NOW - timedelta(days=21) < times[0] and times[-1] < NOW
    before = path.read_bytes()
    write_history(path, NOW + timedelta(days=1))
    assert path.read_bytes() == before


def test_customers_complain_about_coupons_only_where_they_fail(shop: tuple[str, str], tmp_path: Path) -> None:
    which, url = shop
    path = tmp_path / "reviews.csv"
    write_history(path, NOW)
    counts = use_shop(url, path, customers=60, seed=7)
    assert (counts["requests"], counts["failed"]) == (300, 0)
    assert counts["complaints"] == 0 if which == "mended" else 5 <= counts["complaints"] <= 30
    assert counts["praise"] >= 1 if which == "mended" else counts["praise"] == 0
    fresh = reviews(path)[70:]
    assert len(fresh) == counts["complaints"] + counts["praise"] + counts["unrelated"]
    assert len({row["id"] for row in fresh}) == len(fresh)
    assert all(abs(datetime.fromisoformat(row["written_at"]) - datetime.now(UTC)) < timedelta(minutes=5) for row in fresh)
    again = use_shop(url, path, customers=60, seed=7)
    assert again == counts and [row["text"] for row in reviews(path)[70 + len(fresh):]] == [row["text"] for row in fresh]


def test_a_shop_that_is_down_makes_customers_complain_of_errors(tmp_path: Path) -> None:
    path = tmp_path / "reviews.csv"
    write_history(path, NOW)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # bound but not listening: refused
        counts = use_shop(f"http://127.0.0.1:{free.getsockname()[1]}", path, customers=20, seed=1)
    assert counts["failed"] == counts["requests"] == 100 and counts["complaints"] > 0
    assert not any("coupon" in row["text"].lower() for row in reviews(path)[70:] if row["rating"] == "1")


@pytest.mark.parametrize("shop", ["flawed"], indirect=True)
def test_steady_use_keeps_its_pace_and_stops(shop: tuple[str, str], tmp_path: Path) -> None:
    path, done, counts = tmp_path / "reviews.csv", Event(), {}
    write_history(path, NOW)
    using, begun = Thread(target=lambda: counts.update(keep_using(shop[1], path, 40, done, seed=3))), time.monotonic()
    using.start()
    time.sleep(2)
    done.set()
    using.join(timeout=60)
    assert not using.is_alive()
    assert 20 <= counts["requests"] <= 40 * (time.monotonic() - begun) + 15 and counts["failed"] == 0


def test_every_phrase_can_be_written() -> None:
    for phrases in (COUPON_FAILS, ERRORS, COUPON_WORKS):
        assert set(phrases) == {"en", "ko"}
        assert all("{" not in part.format(code="X") for parts in phrases.values() for choices in parts for part in choices)


def test_sample_tickets_are_tickets_of_the_shops_desk(tmp_path: Path) -> None:
    path = tmp_path / "tickets.csv"
    write_tickets(path, NOW)
    before = path.read_bytes()
    write_tickets(path, NOW + timedelta(days=1))
    assert path.read_bytes() == before
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    support = read_product(SCHEMA.parent / "shop.yaml").support
    assert support is not None
    [source] = support.sources
    assert set(source.columns.names()) <= rows[0].keys()
    tickets = [ticket(row, source, support.statuses, "shop", NOW, b"secret") for row in rows]
    assert {row["language"] for row in tickets} == {"en", "ko"}
    assert {row["status"] for row in tickets} == {"open", "waiting", "resolved"}
    assert all(row["created_at"] < NOW for row in tickets)
