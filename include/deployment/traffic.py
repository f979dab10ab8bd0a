"""The product's traffic: one HAProxy, supervised on this machine, in front of replicas wherever they run."""

from collections.abc import Sequence
from pathlib import Path

from include.deployment import haproxy
from include.parts.deployment import Deployment
from include.targets.supervision import Supervisor, clean_environment, script
from include.targets.target import DeploymentError, Replica, is_free


class Traffic:
    """The HAProxy in the folder of `supervisor`; `socket` is its runtime socket, `log` its access log."""

    def __init__(self, deployment: Deployment, supervisor: Supervisor, socket: Path, log: Path) -> None:
        self.deployment, self.supervisor, self.socket, self.log = deployment, supervisor, socket, log
        self.haproxy = haproxy.Runtime(socket)

    def claim_port(self) -> None:
        """Raises DeploymentError when another process holds the port that HAProxy is to serve."""
        known = self.haproxy.description(wait=2 if self.supervisor.alive() else 0) or ""
        if known.split(" ")[0] != str(self.deployment.port) and not is_free(self.deployment.port):
            raise DeploymentError(f"port {self.deployment.port} on 127.0.0.1 is taken by another process")

    def apply(self, replicas: Sequence[Replica]) -> None:
        """Bring HAProxy to these servers with their weights, first on disk, where it comes back from."""
        folder = self.supervisor.folder
        haproxy.write_checked(folder / "haproxy.cfg", haproxy.config(self.deployment, self.socket, replicas))
        command = [haproxy.program(), "-db", "-f", "haproxy.cfg"]
        self.supervisor.run({"haproxy": script(command, folder, clean_environment(folder), self.log)})
        if self.haproxy.description(wait=15) != haproxy.description(self.deployment):
            self.supervisor.restart("haproxy")
        self.haproxy.converge(replicas)
