"""The target for any other platform: a command of the product's takes a request as JSON, and answers as JSON.

docs/deployment-targets.md says what is asked and answered.
"""

import ipaddress
import json
import os
import shlex
import signal
import subprocess
import tempfile
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, get_args

from include.errors import InputError
from include.markup import plain
from include.parts.deployment import Adapter as Settings
from include.parts.deployment import Deployment
from include.targets.secrets import Secrets
from include.targets.supervision import clean_environment
from include.targets.target import DeploymentError, Replica, Seen, State, UnreachableError, command

MOST = 1_000_000  # bytes of an answer
POLL = 0.02  # seconds


class Adapter:
    """Each call runs the command once: no shell, our environment without its settings and secrets, a time limit."""

    def __init__(self, deployment: Deployment, settings: Settings, product: str, folder: Path,
                 secrets: Secrets | None = None) -> None:
        self.deployment, self.settings, self.product, self.folder = deployment, settings, product, folder
        self.secrets = secrets or Secrets(product, {}, folder)

    def unpack(self, version: str, archive: bytes) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self.folder, suffix=".tar") as file:
            file.write(archive)
            file.flush()
            self._ask("unpack", version=version, archive=file.name)

    def start(self, replicas: Sequence[Replica]) -> None:
        secrets = {"secrets": self.secrets.values}
        self._ask("start", replicas=[{"name": item.name, "version": item.version, "port": item.port} | self._how(item) | secrets
                                     for item in replicas])

    def stop(self, names: Collection[str]) -> None:
        if names:
            self._ask("stop", names=sorted(names))

    def seen(self) -> Mapping[str, Seen]:
        found = self._ask("list").get("replicas")
        if not isinstance(found, list):
            raise self._wrong("list", "replicas is no list")
        return dict(self._one(item) for item in found)

    def said(self, name: str) -> str:
        return plain(self.secrets.masked(str(self._ask("said", name=name).get("line") or "")), 500)

    def recipe(self, replica: Replica) -> dict[str, Any]:
        return self._how(replica) | {"secrets": self.secrets.marks()}

    def _how(self, replica: Replica) -> dict[str, Any]:
        return {"command": shlex.join(command(self.deployment, replica.port, "0.0.0.0")),  # noqa: S104 - the platform's network
                "env": self.deployment.env | {"RELEASE_VERSION": replica.version}}

    def keep(self, version: str) -> None:
        self._ask("keep", version=version)

    def _one(self, item: Any) -> tuple[str, Seen]:
        """A replica of the answer to `list`."""
        if not isinstance(item, dict) or not isinstance(item.get("name"), str) or item.get("state") not in get_args(State):
            raise self._wrong("list", f"a replica has a name and a state ({', '.join(get_args(State))}), not {item!r}")
        return item["name"], Seen(item["state"], self._address(item.get("address")))

    def _address(self, text: Any) -> str | None:
        if text is None:
            return None
        host, _, port = str(text).rpartition(":")
        try:
            ipaddress.ip_address(host.strip("[]"))
            if 0 < int(port) < 65536:
                return str(text)
        except ValueError:
            pass
        raise self._wrong("list", f"an address is ip:port, not {text!r}")

    def _ask(self, what: str, **more: Any) -> dict[str, Any]:
        """The answer to one request. Raises DeploymentError with what the adapter says is wrong, UnreachableError where it
        fails, and InputError where its answer is none."""
        request = {"do": what, "product": self.product, "environment": self.deployment.environment} | more
        with tempfile.TemporaryFile() as asked, tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as errors:
            asked.write(json.dumps(request).encode())
            asked.seek(0)
            code = self._run(what, asked, said, errors)
            text, last = _start_of(said), _start_of(errors).strip().splitlines()[-1:]
        if code:
            told = plain(self.secrets.masked(b"".join(last).decode(errors="replace")), 300)
            raise UnreachableError(f"{self._name(what)} ended with {code}: {told}")
        try:
            answer = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise self._wrong(what, f"no JSON: {plain(self.secrets.masked(text.decode(errors='replace')), 200)!r}") from error
        if not isinstance(answer, dict):
            raise self._wrong(what, "no JSON object")
        if why := answer.get("error"):
            raise DeploymentError(f"{self._name(what)} says: {plain(self.secrets.masked(str(why)), 500)}")
        return answer

    def _run(self, what: str, asked: IO[bytes], said: IO[bytes], errors: IO[bytes]) -> int:
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            process = subprocess.Popen(self.settings.command, stdin=asked, stdout=said, stderr=errors, cwd=self.folder,
                                       env=clean_environment(self.folder), start_new_session=True)
        except OSError as error:
            raise InputError(f"{self._name(what)} can't be run: {error.strerror}") from error
        deadline = time.monotonic() + self.settings.seconds
        with process:
            try:
                while process.poll() is None:
                    if os.fstat(said.fileno()).st_size + os.fstat(errors.fileno()).st_size > 2 * MOST:
                        raise self._wrong(what, f"more than {MOST:,} bytes")
                    if time.monotonic() > deadline:
                        raise UnreachableError(f"{self._name(what)} took more than {self.settings.seconds:g} s")
                    time.sleep(POLL)
            except BaseException:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                raise
        if os.fstat(said.fileno()).st_size > MOST:
            raise self._wrong(what, f"more than {MOST:,} bytes")
        return process.returncode

    def _name(self, what: str) -> str:
        return f"the adapter {self.settings.command[0]!r}, asked to {what},"

    def _wrong(self, what: str, why: str) -> InputError:
        return InputError(f"{self._name(what)} answers what can't be used: {why}")


def _start_of(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read(MOST)
