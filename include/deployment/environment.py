"""One product's environment: replicas on its target, and HAProxy's traffic to them.

`state.json` says which replicas are wanted with which weights. It is written first, and the target and HAProxy are then
brought to it, so whoever was killed half-way, the next one finds out from there and goes on.
"""

import contextlib
import json
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from include import environment
from include.connection import Connections, no_connections
from include.deployment.haproxy import Server
from include.deployment.rules import MOST, Counts, split, weights
from include.deployment.traffic import Traffic
from include.errors import InputError
from include.ledger.runs import demand_leases
from include.parts.deployment import Deployment
from include.product import Product
from include.targets.adapter import Adapter
from include.targets.processes import Processes
from include.targets.secrets import Secrets, forget
from include.targets.supervision import Supervisor, members
from include.targets.target import DeploymentError, Replica, Seen, Target, UnreachableError, free_ports, wait_healthy

Archive = Callable[[], bytes]


class Environment:
    """The environment of one product. Callers hold the product's lease: there is one hand at a time, and one that lost it changes
    nothing more (LostLeaseError). Where they start replicas, they give the `connections` that hold the product's secrets."""

    def __init__(self, product: Product, connections: Connections = no_connections) -> None:
        if product.deployment is None:
            raise InputError(f"product {product.name!r} has no deployment")
        self.deployment: Deployment = product.deployment
        self.folder = environment.folder(product.name)
        sockets = environment.sockets(product.name)
        self.supervisor = Supervisor(self.folder, sockets / "supervisor.sock")
        self.secrets = Secrets(product.name, self.deployment.secrets, self.folder, connections)
        self.target = self._target(product)
        self.traffic = Traffic(self.deployment, self.supervisor, sockets, environment.access_log(product.name))
        self.haproxy = self.traffic.haproxy

    def _target(self, product: Product) -> Target:
        if settings := self.deployment.containers:
            from include.targets.containers import Containers  # which needs Docker's client, and Airflow's hook

            return Containers(self.deployment, settings, product.name, self.folder, self.secrets)
        if self.deployment.adapter:
            return Adapter(self.deployment, self.deployment.adapter, product.name, self.folder, self.secrets)
        return Processes(self.deployment, self.supervisor, self.secrets)

    def replicas(self) -> list[Replica]:
        """The replicas that are wanted, of every version."""
        with contextlib.suppress(FileNotFoundError):
            return [Replica(**item) for item in json.loads((self.folder / "state.json").read_text(encoding="utf-8"))]
        return []

    def of(self, version: str) -> list[Replica]:
        """The wanted replicas of one version, without those of a baseline or of the beta ring."""
        return [item for item in self.replicas() if item.version == version and not (item.baseline or item.ring)]

    def ring(self) -> list[Replica]:
        """The wanted replicas that serve the beta ring."""
        return [item for item in self.replicas() if item.ring]

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
        there = self.replicas()
        if version not in {item.version for item in there}:
            self.target.unpack(version, archive())
        lacking = max(0, (count or self.deployment.replicas) - len(self.of(version)))
        ports = free_ports(2 * lacking)
        new = [Replica(version, port) for port in ports[:lacking]]
        fresh = [Replica(beside, port, baseline=True) for port in ports[lacking:]] if beside else []
        self._apply([*there, *new, *fresh])
        self.wait_healthy([*new, *fresh])

    def share(self, version: str, percent: int) -> None:
        """Give `version` that share of the requests, its baseline as much as can be had, and what else there is the rest. The
        beta ring ends: those in it meet what all meet."""
        groups = self.of(version), self.baseline(), [
            item for item in self.replicas() if item.version != version and not (item.baseline or item.ring)]
        each = weights([*zip(split(percent, bool(groups[1])), map(len, groups), strict=True)])
        weighed = [replace(item, weight=weight) for weight, group in zip(each, groups, strict=True) for item in group]
        weighed += [replace(item, weight=0) for item in self.ring()]
        if self.supervisor.alive():  # traffic moves although the target may not answer
            try:
                self._write_state(weighed)
                self.traffic.apply(weighed)
            except OSError:  # nothing can be written, on a full disk: traffic moves all the same, back too
                self.haproxy.converge(weighed)
                raise
        else:
            self._apply(weighed)

    def open_ring(self, version: str, archive: Archive) -> bool:
        """Have `version` serve the beta ring, and no other; returns whether it did not before. Raises DeploymentError as `start`
        does; the ring is closed then."""
        there, wanted = self.ring(), self.deployment.ring.replicas if self.deployment.ring else 0
        if there and {item.version for item in there} == {version} and not self.down(there):
            return False
        self.close_ring()
        if version not in {item.version for item in self.replicas()}:
            self.target.unpack(version, archive())
        new = [Replica(version, port, ring=True) for port in free_ports(wanted)]
        self._apply([*self.replicas(), *new])
        try:
            self.wait_healthy(new)
        except DeploymentError:
            self.close_ring()
            raise
        self._apply([replace(item, weight=MOST) if item.ring else item for item in self.replicas()])
        return True

    def close_ring(self) -> None:
        """Those in the beta ring meet what all meet; then its replicas end."""
        if names := {item.name for item in self.ring()}:
            self._apply([replace(item, weight=0) if item.ring else item for item in self.replicas()])
            self.retire(names)

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
        if not self.target.seen():
            self._write_state([])  # nothing of it runs, and its ports may be taken by now
        if not self.of(version):
            self.start(version, archive)
        self.share(version, 100)
        staying = self.of(version)
        self.haproxy.drained({item.name for item in self.replicas()} - {item.name for item in staying})
        self._apply(staying)  # what ended of them is started again
        self.target.keep(version)

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
        demand_leases()
        self.target.stop(self.target.seen())
        self.supervisor.shutdown()
        forget(self.folder)
        self._write_state([])

    def status(self) -> dict[str, Any]:
        """What runs: by version its share of weights in percent and its replicas, with HAProxy's view of their health; and
        the same of what serves the beta ring."""
        proxy, reached, seen, servers = True, True, dict[str, Seen](), dict[str, Server]()
        try:
            seen |= self.target.seen()
        except UnreachableError:
            reached = False
        try:
            servers |= self.haproxy.servers(wait=0)
        except OSError:
            proxy = False
        ring = [item.name for item in self.ring()]
        whole = sum(server.weight for name, server in servers.items() if name not in ring) or 1
        versions, of_ring = dict[str, Any](), dict[str, Any]()
        for item in self.replicas():
            server, state = servers.get(item.name), seen[item.name].state if item.name in seen else "absent"
            entry = (of_ring if item.ring else versions).setdefault(item.version, {"share": 0.0, "replicas": []})
            entry["share"] += round(100 * server.weight / whole, 1) if server and not item.ring else 0.0
            entry["replicas"].append({"name": item.name, "port": item.port, "weight": server.weight if server else 0,
                                      "healthy": bool(server and server.up), "state": state,
                                      "requests": server.counts.requests if server else 0})
        strays = sorted(seen.keys() - {item.name for item in self.replicas()})
        return {"supervisor": self.supervisor.alive(), "target": reached, "haproxy": proxy, "port": self.deployment.port,
                "versions": versions, "ring": of_ring, "processes": len(members(self.folder)),
                "strays": strays}

    def _apply(self, replicas: Sequence[Replica]) -> None:
        """Bring the target and HAProxy to `replicas`: what comes is started first, what goes is stopped last."""
        self.traffic.claim_port()
        self._write_state(replicas)
        for item in replicas:
            self._note_start(item)
        demand_leases()
        self.target.start(replicas)
        seen = self.target.seen()
        there = [replace(item, elsewhere=seen[item.name].elsewhere) if item.name in seen else item for item in replicas]
        if there != list(replicas):
            self._write_state(there)
        demand_leases()
        self.traffic.apply(there)
        surplus = seen.keys() - {item.name for item in replicas}
        demand_leases()
        self.target.stop(surplus)
        for name in surplus:
            self._start_note(name).unlink(missing_ok=True)

    def started(self, item: Replica) -> dict[str, Any] | None:
        """How a replica was started, as its target's `recipe` tells it."""
        path = self._start_note(item.name)
        found: dict[str, Any] | None = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
        return found

    def _start_note(self, name: str) -> Path:
        return self.folder / "programs" / f"{name}.json"

    def _note_start(self, item: Replica) -> None:
        """One that runs already stays as it was started."""
        path = self._start_note(item.name)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            new = path.with_suffix(".new")
            new.write_text(json.dumps(self.target.recipe(item)), encoding="utf-8")
            new.replace(path)

    def _write_state(self, replicas: Sequence[Replica]) -> None:
        demand_leases()
        self.folder.mkdir(parents=True, exist_ok=True)
        new = self.folder / "state.new"
        new.write_text(json.dumps([asdict(item) for item in replicas]), encoding="utf-8")
        new.replace(self.folder / "state.json")

    def wait_healthy(self, replicas: Sequence[Replica]) -> None:
        """Wait until every one of them answers, to us and to HAProxy. Raises DeploymentError with what is wrong."""
        there = {item.name: item for item in self.replicas()}  # as the target told where they are
        names = {item.name for item in replicas}
        wait_healthy(self.target, [there.get(item.name, item) for item in replicas], self.deployment)
        deadline = time.monotonic() + self.deployment.start_seconds + 5
        while any(not server.up for name, server in self.haproxy.servers().items() if name in names):
            if time.monotonic() > deadline:
                raise DeploymentError(f"{', '.join(sorted(names))}: HAProxy's health checks do not succeed")
            time.sleep(0.1)
