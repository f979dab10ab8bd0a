"""supervisord: one for each product's environment, outside of any task, over XML-RPC on a unix socket."""

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Collection, Mapping, Sequence
from http.client import HTTPException
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import SupervisorTransport

from include.errors import InputError

MARK = "CLOSED_LOOP_ENVIRONMENT"  # stands in the environment of each process that belongs to a product's environment
ENDED = {"STOPPED", "EXITED", "FATAL"}
KEPT = ("HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH")

# Every path is relative: supervisord runs in the environment's folder, and would expand a % in its name.
HEAD = """\
[supervisord]
logfile=supervisord.log
logfile_maxbytes=1MB
pidfile=supervisord.pid
[unix_http_server]
file={socket}
chmod=0600
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""
PROGRAM = "[program:{name}]\n"
LISTENING = "[fcgi-program:{name}]\nsocket=tcp://127.0.0.1:{port}\n"  # supervisord listens; the program has it as its input
HOW = """\
command=/bin/sh programs/{name}.sh
autorestart=true
startsecs=1
startretries=5
stopsignal=TERM
stopwaitsecs=10
stopasgroup=true
killasgroup=true
redirect_stderr=true
stdout_logfile=logs/{name}.log
stdout_logfile_maxbytes=1MB
stdout_logfile_backups=1
"""


def clean_environment(folder: Path) -> dict[str, str]:
    """What a supervised process may know: where programs and its home are, and where it belongs. No setting, no secret."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    return {name: os.environ[name] for name in KEPT if name in os.environ} | {"PATH": path, MARK: str(folder)}


def script(command: Sequence[str], directory: Path, environment: Mapping[str, str], output: Path | None = None,
           secrets: Path | None = None) -> str:
    """A shell script that becomes `command` with exactly `environment`, and with what the lines of a file `secrets` export, which
    stand on no command line. What it says goes to the end of `output` if given, even of a command that takes O_APPEND off its
    output, as HAProxy does."""
    pairs = [f"{name}={value}" for name, value in environment.items()]
    lines = ["#!/bin/sh", f"cd {shlex.quote(str(directory))} || exit 1"]
    if output:
        lines += [f"exec 1<>{shlex.quote(str(output))} || exit 1", "tail -c 1 <&1 >/dev/null  # moves the shared offset"]
    reading = ["/bin/sh", "-c", '. "$0" && exec "$@"', str(secrets)] if secrets else []
    return "\n".join([*lines, shlex.join(["exec", "env", "-i", *pairs, *reading, *command]), ""])


def members(folder: Path) -> list[int]:
    """The pids of every process that belongs to the environment at `folder`, supervised or not (Linux: reads /proc)."""
    mark, found = os.fsencode(f"{MARK}={folder}"), []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):  # it ended while we looked, or it is another user's
            if mark in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
    return found


def end_members(folder: Path, patience: float = 12) -> None:
    """End what belongs to `folder`: asked first, killed after `patience` seconds. Raises TimeoutError when one stays."""
    for sign, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, 5.0)):
        for pid in members(folder):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sign)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not members(folder):
                return
            time.sleep(0.05)
    raise TimeoutError(f"processes of {folder} do not end: {members(folder)}")


