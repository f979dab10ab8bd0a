"""What keeps services up: whichever ends is started again, however many end at once, with nothing left of what it was."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

KEEP = """
import sys
from local import services

services.PAUSE = 0.2
services.keep([("sleep", f"30{number}") for number in range(4)] + [("sh", "-c", "sleep 400 & exec sleep 401")])
"""
NAMES = {"sleep 300", "sleep 301", "sleep 302", "sleep 303", "sleep 400", "sleep 401"}


def of_session(session: int) -> dict[str, int]:
    """The pids of a session's processes by their command lines; each there once."""
    found = dict[str, int]()
    for path in Path("/proc").glob("[0-9]*"):
        try:
            line = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
            if line in NAMES and os.getsid(int(path.name)) == session:
                assert line not in found, f"{line} runs twice"
                found[line] = int(path.name)
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def until(ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_all_that_end_at_once_come_back() -> None:
    keeper = subprocess.Popen([sys.executable, "-c", KEEP], start_new_session=True)
    try:
        until(lambda: set(of_session(keeper.pid)) == NAMES)
        for _ in range(3):
            before = of_session(keeper.pid)
            for name in NAMES - {"sleep 400"}:  # what a service left in its group ends with it
                os.kill(before[name], signal.SIGKILL)
            until(lambda before=before: _anew(before, keeper.pid))
    finally:
        os.killpg(keeper.pid, signal.SIGKILL)
        for pid in of_session(keeper.pid).values():
            os.kill(pid, signal.SIGKILL)
        keeper.wait()


def _anew(before: dict[str, int], session: int) -> bool:
    now = of_session(session)
    return set(now) == NAMES and all(now[name] != before[name] for name in NAMES)
