"""What every source promises, and all of them at once through a whole run of the phase."""

import itertools
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from include import inbox
from include.artifacts import Artifacts
from include.connection import Connections, no_connections
from include.errors import InputError
from include.key import Key
from include.ledger.runs import Result, Run
from include.ledger.tables import inbox as inbox_table
from include.ledger.tables import intakes, quarantine, voices
from include.product import Product
from include.redaction import author_hash
from include.voc_aggregation.run import aggregate
from include.voc_aggregation.sources import opened
from include.voc_aggregation.sources.source import Chunk, Cursor
from tests.conftest import NOW
from tests.crash import ledger_after_kills
from tests.include.voc_aggregation.sources import channels
from tests.include.voc_aggregation.sources.channels import Channel
from tests.rows import get, product

KINDS = ("file", "bucket", "database", "http", "mailbox")
_NUMBERS = itertools.count(1)
COUPON = ["The coupon isn't applied at checkout", "쿠폰이 적용되지 않아요", "Coupon code SPRING does not work when I pay",
          "결제할 때 쿠폰 적용이 안 돼요", "my coupon is not accepted"]


@contextmanager
def channel(kind: str, request: pytest.FixtureRequest, folder: Path) -> Iterator[Channel]:
    """A channel of this kind with nothing in it."""
    made = {"file": lambda: channels.file(folder), "bucket": lambda: channels.bucket(request.getfixturevalue("s3")),
            "database": lambda: channels.database(folder), "http": channels.http,
            "mailbox": lambda: channels.mailbox(request.getfixturevalue("dovecot"), f"all{next(_NUMBERS)}")}
    with made[kind]() as found:
        yield found


@pytest.fixture(params=KINDS)
def one(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Channel]:
    with channel(request.param, request, tmp_path) as found:
        yield found


def connections(*all_of: Channel) -> Connections:
    known = {name: found for each in all_of for name, found in [(name_of(each), each.connection)] if found}
    return lambda name: known[name] if name in known else no_connections(name)


def name_of(channel: Channel) -> str:
    return str(channel.source.get("connection") or channel.source.get("auth", {}).get("connection"))


def shop(*all_of: Channel) -> Product:
    return product(voices={"sources": [each.source for each in all_of]})


def news(one: Channel, cursor: Cursor | None = None) -> list[Chunk]:
    [source] = shop(one).voices.sources
    return list(opened(source, NOW, connections(one)).news(cursor))


def texts(one: Channel, chunks: list[Chunk]) -> list[str]:
    [source] = shop(one).voices.sources
    return [str(text).strip() for chunk in chunks for text in chunk.frame[source.columns.names()[0]]]


def last(chunks: list[Chunk]) -> Cursor | None:
    return next((chunk.cursor for chunk in reversed(chunks) if chunk.cursor is not None), None)


def test_everything_first_then_news(one: Channel) -> None:
    for number in range(3):
        one.put(number, f"text {number}")
    first = news(one)
    assert texts(one, first) == ["text 0", "text 1", "text 2"]
    places = [place for chunk in first for place in chunk.frame["place"]]
    assert len(set(places)) == 3
    assert last(first) is not None
    one.put(3, "text 3")
    assert "text 3" in texts(one, news(one, last(first)))
    assert texts(one, news(one)) == ["text 0", "text 1", "text 2", "text 3"]


