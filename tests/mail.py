"""A real SMTP server on loopback, which keeps what it is sent and answers as a test says."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from include.connection import Connection


class Post:
    """What an SMTP server does with mails: keeps them, after it answered those to come first with `answers`, unless it has
    another answer `to` their recipient."""

    def __init__(self) -> None:
        self.mails, self.answers, self.to = list[EmailMessage](), list[str](), dict[str, str]()

    @property
    def told(self) -> list[str]:
        """To whom the mails that it kept went."""
        return [mail["To"] for mail in self.mails]

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        answer = self.answers.pop(0) if self.answers else self.to.get(envelope.rcpt_tos[0], "250 taken")
        if answer.startswith(("250", "drop")):
            mail = message_from_bytes(envelope.content or b"", policy=policy.default)  # type: ignore[arg-type]  # bytes here
            assert isinstance(mail, EmailMessage)
            self.mails.append(mail)
        if answer == "drop":
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
        return answer


@contextmanager
def serving() -> Iterator[tuple[Post, int]]:
    """The server for the length of the block, and its port."""
    handler = Post()
    controller = _started(handler)
    try:
        yield handler, controller.port
    finally:
        controller.stop()


def _started(handler: Post) -> Controller:
    """On a free port; where somebody else takes it first, on another."""
    for _ in range(20):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            controller = Controller(handler, hostname="127.0.0.1", port=probe.getsockname()[1])
        try:
            controller.start()
        except OSError:
            continue
        return controller
    raise RuntimeError("no port stays free")


def connection(port: int) -> Connection:
    """The server as an Airflow connection."""
    extra = {"disable_ssl": True, "disable_tls": True, "from_email": "loop@shop.example"}
    return Connection("smtp", "127.0.0.1", port, extra=extra)
