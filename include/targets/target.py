"""What every target does: start, stop and list replicas, and say how they are. Traffic is no business of a target's."""

import contextlib
import http.client
import shlex
import socket
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from include.markup import plain
from include.parts.deployment import Deployment

State = Literal["starting", "running", "restarting", "failed"]


class DeploymentError(Exception):
    """A version can't be brought up, or must not stay; the message says why, for people."""


class UnreachableError(Exception):
    """The platform does not answer: nothing can be said of what runs on it, and a later try may succeed."""


@dataclass(frozen=True)
class Replica:
    """One replica of a version, as a server of HAProxy's backend. `weight` is from 0 (no new requests) to 256; `baseline` says
    that it was started for a comparison with a new version, and goes with it; `ring` that it serves the beta ring alone;
    `elsewhere` is the `ip:port` that its target gave it, where it doesn't listen on `port` of 127.0.0.1."""

    version: str
    port: int
    weight: int = 0
    baseline: bool = False
    elsewhere: str | None = None
    ring: bool = False

    @property
    def name(self) -> str:
        """`v1.0.1_41234`: it tells the version in HAProxy's log, and is new with each start."""
        return f"v{self.version}_{self.port}"

    @property
    def address(self) -> str:
        """`ip:port` where it listens."""
        return self.elsewhere or f"127.0.0.1:{self.port}"


@dataclass(frozen=True)
class Seen:
    """A replica as its target sees it. restarting: it ended, and is started again; failed: it ended for good."""

    state: State
    elsewhere: str | None = None


class Target(Protocol):
    """One product's replicas on a platform. Every call may come again after whoever made it was killed, and then goes on; each
    may raise DeploymentError, or UnreachableError where the platform does not answer."""

    def unpack(self, version: str, archive: bytes) -> None:
        """Make `version`, a tar, ready to be started. Raises DeploymentError where it can't be."""

    def start(self, replicas: Sequence[Replica]) -> None:
        """Run what does not run of `replicas`, which are all that are wanted. Does not wait until they are healthy."""

    def stop(self, names: Collection[str]) -> None:
        """Ask these replicas to end, end those that don't, and forget them."""

    def seen(self) -> Mapping[str, Seen]:
        """Every replica that there is, by name, whether it is wanted or not."""

    def said(self, name: str) -> str:
        """The last line that a replica printed, or nothing."""

    def recipe(self, replica: Replica) -> dict[str, Any]:
        """How a replica is started, in plain values: its `command`, the product's `env`, marks of its `secrets`, and what else
        counts."""

    def keep(self, version: str) -> None:
        """Remove what is kept of other versions."""


def command(deployment: Deployment, port: int, host: str) -> list[str]:
    """The command of a replica that is to listen on `port` of `host`."""
    return [word.replace("{port}", str(port)).replace("{host}", host) for word in shlex.split(deployment.command)]


def wait_healthy(target: Target, replicas: Sequence[Replica], deployment: Deployment) -> None:
    """Wait until every one of them answers. Raises DeploymentError with what is wrong."""
    deadline = time.monotonic() + deployment.start_seconds
    waiting = list(replicas)
    while waiting := [item for item in waiting if not answers(item.address, deployment.health)]:
        found = target.seen().get(waiting[0].name)
        failed = found is None or found.state == "failed"
        if failed or time.monotonic() > deadline:
            raise DeploymentError(_reason(target, waiting[0], deployment, failed))
        time.sleep(0.1)


def _reason(target: Target, item: Replica, deployment: Deployment, failed: bool) -> str:
    last = target.said(item.name)
    said = f"; it said: {plain(last)}" if last else ""
    if failed:
        return f"{item.name} ends as soon as it is started{said}"
    return f"{item.name} was not healthy at {deployment.health} within {deployment.start_seconds:g} s{said}"


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listens on."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for item in sockets:
            item.bind(("127.0.0.1", 0))
        return [item.getsockname()[1] for item in sockets]


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def answers(address: str, path: str) -> bool:
    """Whether a GET of `path` at `address` (`ip:port`) is answered with 200."""
    host, _, port = address.rpartition(":")
    connection = http.client.HTTPConnection(host.strip("[]"), int(port), timeout=2)
    try:
        connection.request("GET", path, headers={"Host": "localhost"})
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
