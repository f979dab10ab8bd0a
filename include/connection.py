"""What a connection holds, without Airflow: `include.cycle.connection` fills it from the Airflow connection of that name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

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


def no_connections(name: str) -> Connection:
    """For phases that are called without any: each name is unknown."""
    raise InputError(f"there is no connection {name!r}")
