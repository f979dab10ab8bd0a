"""HAProxy: its configuration, and changes to it while it runs, over its runtime socket.

It takes the connections of a socket that is not its own (`fd@0`): while it is away, they wait there, and none is refused. The
configuration on disk always names the servers and weights that are wanted, so a HAProxy that was restarted comes back with
them. Its log is one JSON object a line: `at` (Unix time in ms when the answer ended), `method`, `path` (at most 512
bytes and without the query string, which may hold personal data), `status`, `ms` (from the request's first byte to the
answer's last), `server`, `ended` (HAProxy's termination state; `--` is a normal end), `bytes`.
"""

import csv
import hashlib
import io
import shutil
import socket
import subprocess
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from include.deployment import ring
from include.deployment.rules import Counts
from include.errors import InputError
from include.ledger.runs import demand_leases
from include.parts.deployment import Deployment
from include.targets.target import Replica

CHECK = "check inter 500ms fall 2 rise 1"
ANSWERS = ("hrsp_1xx", "hrsp_2xx", "hrsp_3xx", "hrsp_4xx")

# Server-side connections are closed after each answer: a replica that goes away never meets a request on an idle connection.
# What may be repeated without harm (RFC 9110, 9.2.2) is, on another server; anything is while no connection was made.
CONFIG = """\
global
  description {description}
  hard-stop-after 65s
  stats socket {socket} mode 600 level admin
  log stdout len 4096 format raw local0

defaults
  mode http
  timeout connect 2s
  timeout check 2s
  timeout client 60s
  timeout server 60s
  timeout http-request 10s
  timeout http-keep-alive 30s
  retries 3
  option redispatch 1
  option http-server-close
  option idle-close-on-response

frontend web
  bind fd@0
  log global
  http-request set-var(txn.path) path,bytes(0,512)
  log-format '{log_format}'
  default_backend app

backend app
  balance roundrobin
  retry-on conn-failure empty-response 503
  http-request disable-l7-retry unless {{ method GET HEAD OPTIONS PUT DELETE }}
  option httpchk
  http-check send meth GET uri '{health}' hdr Host localhost
  http-check expect status 200
"""
DEFAULT, BACKEND = "  default_backend app\n", "\nbackend app\n"
LOG_FORMAT = ('{"at":%[date(0,ms)],"method":"%HM","path":"%[var(txn.path),json(utf8s)]","status":%ST,"ms":%Ta,'
              '"server":"%s","ended":"%ts","bytes":%B}')


def description(deployment: Deployment) -> str:
    """What names the part of the configuration that can't change while HAProxy runs: `port digest`."""
    content = f"{CONFIG}{LOG_FORMAT}{deployment.port}{deployment.health}{_routing(deployment)}"
    return f"{deployment.port} {hashlib.sha256(content.encode()).hexdigest()[:12]}"


def config(deployment: Deployment, runtime_socket: Path, replicas: Sequence[Replica]) -> str:
    """The text of haproxy.cfg."""
    head = CONFIG.format(description=description(deployment), socket=runtime_socket, log_format=LOG_FORMAT,
                         health=deployment.health)
    head = head.replace(DEFAULT, _routing(deployment) + DEFAULT)
    inner = _servers(item for item in replicas if item.ring)
    ring_backend = f"\nbackend {ring.NAME}\n{head.partition(BACKEND)[2]}{inner}" if deployment.ring else ""
    return head + _servers(item for item in replicas if not item.ring) + ring_backend


def _routing(deployment: Deployment) -> str:
    return ring.routing(deployment.ring) if deployment.ring else ""


def _servers(replicas: Iterable[Replica]) -> str:
    return "".join(f"  server {item.name} {item.address} weight {item.weight} {CHECK}\n" for item in replicas)


def program() -> str:
    """Where HAProxy is; Debian puts it where a user's PATH does not look. Raises InputError when it is not installed."""
    found = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise InputError("haproxy is not installed: packages.txt names what Closed Loop needs of Debian")
    return found


def write_checked(path: Path, text: str) -> None:
    """Replace the configuration at `path` once HAProxy itself finds it good. Raises RuntimeError with what it says, and
    LostLeaseError where another has the lease by then."""
    new = path.with_suffix(".new")
    new.write_text(text, encoding="utf-8")
    with socket.socket() as instead:  # of the one that it will take connections from
        checked = subprocess.run([program(), "-c", "-f", new], stdin=instead.fileno(), capture_output=True, text=True,
                                 check=False, timeout=30)
    if checked.returncode:
        raise RuntimeError(f"haproxy refuses its configuration: {checked.stderr}")
    demand_leases()
    new.replace(path)


