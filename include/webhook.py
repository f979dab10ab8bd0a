"""Webhooks: what is told is a POST of JSON, to the host of a connection."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from include.connection import Connection
from include.http_client import Client

SECONDS = 20


@dataclass(frozen=True)
class _Site:
    url: str
    allow_hosts: Sequence[str]
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout_seconds: float = SECONDS
    total_seconds: float = 3 * SECONDS
    max_bytes: int = 100_000


@contextmanager
def webhook(connection: Connection, allow_hosts: Sequence[str]) -> Iterator[Callable[[str, Any], int]]:
    """What posts to the webhook of a connection, whose host is the URL and whose password a bearer token.

    It takes an Idempotency-Key and a body, returns the HTTP status and raises what `Client.send` raises.
    """
    site = _Site(connection.host or "", allow_hosts)
    with Client(site, {"Authorization": f"Bearer {connection.password}"} if connection.password else {}) as client:
        yield lambda key, body: client.send("POST", httpx.URL(site.url), {"Idempotency-Key": key}, body).status
