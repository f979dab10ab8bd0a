"""The demo's customers: they use the tea shop over HTTP, and write reviews that follow from what it really answers them."""

import csv
import io
import json
import os
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import urlsplit

from local.sample.phrases import COUPON_FAILS, COUPON_WORKS, ERRORS, Phrases

SAMPLE = Path(__file__).parent / "sample" / "voices.csv"
TICKETS = Path(__file__).parent / "sample" / "tickets.csv"
HEADER = ("id", "text", "written_at", "author", "rating")
TEAS = ("sencha", "sejak", "barley", "omija", "yuja", "earl-grey")
COUPON = "TEA10"
TIMEOUT = 5.0  # seconds that a customer waits for an answer
# How many of those who met something write about it.
COMPLAIN, PRAISE, UNRELATED = 0.4, 0.04, 0.01

Pace = Callable[[], None]

@dataclass
class Visit:
    """What one customer met: `discounted` is None where no coupon was tried."""

    requests: int = 0
    failed: int = 0
    discounted: bool | None = None


def write_history(csv_path: Path, now: datetime, complaints: int = 0) -> None:
    """The reviews of the three weeks before `now`, from sample/voices.csv, with so many more `complaints` about the shop's flaw
    in the words of those who meet it later. A file that is there already stays as it is."""
    if csv_path.exists():
        return
    csv_path.parent.mkdir(parents=True, exist_ok=True)
    rows = [(row["id"], row["text"], now - timedelta(days=float(row["days_ago"])), row["author"], row["rating"])
            for row in _sample()]
    chance = random.Random(1)  # noqa: S311  # a simulation, no secret
    rows += [(f"c{number}", _text(COUPON_FAILS, chance), now - timedelta(days=chance.uniform(0.5, 20)),
              f"guest{number:04}@example.com", chance.choice("12")) for number in range(complaints)]
    fresh = csv_path.with_suffix(".new")
    fresh.write_bytes(_lines([HEADER]) + _lines([(id_, text, at.isoformat(timespec="seconds"), author, rating)
                                                 for id_, text, at, author, rating in rows]))
    fresh.rename(csv_path)


def write_tickets(csv_path: Path, now: datetime) -> None:
    """The desk's tickets of the two weeks before `now`, from sample/tickets.csv. A file that is there already stays as it is."""
    if csv_path.exists():
        return
    csv_path.parent.mkdir(parents=True, exist_ok=True)
    with TICKETS.open(encoding="utf-8", newline="") as file:
        rows = [_ticket(row, now) for row in csv.DictReader(file)]
    fresh = csv_path.with_suffix(".new")
    fresh.write_bytes(_lines([tuple(rows[0])]) + _lines([tuple(row.values()) for row in rows]))
    fresh.rename(csv_path)


def _ticket(row: dict[str, str], now: datetime) -> dict[str, str]:
    """A sample ticket with times in place of its hours: hours ago that it was made, and hours after that."""
    made = now - timedelta(hours=float(row.pop("hours_ago")))
    times = {"created_at": "0", "first_response_at": row.pop("first_hours"), "resolved_at": row.pop("resolved_hours")}
    return row | {name: (made + timedelta(hours=float(hours))).isoformat(timespec="seconds") if hours else ""
                  for name, hours in times.items()}


def use_shop(url: str, csv_path: Path, customers: int, seed: int, pace: Pace = lambda: None) -> dict[str, int]:
    """Let `customers` people use the shop at `url` (http://host:port), five requests each, and append what they write to a
    file that `write_history` made.

    Returns how many `requests`, `failed` requests, `complaints`, `praise` and `unrelated` reviews there were. What they do
    and write follows from `seed` and from what the shop answers; ids and times are new each time.
    """
    chance = random.Random(seed)  # noqa: S311  # a simulation, no secret
    counts = Counter(requests=0, failed=0, complaints=0, praise=0, unrelated=0)
    for _ in range(customers):
        visit = _visit(url, chance, pace)
        counts.update(requests=visit.requests, failed=visit.failed)
        if written := _review(visit, chance):
            kind, text, rating = written
            counts[kind] += 1
            _append(csv_path, text, f"guest{chance.randrange(10_000):04}@example.com", rating)
    return dict(counts)


def keep_using(url: str, csv_path: Path, rate: float, done: Event, seed: int | None = None) -> dict[str, int]:
    """Customers one after another, `rate` requests a second (fewer where the shop is slower), until `done` is set."""
    due = time.monotonic()

    def pace() -> None:
        nonlocal due
        due = max(due + 1 / rate, time.monotonic())
        done.wait(due - time.monotonic())

    total: Counter[str] = Counter()
    number = time.time_ns() if seed is None else seed
    while not done.is_set():
        total.update(use_shop(url, csv_path, 1, number, pace))
        number += 1
    return dict(total)


def _visit(url: str, chance: random.Random, pace: Pace) -> Visit:
    """Look at the teas, price one, price it with the coupon, look around a little more."""
    visit, tea = Visit(), chance.choice(TEAS)
    for target in ("/teas", f"/checkout?tea={tea}", f"/checkout?tea={tea}&coupon={COUPON}", "/teas",
                   f"/checkout?tea={chance.choice(TEAS)}"):
        pace()
        answer = _get(url, target)
        visit.requests += 1
        visit.failed += answer is None
        if "coupon" in target and answer is not None:
            visit.discounted = answer["discount"] > 0
    return visit


def _get(url: str, target: str) -> Any:
    """The JSON that the shop answers; None where the request failed."""
    address = urlsplit(url)
    connection = HTTPConnection(address.hostname or "127.0.0.1", address.port, timeout=TIMEOUT)
    try:
        connection.request("GET", target)
        response = connection.getresponse()
        body = response.read()
        return json.loads(body) if response.status == 200 else None
    except (OSError, HTTPException):
        return None
    finally:
        connection.close()


def _review(visit: Visit, chance: random.Random) -> tuple[str, str, str] | None:
    """What the customer writes, if anything: its kind, the text, the rating."""
    luck = chance.random()
    if luck < UNRELATED:
        other = chance.choice([row for row in _sample() if row["topic"] != "coupon"])
        return "unrelated", other["text"], other["rating"]
    luck = chance.random()
    if visit.failed and luck < COMPLAIN:
        return "complaints", _text(ERRORS, chance), "1"
    if visit.discounted is False and luck < COMPLAIN:
        return "complaints", _text(COUPON_FAILS, chance), chance.choice("12")
    if visit.discounted and luck < PRAISE:
        return "praise", _text(COUPON_WORKS, chance), "5"
    return None


def _text(parts: Phrases, chance: random.Random) -> str:
    text = "".join(chance.choice(part) for part in parts[chance.choice(("en", "ko"))]).format(code=COUPON)
    return text[0].upper() + text[1:]


def _append(csv_path: Path, text: str, author: str, rating: str) -> None:
    """Add one review in one write, so that a reader never sees half of one."""
    written_at = datetime.now(UTC).isoformat(timespec="milliseconds")
    file = os.open(csv_path, os.O_WRONLY | os.O_APPEND)
    try:
        os.write(file, _lines([(f"w{time.time_ns():x}{os.urandom(2).hex()}", text, written_at, author, rating)]))
    finally:
        os.close(file)


def _lines(rows: list[tuple[str, ...]]) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue().encode()


def _sample() -> list[dict[str, str]]:
    with SAMPLE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
