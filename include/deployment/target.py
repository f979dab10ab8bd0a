"""The process target: one product's environment on this machine, supervised replicas behind HAProxy.

`state.json` says which replicas are wanted with which weights. It is written first, and supervisord and HAProxy are then
brought to it, so whoever was killed half-way, the next one finds out from there and goes on.
"""

import contextlib
import http.client
import json
import shlex
import shutil
import socket
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from include import environment
from include.archive import extract
from include.deployment import haproxy
from include.deployment.rules import Counts, Replica, split, weights
from include.deployment.supervision import Supervisor, clean_environment, members, script
from include.errors import InputError
from include.markup import plain
from include.parts.deployment import Deployment
from include.product import Product

Archive = Callable[[], bytes]


class DeploymentError(Exception):
    """A version can't be brought up, or must not stay; the message says why, for people."""


class Target:
    """The environment of one product. Callers hold the product's lease: there is one hand at a time."""

    def __init__(self, product: Product) -> None:
        if product.deployment is None:
            raise InputError(f"product {product.name!r} has no deployment")
        self.deployment: Deployment = product.deployment
        self.folder = environment.folder(product.name)
        sockets = environment.sockets(product.name)
        self.runtime_socket = sockets / "haproxy.sock"
        self.supervisor = Supervisor(self.folder, sockets / "supervisor.sock")
        self.haproxy = haproxy.Runtime(self.runtime_socket)
        self.log = environment.access_log(product.name)

    def replicas(self) -> list[Replica]:
        """The replicas that are wanted, of every version."""
        with contextlib.suppress(FileNotFoundError):
            return [Replica(**item) for item in json.loads((self.folder / "state.json").read_text(encoding="utf-8"))]
        return []

    def of(self, version: str) -> list[Replica]:
        """The wanted replicas of one version, without those of a baseline."""
        return [item for item in self.replicas() if item.version == version and not item.baseline]

    def baseline(self) -> list[Replica]:
        """The wanted replicas that a new version is compared with."""
        return [item for item in self.replicas() if item.baseline]

    def counts(self, replicas: Sequence[Replica]) -> dict[str, Counts]:
        """HAProxy's counters of these replicas, by name."""
        names = {item.name for item in replicas}
        return {name: server.counts for name, server in self.haproxy.servers().items() if name in names}

    def down(self, replicas: Sequence[Replica]) -> int:
        """How many of these replicas HAProxy holds for unhealthy."""
        servers = self.haproxy.servers()
        return sum(not servers[item.name].up for item in replicas)

    def start(self, version: str, archive: Archive, count: int | None = None, beside: str | None = None) -> None:
        """Start what `version` lacks of `count` replicas (of all that the product wants), without traffic, and wait until each is
        healthy; with as many fresh ones of the version `beside`, its baseline.

        Raises DeploymentError when the archive, the command or the front port is not to be had, or one stays unhealthy.
        """
        self._prepare_folders()
        there = self.replicas()
        if version not in {item.version for item in there}:
            unpack(archive(), self.folder / "versions" / version)
            self._command_exists(version)
        lacking = max(0, (count or self.deployment.replicas) - len(self.of(version)))
        ports = free_ports(2 * lacking)
        new = [Replica(version, port) for port in ports[:lacking]]
        fresh = [Replica(beside, port, baseline=True) for port in ports[lacking:]] if beside else []
        self._apply([*there, *new, *fresh])
        self.wait_healthy([*new, *fresh])

    def share(self, version: str, percent: int) -> None:
        """Give `version` that share of the requests, its baseline as much as can be had, and what else there is the rest."""
        groups = self.of(version), self.baseline(), [
            item for item in self.replicas() if item.version != version and not item.baseline]
        each = weights([*zip(split(percent, bool(groups[1])), map(len, groups), strict=True)])
        self._apply([replace(item, weight=weight) for weight, group in zip(each, groups, strict=True) for item in group])

    def roll(self, version: str, archive: Archive, count: int) -> None:
        """Bring `version` to `count` replicas, and all others to what then lacks of those that the product wants. Each replica
        gets an equal share. Raises DeploymentError as `start` does."""
        self.start(version, archive, count)
        others = [item for item in self.replicas() if item.version != version]
        leaving = others[max(0, self.deployment.replicas - count):]
        self._apply([replace(item, weight=0 if item in leaving else 1) for item in self.replicas()])
        self.retire({item.name for item in leaving})

    def retire(self, names: Collection[str]) -> None:
        """Let these replicas, which have no traffic any more, end what is under way, and stop them."""
        if names:
            self.haproxy.drained(set(names))
            self._apply([item for item in self.replicas() if item.name not in names])

    def only(self, version: str, archive: Archive) -> None:
        """Bring the environment to where exactly `version` runs and has all traffic, wherever it stands now.

        Traffic moves first; then other versions are drained and stopped. Raises DeploymentError as `start` does.
        """
        if not self.supervisor.alive():
            self._write_state([])  # nothing of it can be trusted to run, and its ports may be taken by now
        if not self.of(version):
            self.start(version, archive)
        self.share(version, 100)
        self.retire({item.name for item in self.replicas()} - {item.name for item in self.of(version)})
        for path in (self.folder / "versions").iterdir():
            if path.name != version:
                shutil.rmtree(path)

    def fill(self, version: str, archive: Archive) -> None:
        """Start what `version` lacks of the replicas that the product wants; if they don't come up, fewer are better."""
        there = self.of(version)
        if len(there) < self.deployment.replicas:
            with contextlib.suppress(DeploymentError):
                self.start(version, archive)
                self.share(version, 100)
                return
            self.retire({item.name for item in self.replicas()} - {item.name for item in there})

    def clear(self) -> None:
        """Stop everything and forget it."""
        self.supervisor.shutdown()
        self._write_state([])

    def status(self) -> dict[str, Any]:
        """What runs: by version its share of weights in percent and its replicas, with HAProxy's view of their health."""
        up = self.supervisor.alive()
        states = self.supervisor.states() if up else {}
        proxy = self.haproxy.description() is not None
        servers = self.haproxy.servers() if proxy else {}
        whole = sum(server.weight for server in servers.values()) or 1
        versions: dict[str, Any] = {}
        for item in self.replicas():
            server = servers.get(item.name)
            entry = versions.setdefault(item.version, {"share": 0.0, "replicas": []})
            entry["share"] += round(100 * server.weight / whole, 1) if server else 0.0
            entry["replicas"].append({"name": item.name, "port": item.port, "weight": server.weight if server else 0,
                                      "healthy": bool(server and server.up), "state": states.get(item.name, "absent"),
                                      "requests": server.counts.requests if server else 0})
        return {"supervisor": up, "haproxy": proxy, "port": self.deployment.port, "versions": versions,
                "processes": len(members(self.folder))}

    def _apply(self, replicas: Sequence[Replica]) -> None:
        """Bring supervisord and HAProxy to `replicas`: what comes is started first, what goes is stopped last."""
        self.claim_port()
        self._prepare_folders()
        self._write_state(replicas)
        haproxy.write_checked(self.folder / "haproxy.cfg", haproxy.config(self.deployment, self.runtime_socket, replicas))
        for item in replicas:
            self._write_program(item.name, self._command(item), self.folder / "versions" / item.version,
                                self.deployment.env | {"RELEASE_VERSION": item.version})
            self._note_start(item)
        self._write_program("haproxy", [haproxy.program(), "-db", "-f", "haproxy.cfg"], self.folder, {}, self.log)
        surplus = self.supervisor.load(["haproxy", *(item.name for item in replicas)])
        if self.haproxy.description(wait=15) != haproxy.description(self.deployment):
            self.supervisor.restart("haproxy")
        self.haproxy.converge(replicas)
        self.supervisor.remove(surplus)
        for name in surplus:
            self._start_note(name).unlink(missing_ok=True)

    def wanted(self, item: Replica) -> dict[str, Any]:
        """How a replica is started: its `command` and the product's `env`."""
        return {"command": shlex.join(self._command(item)), "env": self.deployment.env}

    def started(self, item: Replica) -> dict[str, Any] | None:
        """How a replica was started, as `wanted` tells it."""
        path = self._start_note(item.name)
        found: dict[str, Any] | None = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
        return found

    def _start_note(self, name: str) -> Path:
        return self.folder / "programs" / f"{name}.json"

    def _note_start(self, item: Replica) -> None:
        """One that runs already stays as it was started."""
        path = self._start_note(item.name)
        if not path.exists():
            new = path.with_suffix(".new")
            new.write_text(json.dumps(self.wanted(item)), encoding="utf-8")
            new.replace(path)

    def _command(self, item: Replica) -> list[str]:
        return [word.replace("{port}", str(item.port)) for word in shlex.split(self.deployment.command)]

    def _write_program(self, name: str, command: list[str], directory: Path, env: dict[str, str],
                       output: Path | None = None) -> None:
        text = script(command, directory, clean_environment(self.folder) | env, output)
        (self.folder / "programs" / f"{name}.sh").write_text(text, encoding="utf-8")

    def _write_state(self, replicas: Sequence[Replica]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        new = self.folder / "state.new"
        new.write_text(json.dumps([asdict(item) for item in replicas]), encoding="utf-8")
        new.replace(self.folder / "state.json")

    def _prepare_folders(self) -> None:
        for name in ("programs", "logs", "versions"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        place = self.runtime_socket.parent
        place.mkdir(mode=0o700, exist_ok=True)
        if place != self.folder and place.stat().st_uid != self.folder.stat().st_uid:
            raise InputError(f"{place}: the folder for sockets belongs to somebody else")

    def claim_port(self) -> None:
        """Raises DeploymentError when another process holds the port that HAProxy is to serve."""
        known = self.haproxy.description(wait=2 if self.supervisor.alive() else 0) or ""
        if known.split(" ")[0] != str(self.deployment.port) and not is_free(self.deployment.port):
            raise DeploymentError(f"port {self.deployment.port} on 127.0.0.1 is taken by another process")

    def _command_exists(self, version: str) -> None:
        words = shlex.split(self.deployment.command)
        folder = self.folder / "versions" / version
        path = (clean_environment(self.folder) | self.deployment.env)["PATH"]
        if not words or not (shutil.which(words[0], path=path) or shutil.which(folder / words[0])):
            raise DeploymentError(f"command not found: {plain(self.deployment.command)}")

    def wait_healthy(self, replicas: Sequence[Replica]) -> None:
        """Wait until every one of them answers, to us and to HAProxy. Raises DeploymentError with what is wrong."""
        deadline = time.monotonic() + self.deployment.start_seconds
        waiting = list(replicas)
        while waiting := [item for item in waiting if not answers(item.port, self.deployment.health)]:
            state = self.supervisor.states()[waiting[0].name]
            if state == "FATAL" or time.monotonic() > deadline:
                raise DeploymentError(self._reason(waiting[0], state))
            time.sleep(0.1)
        names = {item.name for item in replicas}
        while any(not server.up for name, server in self.haproxy.servers().items() if name in names):
            if time.monotonic() > deadline + 5:
                raise DeploymentError(f"{', '.join(sorted(names))}: HAProxy's health checks do not succeed")
            time.sleep(0.1)

    def _reason(self, item: Replica, state: str) -> str:
        log = self.folder / "logs" / f"{item.name}.log"
        last = log.read_text(encoding="utf-8", errors="replace").splitlines()[-1:] if log.exists() else []
        said = f"; it said: {plain(last[0])}" if last else ""
        if state == "FATAL":
            return f"{item.name} ends as soon as it is started{said}"
        return f"{item.name} was not healthy at {self.deployment.health} within {self.deployment.start_seconds:g} s{said}"


def unpack(content: bytes, folder: Path) -> None:
    """Extract a tar archive as `folder`, whole or not at all. Raises DeploymentError when it is broken."""
    new = folder.with_name(f".{folder.name}.new")
    for path in (new, folder):
        if path.exists():
            shutil.rmtree(path)
    try:
        extract(content, new)
    except InputError as error:
        raise DeploymentError(str(error)) from error
    new.replace(folder)


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


def answers(port: int, path: str) -> bool:
    """Whether a GET of `path` on 127.0.0.1:`port` is answered with 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
