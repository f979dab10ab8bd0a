"""A product to deploy: its replica's code, its archive, its ledger rows, and customers who keep asking."""

import hashlib
import http.client
import io
import tarfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from include.artifacts import Artifacts
from include.deployment.environment import Environment
from include.key import Key
from include.ledger.engine import upsert, writing
from include.ledger.runs import Run
from include.ledger.tables import phase_runs, releases
from include.product import Product
from include.targets.target import free_ports
from tests.conftest import NOW

APP = '''
import hashlib, itertools, json, os, signal, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FAULT, COUNT = "@FAULT@", itertools.count(1)

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_GET(self):
        path = self.path.partition("?")[0]
        status = 200
        if path == "/health":
            status = 500 if FAULT == "unhealthy" else 200
        elif path == "/die":
            os._exit(1)
        elif path == "/environment":
            return self.answer(200, json.dumps(dict(os.environ)))
        elif path == "/secret":  # a hash of a variable, which alone may leave
            return self.answer(200, hashlib.sha256(os.environ["DB_PASSWORD"].encode()).hexdigest())
        elif FAULT == "errors":
            status = 500
        elif FAULT == "unavailable":
            status = 503
        elif FAULT == "dies":
            os._exit(1)
        if FAULT == "slow" and path != "/health":
            time.sleep(0.05)
        if FAULT == "tail" and path != "/health" and next(COUNT) % 20 == 0:
            time.sleep(1.5)
        if path == "/slow":
            time.sleep(1)
        self.answer(status, os.environ["RELEASE_VERSION"])

    do_POST = do_GET

    def answer(self, status, text):
        body = text.encode()
        self.rfile.read(int(self.headers.get("content-length") or 0))
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

class Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = False  # at the end, answers that are under way are finished

if FAULT == "tells":
    sys.exit("can't log in with " + os.environ["DB_PASSWORD"])
if FAULT == "exits":
    sys.exit("no configuration, no service")
server = Server(([*sys.argv, "127.0.0.1"][2], int(sys.argv[1])), Handler)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever(0.05)
server.server_close()
'''


def archive(fault: str = "", padding: int = 0) -> bytes:
    """A tar of the product, with a fault: errors, slow, tail (few are slow), unavailable, dies, unhealthy, exits, tells (its
    secret, and exits), or none."""
    content, buffer = APP.replace("@FAULT@", fault).encode(), io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        info = tarfile.TarInfo("app.py")
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
        if padding:
            info = tarfile.TarInfo("padding")
            info.size = padding
            tar.addfile(info, io.BytesIO(bytes(padding)))
    return buffer.getvalue()


def product(port: int | None = None, name: str = "shop", canary: dict[str, Any] | None = None, **changes: Any) -> Product:
    """A product with two replicas. A step of its canary is over with 20 requests, however long a loaded machine takes for them;
    latencies, which such a machine breaks, are not compared."""
    quick = {"steps": [10, 50, 100], "seconds": 90, "min_requests": 20, "max_error_rate": 0.05,
             "analysis": {"metrics": {"latency": None}}}
    deployment = {"command": "python app.py {port}", "port": port or free_ports(1)[0], "replicas": 2, "start_seconds": 60,
                  "canary": quick | (canary or {})}
    return Product.model_validate({"name": name, "title": "Tea shop", "owner": "team-shop", "deployment": deployment | changes})


def run_of(version: str, minutes: int = 0, run_id: str | None = None, name: str = "shop") -> Run:
    return Run("deployment", run_id or f"run-{version}", Key(name, version), NOW + timedelta(minutes=minutes))


def candidate(engine: Engine, artifacts: Artifacts, version: str, fault: str = "", name: str = "shop",
              gates: tuple[str, ...] = ("compliance_checks", "user_testing"), padding: int = 0) -> None:
    """A release that went through `gates`."""
    content, key = archive(fault, padding), f"{name}|{version}"
    artifact, digest = artifacts.keep(content, ".tar")
    assert digest.endswith(hashlib.sha256(content).hexdigest())
    with writing(engine) as connection:
        upsert(connection, releases, [{
            "key": key, "product": name, "version": version, "commit": "c" + version, "previous": None, "artifact": artifact,
            "digest": digest, "changelog": "", "tests": {}, "status": "candidate", "at": NOW}])
        upsert(connection, phase_runs, [{"phase": gate, "run_id": f"gate-{version}", "key": key, "at": NOW,
                                         "result": {"publish": [key]}} for gate in gates])


class Customers:
    """Threads that keep asking until stopped: new connections and one that stays open; `failures` and `seen` versions. `browsers`
    ask once more when a connection that was made breaks, as RFC 9110, 9.2.2 allows; `again` says how often."""

    def __init__(self, port: int, methods: tuple[str, ...] = ("GET", "POST"), browsers: bool = False) -> None:
        self.port, self.methods, self.browsers, self.asked, self.again = port, methods, browsers, 0, 0
        self.failures, self.seen = list[str](), dict[str, int]()
        self._stop, self._lock = threading.Event(), threading.Lock()

    def ask(self, method: str, keep: bool) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        while not self._stop.is_set():
            try:
                self._note(*self._answer(connection, method, keep))
            except (OSError, http.client.HTTPException) as error:
                self._note(0, repr(error))
                connection.close()
            time.sleep(0.01)
        connection.close()

    def _answer(self, connection: http.client.HTTPConnection, method: str, keep: bool) -> tuple[int, str]:
        try:
            return self._once(connection, method, keep)
        except (ConnectionResetError, BrokenPipeError, http.client.HTTPException):
            if not self.browsers:
                raise
        self.again += 1
        connection.close()
        return self._once(connection, method, keep)

    def _once(self, connection: http.client.HTTPConnection, method: str, keep: bool) -> tuple[int, str]:
        connection.request(method, "/tea?customer=secret", headers={} if keep else {"connection": "close"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    def _note(self, status: int, text: str) -> None:
        with self._lock:
            self.asked += 1
            if status == 200:
                self.seen[text] = self.seen.get(text, 0) + 1
            else:
                self.failures.append(f"{status} {text}")

    @contextmanager
    def asking(self) -> Iterator["Customers"]:
        ways = [(method, keep) for method in self.methods for keep in (True, False)]
        threads = [threading.Thread(target=self.ask, args=way) for way in ways]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()


def worker(place: Environment) -> int:
    """The pid of the HAProxy that answers customers; `parent` has its master's."""
    lines = place.haproxy.command("show info").splitlines()
    return int(next(line.partition(": ")[2] for line in lines if line.startswith("Pid: ")))


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def ask(port: int, path: str = "/tea") -> tuple[int, str]:
    """One GET: status and text."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()
