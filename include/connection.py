"""What a connection holds, without Airflow: `include.cycle.connection` fills it from the Airflow connection of that name."""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from sqlalchemy import URL

from include.errors import InputError

SCHEMES = {"postgres": "postgresql+psycopg", "sqlite": "sqlite"}


@dataclass(frozen=True)
class Connection:
    """Where a system is and who we are there; its secrets never show in a representation."""

    conn_type: str
    host: str | None = None
    port: int | None = None
    login: str | None = None
    password: str | None = field(default=None, repr=False)
    schema: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def sql(self) -> URL:
        """The SQLAlchemy URL of a database. Raises InputError where its type has no driver here."""
        scheme = self.extra.get("sqlalchemy_scheme") or SCHEMES.get(self.conn_type)
        if not scheme:
            raise InputError(f"connection of type {self.conn_type!r}: set extra sqlalchemy_scheme to its SQLAlchemy driver")
        if scheme == "sqlite":
            return URL.create(scheme, database=self.host)
        options = {name: str(value) for name, value in self.extra.items() if name != "sqlalchemy_scheme"}
        return URL.create(scheme, self.login, self.password, self.host, self.port, self.schema, options)


Connections = Callable[[str], Connection]


def from_environment(name: str) -> Connection:
    """What AIRFLOW_CONN_<NAME> holds, as JSON or a URI: for commands, which run without Airflow. Raises InputError without it."""
    variable = f"AIRFLOW_CONN_{name.upper()}"
    if not (text := os.environ.get(variable)):
        raise InputError(f"there is no connection {name!r} here: set {variable} as Airflow has it")
    try:
        if text.startswith("{"):
            given = json.loads(text)
            extra = given.pop("extra", None) or {}
            return Connection(**given | {"extra": json.loads(extra) if isinstance(extra, str) else extra})
        uri = urlsplit(text)
        host, login, password, schema = (unquote(part) if part else None
                                         for part in (uri.hostname, uri.username, uri.password, uri.path[1:]))
        return Connection(uri.scheme, host, uri.port, login, password, schema, dict(parse_qsl(uri.query)))
    except (ValueError, TypeError):  # whose message may bear what is secret
        raise InputError(f"{variable} is no connection: neither its JSON nor its URI") from None


def no_connections(name: str) -> Connection:
    """For phases that are called without any: each name is unknown."""
    raise InputError(f"there is no connection {name!r}")
