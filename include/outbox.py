"""What an outbox needs: the states of what is sent at most once, and senders that say whether it surely was not taken.

Before something is sent, that it is being sent (SENDING) is written down and committed. Where the process dies after that, or the
server's answer is lost, nobody knows whether it arrived: it is UNSURE, and never sent again. What the server surely refused is
tried again later (FAILED), at most TRIES times; a refusal for good gives up.
"""

import smtplib
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from email.message import EmailMessage
from typing import Any

from include.connection import Connection
from include.errors import InputError
from include.http_client import UnsureError
from include.smtp import session
from include.webhook import webhook

WAITING, SENDING, SENT, FAILED, UNSURE, GIVEN_UP = "waiting", "sending", "sent", "failed", "unsure", "given_up"
TRIES = 5
CUT_OFF = "it was cut off while it was sent"
_PERMANENT = 500  # what SMTP refuses for good, from here on
_CLOSING = 421  # with this the server ends the session
_HOPELESS = (400, 404, 410, 422)


class RefusedError(Exception):
    """It was surely not taken; `good` says for good, `stop` that others needn't be tried now."""

    def __init__(self, problem: str, good: bool = False, stop: bool = False) -> None:
        super().__init__(problem)
        self.good, self.stop = good, stop


def mailer(opened: ExitStack, connection: Connection) -> Callable[[EmailMessage], None]:
    """What sends mails to one recipient each, through a server that is left when `opened` ends.

    Raises RefusedError, and OSError where nobody knows; neither names an address. Opening raises OSError or SMTPException.
    """
    server = opened.enter_context(session(connection))

    def send(mail: EmailMessage) -> None:
        try:
            server.send_message(mail)
        except smtplib.SMTPNotSupportedError as error:
            raise RefusedError("the server takes no such address", good=True) from error
        except smtplib.SMTPRecipientsRefused as error:  # its text has the address, which is nobody's business
            [(code, _)] = error.recipients.values()
            raise RefusedError(f"SMTP {code}", code >= _PERMANENT) from error
        except smtplib.SMTPResponseException as error:
            raise RefusedError(f"SMTP {error.smtp_code}", error.smtp_code >= _PERMANENT, error.smtp_code == _CLOSING) from error

    return send


def poster(opened: ExitStack, connection: Connection, allow_hosts: Sequence[str]) -> Callable[[str, Any], None]:
    """What posts a body to a webhook under an Idempotency-Key. Raises RefusedError, and UnsureError where nobody knows."""
    post = opened.enter_context(webhook(connection, allow_hosts))

    def send(key: str, body: Any) -> None:
        try:
            status = post(key, body)
        except UnsureError:
            raise
        except InputError as error:
            raise RefusedError(str(error), stop=True) from error
        if status >= 300:
            raise RefusedError(f"HTTP {status}", status in _HOPELESS)

    return send