@dataclass(frozen=True)
class Server:
    """One server as the running HAProxy sees it."""

    backend: str
    up: bool
    address: str
    weight: int
    sessions: int
    counts: Counts


class Runtime:
    """A running HAProxy, over its runtime socket (HAProxy management guide, 9.3)."""

    def __init__(self, path: Path, wait: float = 15) -> None:
        self.path, self.wait = path, wait

    def command(self, text: str, wait: float | None = None) -> str:
        """The answer to one command. A HAProxy that is just being restarted is waited for; then raises OSError."""
        deadline = time.monotonic() + (self.wait if wait is None else wait)
        while True:
            try:
                return self._ask(text)
            except (ConnectionError, FileNotFoundError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def _ask(self, text: str) -> str:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(10)
            client.connect(str(self.path))
            client.sendall(f"{text}\n".encode())
            answer = b"".join(iter(lambda: client.recv(65536), b""))
        return answer.decode(errors="replace").strip()

    def _expect(self, text: str, answer: str) -> None:
        if (found := self.command(text)) != answer:
            raise RuntimeError(f"haproxy answers {found!r} to {text!r}")

    def description(self, wait: float = 0) -> str | None:
        """The description of the configuration that it runs with; None when it does not run."""
        try:
            lines = self.command("show info", wait).splitlines()
        except OSError:
            return None
        return next((line.partition(": ")[2] for line in lines if line.startswith("description: ")), "")

    def wait_for(self, description: str) -> None:
        """Until it runs with the configuration of that description. Raises RuntimeError when it does not in time."""
        deadline = time.monotonic() + self.wait
        while (found := self.description()) != description:
            if time.monotonic() > deadline:
                raise RuntimeError(f"haproxy runs with {found}, not with {description}")
            time.sleep(0.05)

    def servers(self, wait: float | None = None) -> dict[str, Server]:
        """Every server of the backends, by name. Raises OSError when it does not answer within `wait` seconds."""
        rows = csv.DictReader(io.StringIO(self.command("show stat", wait).removeprefix("# ")))
        return {row["svname"]: _server(row) for row in rows
                if row["pxname"] in ("app", ring.NAME) and row["svname"] != "BACKEND"}

    def converge(self, replicas: Sequence[Replica]) -> None:
        """Add, weigh and delete servers until they are `replicas`. Weights rise before others fall, and servers go last. Raises
        LostLeaseError as soon as another has the lease."""
        there = self.servers()
        for item in sorted(replicas, key=lambda item: there[item.name].weight - item.weight if item.name in there else 0):
            demand_leases()
            if item.name not in there:
                self._add(item)
                continue
            if there[item.name].address != item.address:  # its target started it elsewhere
                host, _, port = item.address.rpartition(":")
                self.command(f"set server {_backend(item)}/{item.name} addr {host.strip('[]')} port {port}")
            if there[item.name].weight != item.weight:
                self._expect(f"set server {_backend(item)}/{item.name} weight {item.weight}", "")
        for name in there.keys() - {item.name for item in replicas}:
            demand_leases()
            self.delete(name, there[name].backend)

    def _add(self, item: Replica) -> None:
        name = f"{_backend(item)}/{item.name}"
        self._expect(f"add server {name} {item.address} weight {item.weight} {CHECK}", "New server registered.")
        self._expect(f"enable health {name}", "")
        self._expect(f"enable server {name}", "")

    def drained(self, names: set[str], seconds: float = 65) -> bool:
        """Wait until none of `names` has a session left; False when some had one after `seconds` (more than a time-out)."""
        deadline = time.monotonic() + seconds
        while any(server.sessions for name, server in self.servers().items() if name in names):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.1)
        return True

    def delete(self, name: str, backend: str = "app") -> None:
        """Take a server out, cutting what sessions it still has."""
        self._expect(f"set server {backend}/{name} state maint", "")
        for _ in range(100):
            if (answer := self.command(f"del server {backend}/{name}")) in {"Server deleted.", "No such server."}:
                return
            self.command(f"shutdown sessions server {backend}/{name}")
            time.sleep(0.1)
        raise RuntimeError(f"haproxy does not delete server {name}: {answer}")


def _backend(item: Replica) -> str:
    return ring.NAME if item.ring else "app"


def _server(row: dict[str, str]) -> Server:
    def number(name: str) -> int:
        return int(row[name] or 0)

    signs = number("hrsp_5xx") + number("econ") + number("eresp") + max(number("wretr"), number("wredis"))
    return Server(row["pxname"], row["status"].startswith(("UP", "no check")), row["addr"], number("weight"), number("scur"),
                  Counts(number("stot"), sum(map(number, ANSWERS)), signs))
