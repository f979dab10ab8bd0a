"""Targets whose replica ends at a certain time, whether anybody looks or not: for a release that is only to be looked at."""

import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol

from docker.errors import NotFound

from include import environment
from include.errors import InputError
from include.parts.deployment import Containers as Settings
from include.parts.deployment import Deployment
from include.product import Product
from include.targets.containers import ENVIRONMENT, REPLICA, Containers
from include.targets.processes import Processes
from include.targets.supervision import Supervisor
from include.targets.target import Replica, Seen, Target

# Each start of the replica is bounded by what is left, so that it ends even where supervisord was killed; where nothing is left,
# supervisord, which has started this script, ends too.
MORTAL = """\
#!/bin/sh
left=$(({ends} - $(date +%s)))
if [ $left -le 0 ]; then kill -TERM $PPID; exit 0; fi
exec timeout --kill-after=10 $left /bin/sh -c {script}
"""
# The replica lives in this container's process namespace, so the kernel ends it with its first process: it is another user's, and
# nothing that the replica does can keep it.
KEEPER, KEEPERS_USER = "keeper", 65533
KEEP = "left=$(({ends} - $(date +%s))); [ $left -gt 0 ] && exec sleep $left"


class Mortal(Target, Protocol):
    """A target of one replica that ends by itself."""

    def has(self, version: str) -> bool:
        """Whether `version` is unpacked."""

    def end(self) -> None:
        """End what runs, and remove all that is not in the environment's folder; nothing where there is nothing."""


def mortal_of(product: Product, version: str, ends: int = 0, image: str | None = None) -> Mortal:
    """Where a release of `product` runs until `ends` (Unix time) beside everything else. In containers where its file says that
    it is deployed, or built, in them; there the release's own `image`, where it has one, is the base.

    What was only built in containers reaches a network only where `repository.network` says so. No release gets the product's
    secrets before it is deployed. Raises InputError where nothing says how it runs.
    """
    deployment, place = product.deployment, f"{product.name}.{version}"
    if deployment is None:
        raise InputError(f"nothing says how {product.name} runs: it has no deployment")
    if deployment.containers:
        return MortalContainers(deployment, deployment.containers, place, ends)
    if (repository := product.repository) and repository.runner == "container":
        limits = repository.limits
        settings = Settings(image=image or repository.image, registry=repository.registry, memory_mb=limits.memory_mb,
                            processes=limits.processes, cpus=limits.cpus)
        return MortalContainers(deployment, settings, place, ends, alone=not repository.network)
    supervisor = Supervisor(environment.folder(place), environment.sockets(place) / "supervisor.sock")
    return MortalProcesses(deployment, supervisor, ends)


class MortalProcesses(Processes):
    """A replica on this machine that ends at `ends`, and its supervisord with it."""

    def __init__(self, deployment: Deployment, supervisor: Supervisor, ends: int) -> None:
        super().__init__(deployment, supervisor)
        self.ends = ends

    def has(self, version: str) -> bool:
        return self._home(version).exists()

    def end(self) -> None:
        self.supervisor.shutdown()

    def _script(self, item: Replica) -> str:
        return MORTAL.format(ends=self.ends, script=shlex.quote(super()._script(item)))


class MortalContainers(Containers):
    """A replica in a container that ends at `ends`. `alone`: in a network of its own that leads nowhere; whoever is on the
    engine's machine reaches it by its address."""

    def __init__(self, deployment: Deployment, settings: Settings, place: str, ends: int, alone: bool = False) -> None:
        super().__init__(deployment, settings, place.lower(), environment.folder(place))  # an image's name has no capitals
        self.ends, self.alone = ends, alone
        self.keeper = f"closed-loop-{self.name}-{KEEPER}"
        if alone:
            self.settings = settings.model_copy(update={"network": f"closed-loop-{self.name}"})

    def has(self, version: str) -> bool:
        with self._engine("the images can't be listed"):
            return bool(self.client.images(f"closed-loop/{self.name}:v{version}"))

    def start(self, replicas: Sequence[Replica]) -> None:
        with self._engine("a container can't be started"):
            if self.alone and not self.client.networks([self.settings.network]):
                self.client.create_network(self.settings.network, internal=True, labels=self._labels())
            found = self._containers().get(KEEPER) or {"Id": self._keeper(replicas[0]), "State": "created"}
            if found["State"] == "created":
                self.begin(found["Id"])
        super().start(replicas)

    def seen(self) -> Mapping[str, Seen]:
        seen = super().seen()
        with self._engine("the containers can't be listed"):
            return {name: Seen(seen[name].state, self._address(found)) for name, found in self._containers().items()
                    if name in seen}

    def end(self) -> None:
        self.stop(self.seen())
        self.keep("")
        with self._engine("a network can't be removed"):
            for network in self.client.networks(filters={"label": f"{ENVIRONMENT}={self.name}"}):
                with suppress(NotFound):
                    self.client.remove_network(network["Id"])

    def _address(self, found: Mapping[str, Any]) -> str | None:
        """`ip:port`, where nothing of 127.0.0.1 leads there."""
        places = found["NetworkSettings"]["Networks"].values()
        ips = [place["IPAddress"] for place in places if place["IPAddress"]]
        port = found["Labels"][REPLICA].rpartition("_")[2]
        return f"{ips[0]}:{port}" if self.alone and ips and port else None

    def _lifetime(self) -> dict[str, Any]:
        return {"pid_mode": f"container:{self.keeper}"}

    def _keeper(self, item: Replica) -> str:
        """Make the container that only waits until the time is over."""
        host = self.client.create_host_config(
            network_mode="none", read_only=True, cap_drop=["ALL"], security_opt=["no-new-privileges"], pids_limit=4,
            mem_limit="32m", init=True, log_config={"Type": "none", "Config": {}})
        made = self.client.create_container(
            f"closed-loop/{self.name}:v{item.version}", entrypoint=["/bin/sh", "-c", KEEP.format(ends=self.ends)], command=[],
            name=self.keeper, user=f"{KEEPERS_USER}:{KEEPERS_USER}", host_config=host, labels=self._labels(KEEPER),
            healthcheck={"test": ["NONE"]}, use_config_proxy=False)
        return str(made["Id"])
