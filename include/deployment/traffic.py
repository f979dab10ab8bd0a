"""The product's traffic: one HAProxy, supervised on this machine, in front of replicas wherever they run."""

from collections.abc import Sequence
from pathlib import Path

from include.deployment import haproxy
from include.ledger.runs import demand_leases
from include.parts.deployment import Deployment
from include.targets.supervision import Supervisor, clean_environment, script
from include.targets.target import DeploymentError, Replica, is_free

# While HAProxy is killed, this shell holds the socket; HAProxy ends with it, or two of them would take from one socket.
KEEP = 'while :; do setpriv --pdeathsig KILL "$0" "$@"; sleep 0.1; done'
PROCESSES = 3  # what keeps HAProxy, HAProxy's master, and its worker


class Traffic:
    """The HAProxy in the folder of `supervisor`, with its sockets in the folder `sockets`; `log` is its access log."""

    def __init__(self, deployment: Deployment, supervisor: Supervisor, sockets: Path, log: Path) -> None:
        self.deployment, self.supervisor, self.log = deployment, supervisor, log
        self.haproxy, self.master = haproxy.Runtime(sockets / "haproxy.sock"), haproxy.Runtime(sockets / "master.sock")

    def claim_port(self) -> None:
        """Raises DeploymentError when another process holds the port that HAProxy is to serve."""
        port = self.deployment.port
        ours = self.supervisor.holds("haproxy", port) or (self.haproxy.description() or "").startswith(f"{port} ")
        if not ours and not is_free(port):
            raise DeploymentError(f"port {port} on 127.0.0.1 is taken by another process")

    def apply(self, replicas: Sequence[Replica]) -> None:
        """Bring HAProxy to these servers with their weights, first on disk, where it comes back from."""
        folder = self.supervisor.folder
        haproxy.write_checked(folder / "haproxy.cfg", haproxy.config(self.deployment, self.haproxy.path, replicas))
        command = [haproxy.program(), "-W", "-db", "-S", f"{self.master.path},mode,600", "-f", "haproxy.cfg"]
        kept = ["/bin/sh", "-c", KEEP, *command]
        self.supervisor.run({"haproxy": script(kept, folder, clean_environment(folder), self.log)},
                            {"haproxy": self.deployment.port})
        wanted = haproxy.description(self.deployment)
        if self.haproxy.description(wait=15) != wanted:
            demand_leases()
            self.master.command("reload")  # the worker that goes ends what it has in its hands
            self.haproxy.wait_for(wanted)
        self.haproxy.converge(replicas)
