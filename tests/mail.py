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
    """What an SMTP server does with mails: keeps them, after it answered those to come first with `answers`."""

    def __init__(self) -> None:
        self.mails, self.answers = list[EmailMessage](), list[str]()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        answer = self.answers.pop(0) if self.answers else "250 taken"
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
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield handler, port
    finally:
        controller.stop()


def connection(port: int) -> Connection:
    """The server as an Airflow connection."""
    extra = {"disable_ssl": True, "disable_tls": True, "from_email": "loop@shop.example"}
    return Connection("smtp", "127.0.0.1", port, extra=extra)
