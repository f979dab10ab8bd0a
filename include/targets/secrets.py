"""Secrets of a product's replicas: what connections hold, which only the replicas' own environment variables bear.

On this machine the values lie in one file that nobody else may read, from which replicas are started again. Everywhere else a
keyed hash stands for a value, so that it shows where one has changed.
"""

import hashlib
import hmac
import os
import secrets
import shlex
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from include.connection import Connections, no_connections
from include.errors import InputError
from include.parts.deployment import Secret

FILE, KEY = "secrets.sh", "secrets.key"
LEAST = 4  # characters: what is shorter is not looked for in what replicas say


class Secrets:
    """The variables `declared` of a product whose environment lies in `folder`."""

    def __init__(self, product: str, declared: Mapping[str, Secret], folder: Path,
                 connections: Connections = no_connections) -> None:
        self.product, self.declared, self.folder, self.connections = product, declared, folder, connections

    @cached_property
    def values(self) -> dict[str, str]:
        """Each variable's value. Raises InputError naming product, variable and connection where one is not to be had."""
        return {name: self._value(name, secret) for name, secret in self.declared.items()}

    def _value(self, variable: str, secret: Secret) -> str:
        what = f"product {self.product!r}: secret {variable}"
        try:
            connection = self.connections(secret.connection)
        except InputError as error:
            raise InputError(f"{what}: {error}") from error
        kind, _, name = secret.field.partition(".")
        value = connection.extra.get(name) if kind == "extra" else getattr(connection, kind)
        if value in (None, ""):
            raise InputError(f"{what}: the connection {secret.connection!r} has no {secret.field}")
        if not isinstance(value, str | int) or "\0" in str(value):
            raise InputError(f"{what}: {secret.field} of the connection {secret.connection!r} is no text for a variable")
        return str(value)

    def marks(self) -> dict[str, str]:
        """What tells whether a value is still the same, and nothing else: by variable, a keyed hash."""
        return {name: hmac.new(self._key(), f"{name}={value}".encode(), hashlib.sha256).hexdigest()[:32]
                for name, value in self.values.items()}

    def exports(self) -> str:
        """Lines of a shell script that set the variables."""
        return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in self.values.items())

    @property
    def file(self) -> Path | None:
        """What a shell reads them from; nothing where the product has none."""
        return self.folder / FILE if self.declared else None

    def write(self) -> None:
        """Write `file`, for its owner alone."""
        if self.file:
            self._place(self.exports().encode()).replace(self.file)
        else:
            forget(self.folder)

    def masked(self, text: str) -> str:
        """`text` without the values."""
        found = {line for value in self.values.values() for line in (value, *value.splitlines()) if len(line) >= LEAST}
        for line in sorted(found, key=len, reverse=True):
            text = text.replace(line, "***")
        return text

    def _key(self) -> bytes:
        path = self.folder / KEY
        if not path.exists():
            new = self._place(secrets.token_bytes(32))
            with suppress(FileExistsError):  # somebody else was first
                os.link(new, path)
            new.unlink()
        return path.read_bytes()

    def _place(self, content: bytes) -> Path:
        """A new file with `content`, which only its owner may read."""
        self.folder.mkdir(parents=True, exist_ok=True)
        number, name = tempfile.mkstemp(dir=self.folder, prefix="secrets.", suffix=".new")
        try:
            with os.fdopen(number, "wb") as file:
                file.write(content)
        except OSError:  # the disk is full
            Path(name).unlink()
            raise
        return Path(name)


def forget(folder: Path) -> None:
    """Remove the values where nothing is to be started again, and what a killed task left of them."""
    for path in (folder / FILE, *folder.glob("secrets.*.new")):
        path.unlink(missing_ok=True)
