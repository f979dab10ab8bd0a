"""A mailbox as a source, against a real Dovecot."""

import imaplib
import itertools
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any

import pytest

from include.connection import Connection
from include.errors import InputError
from include.parts.channels import ImapSource
from include.voc_aggregation.sources import imap
from include.voc_aggregation.sources.imap import ImapChannel, quoted
from include.voc_aggregation.sources.source import Cursor
from tests.dovecot import Mailbox

_USERS = itertools.count(1)


@pytest.fixture
def box(dovecot: Mailbox) -> Iterator["Box"]:
    with imaplib.IMAP4("127.0.0.1", dovecot.port, timeout=10) as client:
        user = f"user{next(_USERS)}"
        client.login(user, "secret")
        yield Box(dovecot, client, user)


class Box:
    """One user's mailbox, written with a client of the test's own and read as a source."""

    def __init__(self, dovecot: Mailbox, client: imaplib.IMAP4, user: str) -> None:
        self.dovecot, self.client, self.user = dovecot, client, user

    def put(self, *mails: bytes, mailbox: str = "INBOX") -> None:
        for mail in mails:
            assert self.client.append(quoted(mailbox), "", "", mail)[0] == "OK"

    def source(self, **fields: Any) -> ImapSource:
        return ImapSource.model_validate({"name": "mails", "kind": "imap", "connection": "mail", "tls": False} | fields)

    def news(self, cursor: Cursor | None = None, **fields: Any) \
            -> tuple[list[dict[str, Any]], list[tuple[str, str]], Cursor | None]:
        port = self.dovecot.tls_port if fields.get("tls") else self.dovecot.port
        connection = Connection("imap", "127.0.0.1", port, self.user, "secret")
        chunks = list(ImapChannel(self.source(**fields), lambda _: connection).news(cursor))
        return ([dict(row) for chunk in chunks for row in chunk.frame.to_dict("records")],
                [(bad.place, bad.reason) for chunk in chunks for bad in chunk.bad], chunks[-1].cursor)


def mail(number: int, text: str = "It fails", **headers: str) -> bytes:
    message = EmailMessage()
    message["From"], message["Subject"] = "Kim <Kim@Example.com>", f"subject {number}"
    message["Message-ID"], message["Date"] = f"<{number}@example.com>", "Mon, 02 Feb 2026 10:00:00 +0900"
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    return message.as_bytes().replace(b"\n", b"\r\n")


def test_only_mails_since_the_last_time(box: Box) -> None:
    assert box.news() == ([], [], None)
    box.put(mail(1, "쿠폰이 안 돼요"), mail(2))
    first, bad, cursor = box.news()
    assert (first[0], bad) == ({"place": "mail 1", "text": "subject 1\n쿠폰이 안 돼요", "id": "<1@example.com>",
                                "written_at": "2026-02-02T10:00:00+09:00", "author": "kim@example.com"}, [])
    assert cursor is not None
    assert cursor["uid"] == 2
    assert box.news(cursor)[0] == []
    box.put(mail(3))
    assert [row["id"] for row in box.news(cursor)[0]] == ["<3@example.com>"]
    assert len(box.news(cursor | {"uidvalidity": 1})[0]) == 3
    box.client.select()
    assert box.client.uid("SEARCH", "UNSEEN")[1] == [b"1 2 3"]


def test_a_mail_that_can_not_be_used_is_set_aside(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imap, "LARGEST", 5000)
    plain = b"Subject: s\r\nContent-Type: text/plain; charset=%s\r\n\r\n%s\r\n"
    box.put(mail(1), plain % (b"klingon", b"x"), plain % (b"utf-8", b"\xff\xfe"), mail(4, "x" * 6000),
            mail(5, Auto_Submitted="auto-replied"), plain % (b"euc-kr", "안 돼요".encode("cp949")), b"\xff\x00 no mail at all")
    good, bad, cursor = box.news()
    assert [row["text"] for row in good] == ["subject 1\nIt fails", "s\n안 돼요"]
    assert bad == [("mail 2", "is not klingon: unknown encoding: klingon"),
                   ("mail 3", "is not utf-8: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"),
                   ("mail 4", "larger than 5,000 bytes"), ("mail 5", "a machine wrote it (Auto-Submitted)"),
                   ("mail 7", "is not utf-8: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte")]
    assert cursor is not None
    assert cursor["uid"] == 7


def test_many_mails_come_in_chunks_with_their_cursors(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imap, "BATCH", 2)
    box.put(*(mail(number) for number in range(1, 6)))
    connection = Connection("imap", "127.0.0.1", box.dovecot.port, box.user, "secret")
    chunks = list(ImapChannel(box.source(), lambda _: connection).news(None))
    assert [(len(chunk.frame), (chunk.cursor or {}).get("uid")) for chunk in chunks] == [(2, 2), (2, 4), (1, 5)]


def test_a_mailbox_with_any_name(box: Box) -> None:
    for name in ("Support", "고객의 소리 & more"):
        box.client.create(quoted(name))
        box.put(mail(1), mailbox=name)
        assert len(box.news(mailbox=name)[0]) == 1
    assert quoted('台北 "x"\\&') == '"&U,BTFw- \\"x\\"\\\\&-"'


def test_tls_is_checked(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    box.put(mail(1))
    with pytest.raises(InputError, match=r"(?i)certificate verify failed"):
        box.news(tls=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(box.dovecot.certificate))
    assert len(box.news(tls=True)[0]) == 1


def test_what_can_not_be_reached_is_named(box: Box) -> None:
    wrong = Connection("imap", "127.0.0.1", box.dovecot.port, box.user, "hunter2")
    with pytest.raises(InputError, match=r"imap://127\.0\.0\.1:.*AUTHENTICATIONFAILED") as error:
        list(ImapChannel(box.source(), lambda _: wrong).news(None))
    assert "hunter2" not in str(error.value)
    with pytest.raises(InputError, match="/Nowhere: the mailbox can't be opened"):
        box.news(mailbox="Nowhere")
    with pytest.raises(InputError, match="refused"):
        list(ImapChannel(box.source(), lambda _: Connection("imap", "127.0.0.1", 9)).news(None))
    with pytest.raises(InputError, match="without TLS only a server on this very machine"):
        ImapChannel(box.source(), lambda _: Connection("imap", "mail.example.com"))
