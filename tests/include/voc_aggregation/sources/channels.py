"""Each kind of channel with something real at its other end, into which a test puts what customers say."""

import imaplib
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from include.connection import Connection
from tests.dovecot import Mailbox
from tests.server import Asked, Reply, serving

DAY = datetime(2026, 2, 1, 10, tzinfo=UTC)


@dataclass
class Channel:
    """One channel: its part of a product file, its connection, how a voice gets there, and how it breaks."""

    source: dict[str, Any]
    put: Callable[[int, str], None]
    down: Callable[[], None]
    connection: Connection | None = None
    spoil: Callable[[], None] | None = None  # puts something there that can't be used
    heal: Callable[[], None] | None = None


def written(number: int) -> str:
    return (DAY + timedelta(hours=number)).isoformat()


@contextmanager
def file(folder: Path) -> Iterator[Channel]:
    """JSON Lines that are appended to."""
    path = folder / "reviews.jsonl"

    def append(line: str) -> None:
        with path.open("a", encoding="utf-8") as stream:
            stream.write(line + "\n")

    yield Channel({"name": "file", "path": str(path), "format": "jsonl", "columns": {"id": "id", "written_at": "at"}},
                  lambda number, text: append(json.dumps({"id": number, "text": text, "at": written(number)})),
                  lambda: path.unlink(), spoil=lambda: append("{no json"))


@contextmanager
def bucket(s3: tuple[Any, Connection]) -> Iterator[Channel]:
    """A CSV file in S3 that is replaced by a longer one."""
    client, connection = s3
    rows = ["id,text,at"]

    def upload(line: str) -> None:
        rows.append(line)
        client.put_object(Bucket="voices", Key="shop/voices.csv", Body="\n".join(rows).encode())

    yield Channel({"name": "bucket", "path": "s3://voices/shop/voices.csv", "format": "csv", "connection": "bucket",
                   "columns": {"id": "id", "written_at": "at"}},
                  lambda number, text: upload(f'{number},"{text}",{written(number)}'),
                  lambda: client.delete_object(Bucket="voices", Key="shop/voices.csv"), connection,
                  lambda: upload("1,too,many,fields"))


@contextmanager
def database(folder: Path) -> Iterator[Channel]:
    """A table of a SQLite database."""
    path = folder / "crm.db"

    def execute(statement: str, *values: Any) -> None:
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute(statement, values)

    execute("CREATE TABLE calls (id, note, at)")
    yield Channel({"name": "calls", "kind": "sql", "connection": "crm", "query": "SELECT * FROM calls WHERE at >= :since",
                   "since": {"column": "at", "start": ""}, "columns": {"text": "note", "id": "id", "written_at": "at"}},
                  lambda number, text: execute("INSERT INTO calls VALUES (?, ?, ?)", number, text, written(number)),
                  lambda: execute("DROP TABLE calls"), Connection("sqlite", host=str(path)),
                  lambda: execute("INSERT INTO calls VALUES (?, ?, ?)", 99, None, written(0)))


@dataclass
class Api:
    """An API of two records a page, which can be down."""

    records: list[dict[str, Any]] = field(default_factory=list)
    up: bool = True

    def answer(self, asked: Asked) -> Reply:
        if not self.up:
            return Reply(b"<html>Bad Gateway</html>", 502)
        start = 2 * (int(asked.query["page"]) - 1)
        since = asked.query.get("since", "")
        return Reply({"issues": [record for record in self.records if record["changed"] >= since][start: start + 2]})


@contextmanager
def http() -> Iterator[Channel]:
    """An API over HTTP."""
    api = Api()
    with serving(api.answer) as server:
        yield Channel(
            {"name": "issues", "kind": "http", "url": server.url, "records": "issues", "allow_hosts": ["127.0.0.1"],
             "auth": {"connection": "api"}, "columns": {"text": "body.text", "id": "id", "written_at": "changed"},
             "pages": {"by": "page"}, "since": {"parameter": "since", "field": "changed", "ascending": True}},
            lambda number, text: api.records.append({"id": number, "body": {"text": text}, "changed": written(number)}),
            lambda: setattr(api, "up", False), Connection("http", password="token"),
            lambda: api.records.append({"id": 99, "body": {"text": ["a", "list"]}, "changed": written(50)}),
            lambda: setattr(api, "up", True))


@contextmanager
def mailbox(dovecot: Mailbox, user: str) -> Iterator[Channel]:
    """A mailbox of its own on a real IMAP server."""
    with imaplib.IMAP4("127.0.0.1", dovecot.port, timeout=10) as client:
        client.login(user, "secret")

        def put(number: int, text: str, charset: str = "utf-8") -> None:
            message = EmailMessage()
            message["Message-ID"] = f"<{number}@example.com>"
            message["Date"] = DAY + timedelta(hours=number)
            message.set_content(text)
            client.append("INBOX", "", "", message.as_bytes().replace(b"utf-8", charset.encode()))

        connection = Connection("imap", "127.0.0.1", dovecot.port, user, "secret")
        channel = Channel({"name": "mails", "kind": "imap", "connection": "mail", "tls": False}, put, lambda: None, connection,
                          lambda: put(99, "x", "klingon"))
        channel.down = lambda: setattr(channel, "connection", Connection("imap", "127.0.0.1", 9, user, "secret"))
        yield channel
