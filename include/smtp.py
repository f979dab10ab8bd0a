"""Mail servers, by Python's smtplib."""

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from include.connection import Connection

SECONDS = 20


@contextmanager
def session(connection: Connection) -> Iterator[smtplib.SMTP]:
    """A session with the server of a connection as Airflow's SMTP provider has it (extra: disable_ssl, disable_tls).

    Encrypted, unless the connection says otherwise; logged in where it has login and password. Raises OSError (smtplib's errors
    are some of these).
    """
    extra, host, safe = connection.extra, connection.host or "localhost", ssl.create_default_context()
    if extra.get("disable_ssl"):
        server = smtplib.SMTP(host, connection.port or 587, timeout=SECONDS)
    else:
        server = smtplib.SMTP_SSL(host, connection.port or 465, timeout=SECONDS, context=safe)
    with server:
        if extra.get("disable_ssl") and not extra.get("disable_tls"):
            server.starttls(context=safe)
        if connection.login and connection.password:
            server.login(connection.login, connection.password)
        yield server
