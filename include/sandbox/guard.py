"""The process between us and a product's command: runs it within limits, and ends all that it started, daemons too.

Run as a script of its own, `python -I guard.py '<json>'`; it imports nothing of ours. The JSON has `command` (for /bin/sh),
`cpus` (how many it may use), `network` (whether it has more than a loopback of its own), `address_bytes` (of each process),
`folder` (what it may fill), `spare_bytes` (what must stay free on the folder's disk), `parent` (the process that must live on),
`report` (a file descriptor for the answer: `{"code": int | null, "why": str}`), and the limits `seconds`, `processes` (at once),
`memory_bytes` (of all processes) and `disk_bytes` (of the folder): each a number and the words to say where it is broken.

Every process that loses its parent is given to this one (Linux: PR_SET_CHILD_SUBREAPER), so none can hide by detaching; they
are stopped before they are killed, so none can fork its way out. Not a wall against an attacker: the command has the
rights of the user that runs us. Where a product's code isn't trusted, build it in a container.
"""

import contextlib
import ctypes
import json
import math
import os
import resource
import signal
import subprocess
import sys
import time
from typing import Any

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
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


def cut_off() -> None:
    """Leave this process with no network but a loopback of its own. Raises OSError where the kernel doesn't allow it."""
    import fcntl
    import socket

    libc, user, group = ctypes.CDLL(None, use_errno=True), os.geteuid(), os.getegid()
    if libc.unshare(CLONE_NEWNET):
        if libc.unshare(CLONE_NEWNET | CLONE_NEWUSER):
            raise OSError(ctypes.get_errno(), "unshare")
        for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            with open(f"/proc/self/{name}", "w") as file:  # noqa: PTH123 - few imports start faster
                file.write(text)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, b"lo".ljust(16, b"\0") + IFF_UP.to_bytes(2, sys.byteorder) + bytes(14))


def limit(spec: dict[str, Any]) -> None:
    """Set the limits of the command, in the process that becomes it. Root is not bound by the number of processes."""
    limits = {resource.RLIMIT_CORE: 0, resource.RLIMIT_FSIZE: spec["disk_bytes"][0], resource.RLIMIT_AS: spec["address_bytes"],
              resource.RLIMIT_NOFILE: 4096, resource.RLIMIT_NPROC: 8 * spec["processes"][0]}
    for name, value in limits.items():
        hard = resource.getrlimit(name)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(name, (value, value))
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: math.ceil(spec["cpus"])])
    os.umask(0o022)
    if not spec["network"]:
        cut_off()


def private_bytes(pids: list[int]) -> int:
    """The memory of processes that they share with no file and with nobody, from /proc."""
    pages = 0
    for pid in pids:
        with contextlib.suppress(OSError), open(f"/proc/{pid}/statm") as file:  # noqa: PTH123 - few imports start faster
            resident, shared = file.read().split()[1:3]
            pages += int(resident) - int(shared)
    return pages * resource.getpagesize()


def size(folder: str) -> int:
    """The bytes on disk of everything in `folder`."""
    found, waiting = 0, [folder]
    while waiting:
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    found += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
    return found


def free(folder: str) -> int:
    """The bytes that are left on the disk of `folder`."""
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


class Disk:
    """Whether the folder has grown too big. It is only walked where the disk has lost as much as the folder may still take."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.folder, (self.most, self.words), self.spare = spec["folder"], spec["disk_bytes"], spec["spare_bytes"]
        self.suspicious = free(self.folder) - max(self.most - size(self.folder), 0) * 9 // 10
        self.walked = 0.0

    def trouble(self, at_the_end: bool = False) -> str:
        left = free(self.folder)
        if left < self.spare:
            return f"less than {self.spare // 10**6} MB left on the disk"
        if at_the_end or (left < self.suspicious and time.monotonic() > self.walked + 1):
            full = size(self.folder) >= self.most
            self.walked = time.monotonic()
            return self.words if full else ""
        return ""


def trouble(spec: dict[str, Any], deadline: float, disk: Disk) -> str:
    """Which limit is broken, in its words; empty for none."""
    found = descendants(os.getpid())
    if len(found) > spec["processes"][0]:
        return str(spec["processes"][1])
    if private_bytes(found) > spec["memory_bytes"][0]:
        return str(spec["memory_bytes"][1])
    return str(spec["seconds"][1]) if time.monotonic() > deadline else disk.trouble()


def watch(spec: dict[str, Any], pid: int, stopped: list[int], disk: Disk) -> dict[str, Any]:
    """Wait until the command ends or breaks a limit."""
    deadline = time.monotonic() + spec["seconds"][0]
    while True:
        ended, status = os.waitpid(-1, os.WNOHANG)
        if ended == pid:
            why = disk.trouble(at_the_end=True)
            return {"code": None if why else os.waitstatus_to_exitcode(status), "why": why}
        if stopped or os.getppid() != spec["parent"]:
            return {"code": None, "why": "stopped"}
        if why := trouble(spec, deadline, disk):
            return {"code": None, "why": why}
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
        disk = Disk(spec)
        process = subprocess.Popen(["/bin/sh", "-c", spec["command"]], stdin=subprocess.DEVNULL, start_new_session=True,
                                   preexec_fn=lambda: limit(spec))
        report = watch(spec, process.pid, stopped, disk)
    except subprocess.SubprocessError:  # what went wrong between fork and exec is not told
        report["why"] = "its limits could not be set" + ("" if spec["network"] else ": the network can't be taken away here")
    finally:
        end_all()
        os.write(spec["report"], json.dumps(report).encode())
    os._exit(0)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
