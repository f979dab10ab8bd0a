"""An embedded Airflow: its services in a session of their own, with their own home, port and secrets, on 127.0.0.1.

`python -m local.airflow start|stop` starts it (and applies airflow_settings.yaml), or ends it with everything that it started.
"""

import argparse
import base64
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import yaml

from include.attestation import new_key
from include.product import home
from local import airflow_db

ROOT = Path(__file__).resolve().parents[1]
SETTINGS = ROOT / "airflow_settings.yaml"
USER = "admin"
TRIES = 5  # of a request that a busy database undid


class RefusedError(RuntimeError):
    """Airflow's REST API answered with an error; `status` is the HTTP status. `undone`: its database was busy for too long
    (SQLite lets in one writer at a time), so the request did nothing."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status, self.undone = status, status == 500 and '"Database error"' in message


@dataclass
class LocalAirflow:
    """One embedded Airflow whose files lie in `home` and which listens on `port`."""

    home: Path = field(default_factory=home)
    port: int = field(default_factory=lambda: int(os.environ.get("CLOSED_LOOP_PORT", "8080")))
    extra_env: dict[str, str] = field(default_factory=dict)
    queues: tuple[str, ...] = ()  # with the CeleryExecutor: each has a worker
    _started: "subprocess.Popen[bytes] | None" = field(default=None, init=False)  # where this very process started it

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def _state(self) -> Path:
        return self.home / "airflow" / "session.json"

    @property
    def log(self) -> Path:
        return self.home / "airflow" / "services.log"

    @cached_property
    def keys(self) -> dict[str, str]:
        """Secrets made for this home alone, at the first start that needs them; nobody else may read the file."""
        path = self.home / "secrets.json"
        known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
        if "signing_key" not in known:
            path.parent.mkdir(parents=True, exist_ok=True)
            made = {name: secrets.token_urlsafe(32) for name in ("jwt", "session", "author_key", "contact_key")}
            made["fernet"] = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
            made["password"] = secrets.token_urlsafe(9)
            made["signing_key"] = new_key()
            part = path.with_suffix(".part")
            part.touch(0o600)
            part.write_text(json.dumps(made | known))
            part.rename(path)
        loaded: dict[str, str] = json.loads(path.read_text())
        return loaded

    def env(self) -> dict[str, str]:
        """The environment of every process of this Airflow."""
        airflow_home = self.home / "airflow"
        inherited = {name: value for name, value in os.environ.items()
                     if not name.startswith("AIRFLOW") and name != "PYTHONDONTWRITEBYTECODE"}
        secret = {name: json.dumps({"conn_type": "generic", "password": self.keys[name]})
                  for name in ("author_key", "contact_key", "signing_key")}
        made = inherited | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "PYTHONPATH": str(ROOT),
            "CLOSED_LOOP_HOME": str(self.home),
            "AIRFLOW_HOME": str(airflow_home),
            "AIRFLOW_CONN_AUTHOR_KEY": secret["author_key"],
            "AIRFLOW_CONN_CONTACT_KEY": secret["contact_key"],
            "AIRFLOW_CONN_SIGNING_KEY": secret["signing_key"],
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__API__SECRET_KEY": self.keys["session"],
            "AIRFLOW__API_AUTH__JWT_SECRET": self.keys["jwt"],
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
            "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "5",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__CORE__FERNET_KEY": self.keys["fernet"],
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PARALLELISM": "4",
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(airflow_home / "passwords.json"),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "10",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{airflow_home / 'airflow.db'}?timeout=60",
            "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.1",
            "AIRFLOW__TRIGGERER__DEFAULT_CAPACITY": "10",
            "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "120",  # else a task that waits for the database says again what it said
        } | self.extra_env
        return made | (airflow_db.SETTINGS if made["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].startswith("sqlite") else {})

    def start(self, timeout: float = 180) -> None:
        """Start it and apply the settings; returns when it is healthy. One that runs already is left as it is."""
        if not self.running():
            self.stop()  # what a keeper that was killed left
            self._spawn()
        wait_until(self._healthy, timeout, f"Airflow did not become healthy; see {self.log}")
        self._apply(SETTINGS)

    def _spawn(self) -> None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                raise RuntimeError(f"another program listens on port {self.port}; CLOSED_LOOP_PORT names another port")
        folder = self.home / "airflow"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "passwords.json").write_text(json.dumps({USER: self.keys["password"]}) + "\n")
        (folder / "passwords.json").chmod(0o600)
        with self.log.open("ab") as log:
            self._started = subprocess.Popen(
                [sys.executable, "-m", "local.services", *self.queues], env=self.env(), cwd=ROOT, stdin=subprocess.DEVNULL,
                stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        pid = self._started.pid
        self._state.write_text(json.dumps({"pid": pid, "started": _start_time(pid)}))

    def running(self) -> bool:
        """Whether the process that this home's last start made, which keeps the services, is still there."""
        return self.keeper() is not None

    def keeper(self) -> int | None:
        """The id of that process, and of its session; None when it is gone, or when another got its number."""
        state = self._last_start()
        return state["pid"] if state and state["started"] == _start_time(state["pid"]) else None

    def _last_start(self) -> dict[str, Any] | None:
        return json.loads(self._state.read_text()) if self._state.exists() else None

    def processes(self) -> list[int]:
        """The ids of every process of its session: its services, and the tasks that run. Where the keeper was killed: of those
        that are left of it."""
        state = self._last_start()
        if state is None or _start_time(state["pid"]) not in (None, state["started"]):
            return []
        members = _members(state["pid"])
        return members if self.running() else [pid for pid in members if self._is_ours(pid)]

    def _is_ours(self, pid: int) -> bool:
        mark = os.fsencode(f"AIRFLOW_HOME={self.home / 'airflow'}")
        try:
            return mark in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        except OSError:
            return False

    def stop(self, timeout: float = 20) -> None:
        """End every process of its session. Ends nothing else, and nothing when it does not run."""
        keeper = self.keeper()
        left = partial(_members, keeper) if keeper else self.processes
        for sign in (signal.SIGTERM, signal.SIGKILL):
            for pid in left():
                _kill(pid, sign)
            deadline = time.monotonic() + timeout
            while left() and time.monotonic() < deadline:
                time.sleep(0.1)
        if self._started:
            self._started.wait()
        self._state.unlink(missing_ok=True)

    def _healthy(self) -> bool:
        if not self.running():
            raise RuntimeError(f"Airflow ended while it started; see {self.log}")
        try:
            health = self._request("GET", "/api/v2/monitor/health")
            self._request("GET", "/execution/health")
        except (OSError, RefusedError):
            return False
        parts = ("metadatabase", "scheduler", "dag_processor", "triggerer")
        return all(health[part]["status"] == "healthy" for part in parts)

    @cached_property
    def _token(self) -> str:
        body = {"username": USER, "password": self.keys["password"]}
        token: str = self._request("POST", "/auth/token", body)["access_token"]
        return token

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """Call the REST API (`path` starts behind /api/v2) as the admin user. Raises RefusedError for an error status."""
        return self._call(method, f"/api/v2{path}", body)

    def due(self) -> bool:
        """Whether the scheduler is about to start a run: a key has arrived on all that its DAG waits for.

        Read where the web UI reads it, since the public API does not say.
        """
        found = self._call("GET", "/ui/partitioned_dag_runs?has_created_dag_run_id=false")
        joins = {dag_id for dag_id, condition in (found["asset_expressions"] or {}).items() if "all" in (condition or {})}
        return any(key["dag_id"] not in joins or key["total_received"] >= key["total_required"]
                   for key in found["partitioned_dag_runs"])

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        for _ in range(TRIES - 1):
            try:
                return self._request(method, path, body, {"Authorization": f"Bearer {self._token}"})
            except RefusedError as error:
                if not error.undone:
                    raise
            time.sleep(1)
        return self._request(method, path, body, {"Authorization": f"Bearer {self._token}"})

    def _request(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json", **(headers or {})},  # noqa: S310 - our own http URL
                                         method=method)
        try:
            with urllib.request.urlopen(request, timeout=150) as answer:  # noqa: S310 - the same; the database may be waited for 60 s
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            raise RefusedError(error.code, error.read().decode(errors="replace")[:2000]) from error

    def _apply(self, settings: Path) -> None:
        """Create or update the connections, variables and pools of a settings file in Astro's format."""
        wanted = yaml.safe_load(settings.read_text())["airflow"]
        for item in wanted.get("connections") or []:
            self._put("/connections", "connection_id", {
                "connection_id": item["conn_id"], "conn_type": item["conn_type"], "host": item.get("conn_host"),
                "schema": item.get("conn_schema"), "login": item.get("conn_login"), "password": item.get("conn_password"),
                "port": item.get("conn_port"), "extra": json.dumps(item["conn_extra"]) if item.get("conn_extra") else None})
        for item in wanted.get("variables") or []:
            self._put("/variables", "key", {"key": item["variable_name"], "value": item["variable_value"]})
        for item in wanted.get("pools") or []:
            self._put("/pools", "name", {"name": item["pool_name"], "slots": item["pool_slot"],
                                         "description": item.get("pool_description")})

    def _put(self, path: str, key: str, body: dict[str, Any]) -> None:
        try:
            self.api("POST", path, body)
        except RefusedError as error:
            if error.status != 409:
                raise
            self.api("PATCH", f"{path}/{body[key]}", body)


def wait_until(ready: Callable[[], bool], timeout: float, what: str) -> None:
    """Poll `ready` until it is true. Raises TimeoutError(what) after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.2)


def _stat(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat after the command's name; empty when there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _start_time(pid: int) -> str | None:
    """When a process started, in clock ticks since boot; None when it is gone or a zombie."""
    fields = _stat(pid)
    return fields[19] if fields and fields[0] != "Z" else None


def _members(session: int) -> list[int]:
    """The living processes of a session."""
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if (stat := _stat(pid)) and stat[3] == str(session) and stat[0] != "Z"]


def _kill(pid: int, sign: signal.Signals) -> None:
    try:
        os.kill(pid, sign)
    except ProcessLookupError:
        return


def main() -> None:
    """The command line: start or stop this home's Airflow."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("action", choices=["start", "stop"])
    action = parser.parse_args().action
    getattr(LocalAirflow(), action)()


if __name__ == "__main__":
    main()