def test_a_channel_that_is_down_is_named_and_tells_no_secret(one: Channel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.http_client.FIRST_WAIT", 0.01)
    one.put(1, "text")
    one.down()
    with pytest.raises(InputError) as error:
        news(one)
    assert "secret" not in str(error.value)
    assert "token" not in str(error.value)


def hear(ledger: Engine, artifacts: Artifacts, number: int, *all_of: Channel) -> Result:
    run = Run("voc_aggregation", f"run{number}", Key("shop"), NOW)
    return aggregate(ledger, shop(*all_of), run, artifacts, b"secret", connections(*all_of))


def test_fetched_at_least_once_stored_exactly_once(one: Channel, ledger: Engine, artifacts: Artifacts) -> None:
    one.put(1, "The coupon fails")
    name = one.source["name"]
    assert hear(ledger, artifacts, 1, one)["sources"][name]["stored"] == 1
    again = hear(ledger, artifacts, 2, one)
    assert (again["sources"][name]["stored"], again["publish"]) == (0, [])
    one.put(2, "Delivery was late")
    assert one.spoil is not None
    one.spoil()
    counts = hear(ledger, artifacts, 3, one)["sources"][name]
    assert counts["stored"] == 1
    assert counts["read"] == counts["stored"] + counts["duplicates"] + counts["quarantined"]
    if name != "calls":  # what is changed in a table under an old time is not asked for again
        [row] = get(ledger, quarantine)
        assert row["place"]
        assert row["reason"]
    assert {row["text"] for row in get(ledger, voices)} == {"The coupon fails", "Delivery was late"}


def test_five_channels_at_once_and_one_of_them_broken(request: pytest.FixtureRequest, tmp_path: Path, ledger: Engine,
                                                      artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch) -> None:
    """The API is down on the first night: the others are heard, it says why, and it catches up on the second night."""
    monkeypatch.setattr("include.http_client.FIRST_WAIT", 0.01)
    with ExitStack() as stack:
        five = [stack.enter_context(channel(kind, request, tmp_path)) for kind in KINDS]
        for number, each in enumerate(five):
            each.put(number, COUPON[number])
            each.put(number + 10, f"call me at 010-1234-567{number}")
        sent = [inbox.Sent(text="쿠폰 오류", id="w1", author="Kim@example.com", version="1.1.0"),
                inbox.Sent(text="no rating scale", rating=5)]
        inbox.receive(ledger, "shop", sent, b"secret", NOW)
        five[3].down()
        first = hear(ledger, artifacts, 1, *five)
        assert first["publish"] == ["shop"]
        errors = {name: counts["error"] for name, counts in first["sources"].items()}
        assert {name for name, error in errors.items() if error} == {"issues"}
        assert "HTTP 502, 5 times" in errors["issues"]
        assert {name: counts["stored"] for name, counts in first["sources"].items()} == {
            "file": 2, "bucket": 2, "calls": 2, "issues": 0, "mails": 2, "intake": 2, "operations": 0}
        assert first["themes"]["created"] >= 1
        assert get(ledger, inbox_table) == []
        [widget] = get(ledger, voices, external_id="w1")
        assert (widget["source"], widget["author"]) == ("intake", author_hash("kim@example.com", b"secret"))
        assert widget["version"] == "1.1.0"
        assert five[3].heal is not None
        five[3].heal()
        second = hear(ledger, artifacts, 2, *five)
        assert second["sources"]["issues"] == {"read": 2, "stored": 2, "duplicates": 0, "quarantined": 0, "error": None}
        assert sum(counts["stored"] for counts in second["sources"].values()) == 2
    stored = get(ledger, voices)
    assert len(stored) == 12
    assert sum("[phone]" in row["text"] for row in stored) == 5
    for row in get(ledger, intakes):
        assert row["read"] == row["stored"] + row["duplicates"] + row["quarantined"]


def prepare(engine: Engine, folder: Path) -> None:
    with channels.file(folder) as one:
        one.put(1, COUPON[0])
    inbox.receive(engine, "shop", [inbox.Sent(text=text, id=text) for text in COUPON], b"secret", NOW)


def scenario(engine: Engine, folder: Path) -> Result:
    with channels.file(folder) as one:
        return hear(engine, Artifacts(str(folder / "artifacts")), 1, one)


def warm() -> Any:
    from include.voc_aggregation.contract import Contract

    return Contract((1, 5), NOW)


def test_a_kill_leaves_nothing_in_the_inbox_and_stores_it_once(migrated: Path, tmp_path: Path) -> None:
    assert ledger_after_kills(migrated, tmp_path, f"{__name__}:scenario", at_most=4) == 4
