"""A source of facts: where it is, who we are there, and its answers as JSON objects."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote

import httpx

from include.connection import Connection, Connections
from include.errors import InputError
from include.http_client import Client, shown
from include.parts.solutions import FactSource


@dataclass(frozen=True)
class _Site:
    """What the HTTP client wants to know of a site."""

    url: str
    headers: Mapping[str, str]
    allow_hosts: list[str]
    timeout_seconds: float
    total_seconds: float
    max_bytes: int


class FactSite:
    """One system that is asked for facts, all within its `total_seconds`. To be closed."""

    def __init__(self, source: FactSource, connections: Connections) -> None:
        connection = connections(source.connection) if source.connection else None
        self.url = source.url or _host(source.connection or "", connection)
        secrets = {"Authorization": f"Bearer {connection.password}"} if connection and connection.password else {}
        self._client = Client(_Site(self.url, {}, source.allow_hosts, source.timeout_seconds, source.total_seconds,
                                    source.max_bytes), secrets)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.__exit__()

    def get(self, *path: str) -> dict[str, Any]:
        """The JSON object at the base URL and `path`, each step quoted. Raises InputError for anything else."""
        return self._asked("GET", path)

    def post(self, *path: str, body: Any) -> dict[str, Any]:
        """What the system answers to `body`."""
        return self._asked("POST", path, body)

    def _asked(self, method: str, path: tuple[str, ...], body: Any = None) -> dict[str, Any]:
        url = httpx.URL("/".join([self.url.rstrip("/"), *(quote(step, safe="@") for step in path)]))
        answer = self._client.send(method, url, {}, body)
        if answer.status in {404, 410}:
            raise InputError(f"{shown(url)}: HTTP {answer.status}, it is not known there")
        if answer.status != 200:
            raise InputError(f"{shown(url)}: HTTP {answer.status}")
        try:
            document = json.loads(answer.body)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{shown(url)}: no JSON: {error}") from error
        if not isinstance(document, dict):
            raise InputError(f"{shown(url)}: no JSON object, but {type(document).__name__}")
        return document


def _host(name: str, connection: Connection | None) -> str:
    """The base URL that a connection names: its host, with scheme (https unless it says so), port and path (schema)."""
    if connection is None or not connection.host:
        raise InputError(f"connection {name!r} has no host: it is the base URL")
    scheme = "http" if connection.conn_type == "http" and connection.extra.get("scheme") == "http" else "https"
    base = connection.host if "://" in connection.host else f"{scheme}://{connection.host}"
    return base + (f":{connection.port}" if connection.port else "")
