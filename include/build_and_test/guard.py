"""The process between us and a product's command: runs it within limits, and ends all that it started, daemons too.

Run as a script of its own, `python -I guard.py '<json>'`; it imports nothing of ours. The JSON has `command` (for /bin/sh),
`seconds`, `processes` (how many may run at once), `file_bytes`, `memory_bytes` (address space of each process), `parent` (the
process that must live on) and `report` (a file descriptor for the answer: `{"code": int | null, "why": str}`).

Every process that loses its parent is given to this one (Linux: PR_SET_CHILD_SUBREAPER), so none can hide by detaching; they
are stopped before they are killed, so none can fork its way out. Not a wall against an attacker: the command has the
rights of the user that runs us, network included. Where a product's code isn't trusted, build it in a container.
"""

import contextlib
import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import time
from typing import Any

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
POLL_SECONDS = 0.02


def descendants(pid: int) -> list[int]:
    """Every living process below `pid`, from /proc."""
    found: list[int] = []
    waiting = [pid]
    while waiting:
        try:
            for thread in os.listdir(f"/proc/{(parent := waiting.pop())}/task"):  # noqa: PTH208 - few imports start faster
                with open(f"/proc/{parent}/task/{thread}/children") as file:  # noqa: PTH123 - likewise
                    children = [int(child) for child in file.read().split()]
                found += children
                waiting += children
        except OSError:  # it has ended meanwhile
            continue
    return found


def end_all() -> None:
    """Stop, then kill, every process below this one, until none is left."""
    while found := descendants(os.getpid()):
        for sign in (signal.SIGSTOP, signal.SIGKILL):
            for pid in found:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, sign)
            found = descendants(os.getpid()) if sign == signal.SIGSTOP else found
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(POLL_SECONDS / 4)


def limit(spec: dict[str, Any]) -> None:
    """Set the limits of the command, in the process that becomes it. Root is not bound by the number of processes."""
    limits = {resource.RLIMIT_CORE: 0, resource.RLIMIT_FSIZE: spec["file_bytes"], resource.RLIMIT_AS: spec["memory_bytes"],
              resource.RLIMIT_NOFILE: 4096, resource.RLIMIT_NPROC: 8 * spec["processes"]}
    for name, value in limits.items():
        hard = resource.getrlimit(name)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(name, (value, value))
    os.umask(0o022)


def watch(spec: dict[str, Any], pid: int, stopped: list[int]) -> dict[str, Any]:
    """Wait until the command ends or breaks a limit."""
    deadline = time.monotonic() + spec["seconds"]
    while True:
        ended, status = os.waitpid(-1, os.WNOHANG)
        if ended == pid:
            return {"code": os.waitstatus_to_exitcode(status), "why": ""}
        if stopped or os.getppid() != spec["parent"]:
            return {"code": None, "why": "stopped"}
        if time.monotonic() > deadline:
            return {"code": None, "why": f"not done within {spec['seconds']:g} s"}
        if len(descendants(os.getpid())) > spec["processes"]:
            return {"code": None, "why": f"more than {spec['processes']} processes"}
        if not ended:
            time.sleep(POLL_SECONDS)


def main(spec: dict[str, Any]) -> None:
    """Run the command of `spec` and report how it ended."""
    stopped: list[int] = []
    for sign in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(sign, lambda number, _: stopped.append(number))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    if prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) or prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
    report = {"code": None, "why": "stopped"}
    try:
        process = subprocess.Popen(["/bin/sh", "-c", spec["command"]], stdin=subprocess.DEVNULL, start_new_session=True,
                                   preexec_fn=lambda: limit(spec))
        report = watch(spec, process.pid, stopped)
    finally:
        end_all()
        os.write(spec["report"], json.dumps(report).encode())
    os._exit(0)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
