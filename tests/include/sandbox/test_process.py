"""What processes need besides tests/include/sandbox/test_runners.py: nothing but we ourselves ends them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from include.parts.repository import Limits
from include.sandbox import process as module
from include.sandbox.process import Sandbox
from include.sandbox.runner import Outcome

EMPTY = bytes(1024)  # a tar of nothing


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    made = Sandbox(tmp_path / "sandbox", Limits(processes=20, disk_mb=50))
    made.prepare(EMPTY, without="junit.xml")
    yield made
    made.remove()
    assert not made.folder.exists()


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_command_runs_with_its_own_python(sandbox: Sandbox) -> None:
    done = sandbox.run("python -c 'import sys, os; print(sys.prefix, os.getcwd())'; exit 3", 20)
    assert done == Outcome(3, "", f"{sandbox.folder / 'venv'} {sandbox.tree}\n".encode())
    assert b"No module named 'pandas'" in sandbox.run("python -c 'import pandas'", 20).output


def test_an_endless_command_is_ended_with_all_that_it_started(sandbox: Sandbox) -> None:
    done = sandbox.run("sleep 1000 & echo $!; trap '' TERM; while true; do sleep 0.1; done", 0.5)
    assert done.why == "not done within 0.5 s" and not alive(int(done.output))


DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for fd in range(3):
            os.close(fd)
        with open("daemon.pid", "w") as file:
            file.write(str(os.getpid()))
        time.sleep(1000)
    os._exit(0)
while not os.path.exists("daemon.pid") or not open("daemon.pid").read():
    time.sleep(0.01)
"""


def test_a_daemon_does_not_outlive_the_command(sandbox: Sandbox) -> None:
    (sandbox.tree / "daemon.py").write_text(DAEMON)
    assert sandbox.run("python daemon.py", 20).trouble == ""
    assert not alive(int((sandbox.tree / "daemon.pid").read_text()))


def test_a_command_that_kills_its_guard_fails_and_holds_nobody_up(sandbox: Sandbox) -> None:
    done = sandbox.run("echo $$; echo text; kill -9 $PPID; exec sleep 1000", 20)
    pid, text = done.output.decode().split()
    os.kill(int(pid), signal.SIGKILL)
    assert (done.trouble, text) == ("it killed its guard", "text")


def test_a_disk_that_others_fill_is_left_alone(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SPARE_BYTES", 10**18)
    assert sandbox.run("sleep 1000", 20).why == f"less than {10**12} MB left on the disk"


def test_small_files_count_together(sandbox: Sandbox) -> None:
    done = sandbox.run("for i in 1 2 3 4 5 6; do head -c 9000000 /dev/zero > $i; done; sleep 1000", 20)
    assert done.why == "more than 50 MB of files"


def test_a_command_gets_no_more_cpus_than_agreed(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path / "sandbox", Limits(cpus=0.5))
    sandbox.prepare(EMPTY, without="junit.xml")
    assert sandbox.run("python -c 'import os; print(len(os.sched_getaffinity(0)))'", 20).output == b"1\n"


def test_what_a_test_locked_is_removed_too(sandbox: Sandbox) -> None:
    sandbox.run("mkdir -p a/b && touch a/b/c && chmod 000 a/b a && python -c \"import os\nfor i in range(2000):\n"
                " os.mkdir('d'); os.chdir('d')\"", 20)
    sandbox.remove()
    assert not sandbox.folder.exists()


def test_a_killed_task_leaves_no_process_behind(sandbox: Sandbox) -> None:
    script = f"from pathlib import Path\nfrom include.sandbox.process import Sandbox\n" \
             f"from include.parts.repository import Limits\n" \
             f"Sandbox(Path({str(sandbox.folder)!r}), Limits()).run('echo $$ > pid; sleep 1000', 100)"
    task = subprocess.Popen([sys.executable, "-c", script])
    pid = sandbox.tree / "pid"
    try:
        while not (pid.exists() and pid.read_text()):
            time.sleep(0.02)
    finally:
        task.send_signal(signal.SIGKILL)
        task.wait()
    deadline = time.monotonic() + 5
    while alive(int(pid.read_text())) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not alive(int(pid.read_text()))