class Supervisor:
    """The supervisord whose files lie in `folder` and whose socket is at `path`."""

    def __init__(self, folder: Path, path: Path) -> None:
        self.folder, self.path = folder, path

    def _call(self, method: str, *arguments: Any) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{self.path}")
        try:
            with xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport) as proxy:
                return getattr(proxy.supervisor, method)(*arguments)
        finally:
            transport.close()

    def alive(self) -> bool:
        """Whether it answers."""
        try:
            return bool(self._call("getState")["statename"] == "RUNNING")
        except (OSError, HTTPException):
            return False

    def run(self, scripts: Mapping[str, str], ports: Mapping[str, int] | None = None) -> None:
        """Run programs, each a name with its shell script, beside those that run: start supervisord, or tell it what is new.

        One that has ended is started again. Where supervisord was dead, it begins with these programs alone. Those that `ports`
        names find the socket of that port on 127.0.0.1 as their standard input; it stays open while what takes from it changes.
        """
        programs, alive = self.folder / "programs", self.alive()
        self._prepare_folders()
        if not alive:
            end_members(self.folder)  # what an earlier supervisord left, if it was killed
            self._forget([path.stem for path in programs.glob("*.sh")])
        for name, text in scripts.items():
            (programs / f"{name}.sh").write_text(text, encoding="utf-8")
        for name, port in (ports or {}).items():
            self._port(name).write_text(str(port), encoding="utf-8")
        self._configure()
        if not alive:
            self._start()
        [[added, changed, _]] = self._call("reloadConfig")
        self._end(changed)
        for name in [*added, *changed]:
            self._call("addProcessGroup", name)
        for name, state in self.states().items():
            if name in scripts and state in ENDED and name not in added:
                self._call("startProcess", name, False)

    def _prepare_folders(self) -> None:
        for name in ("programs", "logs"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        sockets = self.path.parent
        sockets.mkdir(mode=0o700, exist_ok=True)
        if sockets != self.folder and sockets.stat().st_uid != self.folder.stat().st_uid:
            raise InputError(f"{sockets}: the folder for sockets belongs to somebody else")

    def _configure(self) -> None:
        names = sorted(path.stem for path in (self.folder / "programs").glob("*.sh"))
        text = HEAD.format(socket=self.path) + "".join(self._section(name) for name in names)
        (self.folder / "supervisord.conf").write_text(text, encoding="utf-8")

    def _section(self, name: str) -> str:
        port = self._port(name)
        head = LISTENING.format(name=name, port=port.read_text(encoding="utf-8")) if port.exists() else PROGRAM.format(name=name)
        return head + HOW.format(name=name)

    def _port(self, name: str) -> Path:
        return self.folder / "programs" / f"{name}.port"

    def holds(self, name: str, port: int) -> bool:
        """Whether that port is a running program's."""
        said = self._port(name)
        return (said.exists() and said.read_text(encoding="utf-8") == str(port) and self.alive()
                and self.states().get(name) == "RUNNING")

    def _forget(self, names: Collection[str]) -> None:
        for name in names:
            (self.folder / "programs" / f"{name}.sh").unlink(missing_ok=True)
            self._port(name).unlink(missing_ok=True)

    def _start(self) -> None:
        command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(self.folder / "supervisord.conf")]
        started = subprocess.run(command, cwd=self.folder, env=clean_environment(self.folder), start_new_session=True,
                                 stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False)
        if started.returncode:
            raise RuntimeError(f"supervisord does not start: {started.stdout}{started.stderr}")
        deadline = time.monotonic() + 15
        while not self.alive():
            if time.monotonic() > deadline:
                raise TimeoutError(f"supervisord does not answer at {self.path}")
            time.sleep(0.05)

    def remove(self, names: Collection[str]) -> None:
        """Stop programs and forget them; none where it does not run."""
        self._forget(names)
        if names and self.alive():
            self._configure()
            self._end(self.states().keys() & names)

    def _end(self, names: Collection[str]) -> None:
        for name in names:
            self._call("stopProcessGroup", name, False)
        deadline = time.monotonic() + 30
        while any(state not in ENDED for name, state in self.states().items() if name in names):
            if time.monotonic() > deadline:
                raise TimeoutError(f"programs do not stop: {', '.join(names)}")
            time.sleep(0.05)
        for name in names:
            self._call("removeProcessGroup", name)

    def states(self) -> dict[str, str]:
        """The state of each program: STARTING, RUNNING, BACKOFF, STOPPING, EXITED, FATAL, STOPPED."""
        return {item["name"]: item["statename"] for item in self._call("getAllProcessInfo")}

    def shutdown(self) -> None:
        """End supervisord and everything that belongs to its folder."""
        with contextlib.suppress(OSError, HTTPException):  # it does not run: only what it left is to be ended
            self._call("shutdown")
            deadline = time.monotonic() + 15
            while members(self.folder) and time.monotonic() < deadline:
                time.sleep(0.05)
        end_members(self.folder, 2)
        self.path.unlink(missing_ok=True)
