"""Escalations reach people: over a real SMTP server and a real webhook, once, and later where they can't at first."""

import base64
import os
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from sqlalchemy import Engine

from include.artifacts import Artifacts
from include.connection import Connection
from include.customer_support.run import attend
from include.key import Key
from include.ledger.runs import Result, Run
from include.ledger.tables import ticket_events
from include.product import Product
from include.voc_aggregation.sources import opened
from tests.conftest import NOW
from tests.crash import ledger_after_kills
from tests.include.customer_support.test_run import desk, ticket, write
from tests.rows import get
from tests.server import Asked, Reply, serving


class Post(socketserver.ThreadingTCPServer):
    """An SMTP server (RFC 5321) that asks for a password and keeps what it gets; `refuses` with 451 as often as it is told."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Talk)
        self.daemon_threads = True
        self.refuses, self.mails = 0, list[EmailMessage]()


class Talk(socketserver.StreamRequestHandler):
    """One conversation."""

    server: Post

    def handle(self) -> None:
        self.say("220 here")
        while line := self.rfile.readline().decode().strip():
            match line.split()[0].upper():
                case "EHLO":
                    self.say("250-here", "250 AUTH PLAIN")
                case "AUTH":
                    right = base64.b64decode(line.split()[2]) == b"\0desk\0secret"
                    self.say("235 welcome" if right else "535 no")
                case "MAIL" if self.server.refuses:
                    self.server.refuses -= 1
                    self.say("451 later")
                case "DATA":
                    self.say("354 go on")
                    content = b"".join(iter(self.rfile.readline, b".\r\n"))
                    self.server.mails.append(message_from_bytes(content, policy=policy.default))
                    self.say("250 taken")
                case "QUIT":
                    self.say("221 bye")
                    return
                case _:
                    self.say("250 fine")

    def say(self, *lines: str) -> None:
        self.wfile.write("".join(f"{line}\r\n" for line in lines).encode())


@contextmanager
def post() -> Iterator[Post]:
    with Post() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def smtp(server: Post) -> Connection:
    extra = {"from_email": "desk@shop.example", "disable_ssl": True, "disable_tls": True}
    return Connection("smtp", "127.0.0.1", server.server_address[1], "desk", "secret", extra=extra)


def put(path: Path) -> None:
    urgent = ticket(1, "Urgent: checkout is\nbroken", 2, priority="urgent")
    write(path, [urgent, ticket(2, "쿠폰이 안 돼요", 7, priority="normal")])


def told(folder: Path, **notice: object) -> Product:
    return desk({"path": str(folder / "tickets.csv")}, escalate_to="leads", escalate_by={"connection": "alarm"} | notice)


def work(engine: Engine, about: Product, connection: Connection, number: int = 1, later: float = 0) -> Result:
    run = Run("customer_support", f"run{number}", Key("shop"), NOW + timedelta(hours=later))
    return attend(engine, about, run, Artifacts(os.environ["CLOSED_LOOP_HOME"]), b"secret", opened, lambda _: connection)


def noted(ledger: Engine) -> list[tuple[str, str]]:
    return [(row["what"], row["detail"]["through"]) for row in get(ledger, ticket_events, kind="told")]


def test_a_mail_is_sent_once_and_again_for_what_is_new(ledger: Engine, home: Path) -> None:
    put(home / "tickets.csv")
    about = told(home, mail_to=["lead@shop.example", "chief@shop.example"])
    with post() as server:
        for number in (1, 1, 2):
            assert work(ledger, about, smtp(server), number)["publish"] == (["shop"] if number == 1 else [])
        [mail] = server.mails
        assert (mail["To"], mail["From"]) == ("lead@shop.example, chief@shop.example", "desk@shop.example")
        assert mail["Subject"] == "Tea shop: 1 tickets are late, 1 soon will be"
        body = mail.get_content()
        assert "urgent, first response breached, team-shop: T1 Urgent: checkout is broken" in body
        assert "normal, first response warned, team-shop: T2 쿠폰이 안 돼요" in body
        assert noted(ledger) == [("first_response", "alarm")] * 2
        work(ledger, about, smtp(server), 3, later=2)
        assert [mail["Subject"] for mail in server.mails][1:] == ["Tea shop: 1 tickets are late, 0 soon will be"]
        assert len({mail["Message-ID"] for mail in server.mails}) == 2


def test_what_cannot_be_sent_is_sent_by_the_next_look(ledger: Engine, home: Path, caplog: pytest.LogCaptureFixture) -> None:
    put(home / "tickets.csv")
    about = told(home, mail_to=["lead@shop.example"])
    with post() as server:
        server.refuses = 1
        assert work(ledger, about, smtp(server))["signals"]["opened"]
        assert (server.mails, noted(ledger)) == ([], [])
        assert "2 escalations could not be told" in caplog.text
        assert "secret" not in caplog.text
        work(ledger, about, smtp(server), 2, later=0.25)
        assert (len(server.mails), len(noted(ledger))) == (1, 2)


def test_a_webhook_is_told_with_a_key_that_makes_it_once(ledger: Engine, home: Path) -> None:
    answers = iter([Reply({}, 429, {"Retry-After": "0"}), Reply({}, 500), Reply({"ok": True})])
    put(home / "tickets.csv")
    about = told(home, allow_hosts=["127.0.0.1"])
    with serving(lambda _: next(answers)) as server:
        hook = Connection("http", server.url, password="token")
        work(ledger, about, hook)
        assert noted(ledger) == []
        work(ledger, about, hook, 2, later=0.25)
        asked: list[Asked] = server.asked
    assert [one.method for one in asked] == ["POST"] * 3
    assert len({one.headers["idempotency-key"] for one in asked}) == 1
    assert {one.headers["authorization"] for one in asked} == {"Bearer token"}
    assert asked[-1].body["text"].startswith("Tea shop: 1 tickets are late")
    assert [one["external_id"] for one in asked[-1].body["tickets"]] == ["T1", "T2"]
    assert len(noted(ledger)) == 2


def test_a_host_that_is_private_and_not_named_is_not_asked(ledger: Engine, home: Path, caplog: pytest.LogCaptureFixture) -> None:
    with serving(lambda _: Reply({})) as server:
        put(home / "tickets.csv")
        work(ledger, told(home), Connection("http", server.url))
        assert (server.asked, noted(ledger)) == ([], [])
    assert "not public" in caplog.text


def prepare(engine: Engine, folder: Path) -> None:
    put(folder / "tickets.csv")


def scenario(engine: Engine, folder: Path) -> Result:
    with post() as server:
        return work(engine, told(folder, mail_to=["lead@shop.example"]), smtp(server))


def test_a_kill_changes_nothing(migrated: Path, tmp_path: Path) -> None:
    assert ledger_after_kills(migrated, tmp_path, f"{__name__}:scenario", at_most=8) == 8
