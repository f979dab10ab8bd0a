"""What every runner promises, against the real thing: processes, and containers on a Docker engine."""

import io
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from docker import APIClient

from include.parts.repository import Repository
from include.sandbox.container import Container
from include.sandbox.junit import UnreadableError, read_report
from include.sandbox.process import Sandbox
from include.sandbox.runner import OUTPUT_BYTES, Runner
from tests.docker import IMAGE, engine

GREEN = '<testsuite><testcase classname="t" name="a"/></testsuite>'
SMALL = {"memory_mb": 64, "disk_mb": 32, "processes": 24, "cpus": 1}
Made = Callable[..., Runner]


def tar(files: dict[str, str | bytes]) -> bytes:
    """An archive as git makes it: owned by root."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for folder in sorted({str(parent) for name in files for parent in Path(name).parents} - {"."}):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o775
            archive.addfile(entry)
        for name, body in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(body)
            archive.addfile(member, io.BytesIO(body.encode() if isinstance(body, str) else body))
    return content.getvalue()


@pytest.fixture
def docker_engine() -> Iterator[APIClient]:
    with engine() as client:
        yield client


@pytest.fixture(params=["process", "container"])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Made]:
    """Makes runners of each kind over an archive of the given files."""
    runners: list[Runner] = []
    client = request.getfixturevalue("docker_engine") if request.param == "container" else None

    def make(files: dict[str, str | bytes] | None = None, **more: object) -> Runner:
        settings = Repository.model_validate({"url": "x", "test": "x", "image": IMAGE, "limits": SMALL} | more)
        folder = tmp_path / "builds"
        runner: Runner = Sandbox(folder, settings.limits, network=settings.network is not False)
        if request.param == "container":
            runner = Container(client, f"test-{tmp_path.name}", folder, settings)
        runners.append(runner)
        assert runner.prepare(tar(files or {"a": "a"}), without="junit.xml") == []
        return runner

    yield make
    for runner in runners:
        runner.remove()
    assert not (tmp_path / "builds").exists()


def test_a_command_runs_in_the_tree_and_says_how_it_ended(made: Made) -> None:
    runner = made({"a/b.txt": "text", "junit.xml": "brought along"})
    done = runner.run("cat a/b.txt; ls; echo more >&2; touch new a/new; exit 3", 20)
    assert (done.code, done.why, done.trouble) == (3, "", "exit code 3")
    assert done.output == b"texta\nmore\n"
    done = runner.run("test -f new && test -f a/new && python -c 'print(1 + 1)' && cd ~ && touch b", 20)
    assert (done.trouble, done.output) == ("", b"2\n")


def test_results_are_copied_out(made: Made) -> None:
    runner = made()
    runner.run(f"mkdir -p out/deep; printf '%s' '{GREEN}' > out/deep/junit.xml", 20)
    assert read_report(runner.results("out/deep/junit.xml"), "out/deep/junit.xml").plain()["passed"] == 1
    assert (runner.results("out") / "out/deep/junit.xml").read_text() == GREEN
    with pytest.raises(UnreadableError, match=r"wrote no none\.xml"):
        read_report(runner.results("none.xml"), "none.xml")


HOSTILE = (
    "ln -s /etc/passwd junit.xml", "ln -s ../../etc/passwd junit.xml", "mkfifo junit.xml", "mkdir junit.xml",
    "head -c 21000000 /dev/zero > junit.xml", "python -c 'open(\"junit.xml\", \"w\").truncate(10**11)'",
)


def test_hostile_results_are_refused(made: Made) -> None:
    runner = made()
    for command in HOSTILE:
        assert runner.run(f"rm -rf junit.xml; {command}", 20).trouble in ("", "exit code 1")
        with pytest.raises(UnreadableError):
            read_report(runner.results("junit.xml"), "junit.xml")


def test_results_from_elsewhere_are_refused(made: Made) -> None:
    runner = made()
    for name in ("../secret.xml", "/etc/passwd"):
        with pytest.raises(UnreadableError):
            read_report(runner.results(name), name)


def test_nothing_of_our_environment_enters(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AIRFLOW_CONN_LEDGER", "AWS_SECRET_ACCESS_KEY", "http_proxy", "PYTHONPATH", "CLOSED_LOOP_HOME"):
        monkeypatch.setenv(name, "secret-value")
    done = made().run("env", 20)
    names = {line.partition("=")[0] for line in done.output.decode().splitlines()}
    assert b"secret-value" not in done.output
    assert names <= {"PATH", "VIRTUAL_ENV", "HOME", "TMPDIR", "LANG", "CI", "GIT_CONFIG_NOSYSTEM", "PWD", "OLDPWD", "SHLVL", "_",
                     "HOSTNAME"}


LOOPBACK = """
import socket
with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
    print([line.split(":")[0].strip() for line in list(open("/proc/net/dev"))[2:] if int(line.split()[1])])
