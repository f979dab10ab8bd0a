"""The intake endpoint, over real HTTP: uvicorn on loopback, the ledger behind it."""

import json
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from sqlalchemy import Engine

from include import inbox, intake_api
from include.connection import Connection
from include.errors import InputError
from include.ledger.tables import inbox as table
from include.redaction import author_hash
from tests.conftest import NOW
from tests.rows import get

PAGE = "https://shop.example"
TOKENS = {"intake_shop": "secret", "intake_tea_house": "other", "intake_empty": None}


class Endpoint:
    """The endpoint on a port of its own; `woken` are the products that it woke the loop for."""

    def __init__(self, ledger: Engine) -> None:
        self.woken, self.now = list[str](), NOW
        api = intake_api.app(lambda: ledger, self._connection, lambda: b"key", self.woken.append, lambda: self.now)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.server = uvicorn.Server(uvicorn.Config(api, host="127.0.0.1", port=self.port, log_level="error", ws="none",
                                                    lifespan="off"))

    def _connection(self, name: str) -> Connection:
        if name not in TOKENS:
            raise InputError(name)
        return Connection("generic", password=TOKENS[name])

    def post(self, value: Any, product: str = "shop", token: str | None = "secret") -> tuple[int, Any]:  # noqa: S107 - a test's
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/{product}", body, headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                self.headers = error.headers
                return error.code, json.load(error)["detail"]


    def ask(self, method: str, product: str = "shop", body: bytes | None = None, **headers: str) -> tuple[int, Any]:
        """The status and headers of a request as a browser sends it."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/{product}", body, named, method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.headers
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers


@pytest.fixture
def endpoint(ledger: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    for name in ("shop", "tea-house", "empty", "closed"):
        (tmp_path / f"{name}.yaml").write_text(f"name: {name}\ntitle: T\nowner: o\n")
    with (tmp_path / "shop.yaml").open("a") as file:
        file.write(f"voices: {{intake_origins: [{PAGE}]}}\n")
    monkeypatch.setenv("CLOSED_LOOP_PRODUCTS", str(tmp_path))
    found = Endpoint(ledger)
    thread = threading.Thread(target=found.server.run)
    thread.start()
    while not found.server.started:
        time.sleep(0.01)
    yield found
    found.server.should_exit = True
    thread.join()


def test_a_voice_waits_redacted_in_the_inbox(endpoint: Endpoint, ledger: Engine) -> None:
    sent = {"text": " 쿠폰이 안 돼요. 010-1234-5678 ", "id": "w-1", "author": "Kim@example.com", "rating": 2,
            "written_at": "2026-03-01T10:00:00+09:00", "language": "ko"}
    assert endpoint.post(sent) == (202, {"accepted": 1})
    [row] = get(ledger, table)
    assert row.items() >= {"product": "shop", "external_id": "w-1", "text": "쿠폰이 안 돼요. [phone]", "rating": 2.0,
                           "author": author_hash("kim@example.com", b"key"), "written_at": "2026-03-01T10:00:00+09:00",
                           "language": "ko", "received_at": NOW, "taken_by": None}.items()
    assert endpoint.post(sent)[0] == 202
    assert len(get(ledger, table)) == 1
    assert endpoint.post([{"text": "one"}, {"text": "two"}], "tea-house", "other") == (202, {"accepted": 2})
    assert {row["product"] for row in get(ledger, table)} == {"shop", "tea-house"}


@pytest.mark.parametrize(("product", "token", "status"), [
    ("shop", None, 401), ("shop", "wrong", 403), ("shop", "other", 403), ("shop", "secrét", 403), ("unknown", "secret", 404),
    ("closed", "secret", 404), ("empty", "secret", 404), ("..%2f..%2fetc", "secret", 404), ("SHOP", "secret", 404)])
def test_who_may_not(endpoint: Endpoint, ledger: Engine, product: str, token: str | None, status: int) -> None:
    token = token and token.encode().decode("latin-1")
    assert endpoint.post({"text": "x"}, product, token)[0] == status
    assert get(ledger, table) == []
    assert endpoint.woken == []


@pytest.mark.parametrize(("value", "says"), [
    (b"{", "no JSON"), (b"\xff", "no JSON"), (b"[" * 60_000, "no JSON"), ([], "at least 1 item"), ("x", "valid dictionary"),
    ([{"text": "x"}] * 101, "at most 100"), ({}, "Field required"), ({"text": "  "}, "at least 1 character"),
    ({"text": "x" * 20_001}, "at most 20000"), ({"text": "x", "rating": 6}, "less than or equal to 5"),
    (b'{"text": "x", "rating": NaN}', "finite"), ({"text": "x", "written_at": "soon"}, "valid datetime"),
    ({"text": "x", "language": "<b>"}, "pattern"), ({"text": "x", "colour": "red"}, "not permitted"), ({"text": 5}, "string"),
    ({"text": "x", "id": "i" * 256}, "at most 255")])
def test_what_is_wrong_is_named(endpoint: Endpoint, ledger: Engine, value: Any, says: str) -> None:
    status, detail = endpoint.post(value)
    assert status == 422
    assert says in json.dumps(detail)
    assert get(ledger, table) == []


def test_too_much_is_refused(endpoint: Endpoint, ledger: Engine) -> None:
    assert endpoint.post({"text": "x" * 70_000})[0] == 413
    with socket.create_connection(("127.0.0.1", endpoint.port), 10) as raw:  # no length told, one piece after another
        raw.sendall(b"POST /shop HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer secret\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(5):
            raw.sendall(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")
        assert b" 413 " in raw.recv(200)
    assert get(ledger, table) == []


def test_a_body_that_never_ends_is_given_up(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake_api, "MAX_SECONDS", 0.2)
    with socket.create_connection(("127.0.0.1", endpoint.port), 10) as raw:
        raw.sendall(b"POST /shop HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer secret\r\nContent-Length: 100\r\n\r\n{")
        assert b" 408 " in raw.recv(200)


def test_the_rate_of_a_product_is_limited(endpoint: Endpoint, ledger: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "PER_MINUTE", 5)
    endpoint.now = NOW + timedelta(seconds=20)
    assert endpoint.post([{"text": str(n)} for n in range(4)])[0] == 202
    assert endpoint.post([{"text": "a"}, {"text": "b"}]) == (429, "at most 5 voices a minute")
    assert endpoint.headers["Retry-After"] == "40"
    assert len(get(ledger, table)) == 4
    assert endpoint.post({"text": "x"}, "tea-house", "other")[0] == 202
    endpoint.now = NOW + timedelta(seconds=60)
    assert endpoint.post([{"text": "a"}, {"text": "b"}])[0] == 202


def test_the_loop_is_woken_once_for_what_waits(endpoint: Endpoint, ledger: Engine) -> None:
    for text in ("one", "two", "three"):
        endpoint.post({"text": text})
    assert endpoint.woken == ["shop"]
    assert inbox.take(ledger, "shop", "run1")
    endpoint.post({"text": "while it runs"})
    assert endpoint.woken == ["shop", "shop"]
    endpoint.now = NOW + timedelta(minutes=5)
    endpoint.post({"text": "nobody came"})
    assert endpoint.woken == ["shop"] * 3


def test_a_run_that_died_leaves_its_voices_to_the_next(ledger: Engine) -> None:
    sent = [inbox.Sent(text=f"voice {n}") for n in range(3)]
    inbox.receive(ledger, "shop", sent, b"key", datetime.now(UTC))
    assert inbox.take(ledger, "shop", "dead")
    assert inbox.take(ledger, "shop", "next")
    assert [row["text"] for rows in inbox.taken(ledger, "shop", "next") for row in rows] != []
    assert list(inbox.taken(ledger, "shop", "dead")) == []
    with ledger.begin() as connection:
        inbox.empty(connection, "shop", "next")
    assert not inbox.take(ledger, "shop", "later")


def test_pages_of_named_origins_may_send(endpoint: Endpoint) -> None:
    asked = {"Access_Control_Request_Method": "POST", "Access_Control_Request_Headers": "authorization,content-type"}
    status, headers = endpoint.ask("OPTIONS", "shop", None, Origin=PAGE, **asked)
    assert (status, headers["Access-Control-Allow-Origin"], headers["Access-Control-Allow-Methods"]) == (204, PAGE, "POST")
    assert {"authorization", "content-type"} == set(headers["Access-Control-Allow-Headers"].split(", "))
    status, headers = endpoint.ask("POST", body=b'{"text": "x"}', Origin=PAGE, Authorization="Bearer secret")
    assert (status, headers["Access-Control-Allow-Origin"], headers["Vary"]) == (202, PAGE, "Origin")
    status, headers = endpoint.ask("POST", body=b"[]", Origin=PAGE, Authorization="Bearer secret")
    assert (status, headers["Access-Control-Allow-Origin"]) == (422, PAGE)


@pytest.mark.parametrize(("product", "origin"), [("shop", "https://shop.example.evil"), ("shop", "null"), ("tea-house", PAGE),
                                                 ("nobody", PAGE)])
def test_pages_of_other_origins_may_not(endpoint: Endpoint, product: str, origin: str) -> None:
    status, headers = endpoint.ask("OPTIONS", product, Origin=origin, Access_Control_Request_Method="POST")
    assert (status, headers["Access-Control-Allow-Origin"], headers["Vary"]) == (403, None, "Origin")
    _, headers = endpoint.ask("POST", product, b"{}", Origin=origin, Authorization="Bearer secret")
    assert headers["Access-Control-Allow-Origin"] is None
