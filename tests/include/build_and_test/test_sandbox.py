import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from include.build_and_test import sandbox as module
from include.build_and_test.sandbox import Outcome, Sandbox


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    made = Sandbox(tmp_path / "sandbox")
    made.tree.mkdir(parents=True)
    made.prepare(with_pip=False)
    yield made
    made.remove()
    assert not made.folder.exists()


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_command_runs_in_the_tree_with_its_own_python(sandbox: Sandbox) -> None:
    done = sandbox.run("python -c 'import sys, os; print(sys.prefix, os.getcwd())'; exit 3", 20)
    assert done == Outcome(3, "", f"{sandbox.folder / 'venv'} {sandbox.tree}\n".encode())
    assert done.trouble == "exit code 3"


def test_nothing_of_our_environment_enters(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AIRFLOW_CONN_LEDGER", "AWS_SECRET_ACCESS_KEY", "http_proxy", "PYTHONPATH", "CLOSED_LOOP_HOME"):
        monkeypatch.setenv(name, "secret-value")
    done = sandbox.run("env; python -c 'import pandas'", 20)
    names = {line.partition("=")[0] for line in done.output.decode().splitlines() if "=" in line}
    assert b"secret-value" not in done.output and b"No module named 'pandas'" in done.output
    assert names <= {"PATH", "VIRTUAL_ENV", "HOME", "TMPDIR", "LANG", "CI", "GIT_CONFIG_NOSYSTEM", "PWD", "OLDPWD", "SHLVL", "_"}


def test_an_endless_command_is_ended_with_all_that_it_started(sandbox: Sandbox) -> None:
    started = time.monotonic()
    done = sandbox.run("echo before; sleep 1000 & echo $!; trap '' TERM; while true; do sleep 0.1; done", 0.5)
    assert time.monotonic() - started < 5
    assert (done.code, done.why) == (None, "not done within 0.5 s")
    before, pid = done.output.decode().split()
    assert before == "before" and not alive(int(pid))


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


def test_a_fork_bomb_is_ended(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PROCESSES", 20)
    bomb = "import os, time\nfor _ in range(40):\n    os.fork() or time.sleep(1000)\ntime.sleep(1000)"
    (sandbox.tree / "bomb.py").write_text(bomb)
    done = sandbox.run("python bomb.py", 20)
    assert done.why == "more than 20 processes"


def test_output_is_bounded_and_keeps_its_beginning_and_end(sandbox: Sandbox) -> None:
    done = sandbox.run("echo first; head -c 20000000 /dev/zero | tr '\\0' 'x'; echo; echo last", 20)
    assert done.output.startswith(b"first\n") and done.output.endswith(b"last\n") and b"bytes left out" in done.output
    assert len(done.output) < 2 * module.OUTPUT_BYTES


def test_a_file_that_is_too_big_is_not_written(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FILE_BYTES", 1_000_000)
    assert sandbox.run("head -c 5000000 /dev/zero > big", 20).code not in (0, None)
    assert (sandbox.tree / "big").stat().st_size == 1_000_000


def test_what_a_test_locked_is_removed_too(sandbox: Sandbox) -> None:
    sandbox.run("mkdir -p a/b && touch a/b/c && chmod 000 a/b a && python -c \"import os\nfor i in range(2000):\n"
                " os.mkdir('d'); os.chdir('d')\"", 20)
    sandbox.remove()
    assert not sandbox.folder.exists()


def test_a_killed_task_leaves_no_process_behind(sandbox: Sandbox) -> None:
    script = f"from pathlib import Path\nfrom include.build_and_test.sandbox import Sandbox\n" \
             f"Sandbox(Path({str(sandbox.folder)!r})).run('echo $$ > pid; sleep 1000', 100)"
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