"""


def test_without_a_network_there_is_loopback(made: Made) -> None:
    done = made({"a.py": LOOPBACK}, network=False).run("python a.py; python a.py", 20)
    assert done.output.decode().splitlines()[1:] == ["['lo']"], done.output


def test_an_endless_command_is_ended(made: Made) -> None:
    runner = made()
    started = time.monotonic()
    done = runner.run("echo before; sleep 1000 & trap '' TERM; while true; do sleep 0.1; done", 0.7)
    assert time.monotonic() - started < 60
    assert (done.code, done.why, done.output) == (None, "not done within 0.7 s", b"before\n")


BOMB = "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass\n"


def test_a_fork_bomb_is_ended(made: Made) -> None:
    runner = made({"bomb.py": BOMB})
    assert runner.run("python bomb.py", 20).why == "more than 24 processes"
    assert runner.run("echo well", 20).output == b"well\n"


def test_a_command_that_fills_the_disk_is_ended(made: Made) -> None:
    runner = made()
    assert runner.run("head -c 100000000000 /dev/zero > big", 20).why == "more than 32 MB of files"
    assert runner.run("rm big; while head -c 9000000 /dev/zero > big$((i = i + 1)); do :; done; exit 1", 20).why == (
        "more than 32 MB of files")
    runner.run("rm big*", 20)  # on a slow disk it may be ended, too, while there is still too much
    assert runner.run("rm -f big*; echo well", 20).output == b"well\n"


def test_a_command_that_eats_the_memory_is_ended(made: Made) -> None:
    runner = made({"eat.py": "import time\nall = []\nwhile True:\n    all.append(b'x' * 10**6)\n    time.sleep(0.001)\n"})
    assert runner.run("python eat.py", 20).why == "more than 64 MB of memory"


def test_output_is_bounded_and_keeps_its_beginning_and_end(made: Made) -> None:
    done = made().run("echo first; head -c 20000000 /dev/zero | tr '\\0' 'x'; echo; echo last", 30)
    assert done.output.startswith(b"first\n") and done.output.endswith(b"last\n") and b"bytes left out" in done.output
    assert len(done.output) < 2 * OUTPUT_BYTES


def test_what_a_command_leaves_running_or_locked_is_no_hindrance(made: Made) -> None:
    runner = made()
    assert runner.run("(setsid sleep 1000 &); mkdir -p x/y; chmod 0 x", 20).trouble == ""
    assert runner.prepare(tar({"b": "b"}), without="junit.xml") == []
    assert runner.run("ls", 20).output == b"b\n"


def test_what_leads_out_of_the_tree_is_left_out(made: Made) -> None:
    runner = made()
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for name, link in (("out", "/etc"), ("up", "../../x"), ("in", "real")):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, link
            archive.addfile(member)
        archive.addfile(tarfile.TarInfo("../escaped"))
        archive.addfile(tarfile.TarInfo("real"))
    assert sorted(runner.prepare(content.getvalue(), without="junit.xml")) == ["../escaped", "out", "up"]
    assert runner.run("ls; cat in", 20).output == b"in\nreal\n"
