"""A PostgreSQL server of the tests' own: in a temporary folder, on a unix socket, ended with the block."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import NullPool, create_engine, make_url


def programs() -> Path | None:
    """The folder of PostgreSQL's server programs, where they are installed."""
    found = shutil.which("initdb") or next(map(str, Path("/usr/lib/postgresql").glob("*/bin/initdb")), None)
    return Path(found).parent if found else None


class Server:
    """A server in a folder of its own, which may be killed; `url` is the SQLAlchemy URL of its database `postgres`."""

    def __init__(self, binaries: Path) -> None:
        self.binaries, self.folder = binaries, Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
        self.url = f"postgresql+psycopg://postgres@/postgres?host={self.folder}"
        self._as_user: list[str] = []
        if os.geteuid() == 0:  # PostgreSQL runs as nobody's root
            owner = pwd.getpwnam("postgres")
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
            self._as_user = ["runuser", "-u", "postgres", "--"]

    def run(self, name: str, *arguments: str, check: bool = True) -> int:
        """Run one of its programs; returns its exit code."""
        command = [*self._as_user, str(self.binaries / name), "-D", str(self.folder / "data"), *arguments]
        return subprocess.run(command, check=check, stdout=subprocess.DEVNULL, stderr=None if check else subprocess.DEVNULL,
                              cwd=self.folder).returncode

    def start(self, check: bool = True) -> bool:
        """Whether it runs now."""
        options = f"-k {self.folder} -c listen_addresses= -c fsync=off"
        return self.run("pg_ctl", "-w", "-l", str(self.folder / "log"), "-o", options, "start", check=check) == 0

    def kill(self) -> None:
        """Kill it with -9, and start it again as soon as what served its clients has ended too."""
        os.kill(int((self.folder / "data" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
        deadline = time.monotonic() + 60
        while not self.start(check=False):
            assert time.monotonic() < deadline, (self.folder / "log").read_text()[-2000:]
            time.sleep(0.1)


@contextmanager
def running(binaries: Path) -> Iterator[Server]:
    """A server that ends with the block."""
    server = Server(binaries)
    try:
        server.run("initdb", "--username=postgres", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8")
        server.start()
        try:
            yield server
        finally:
            server.run("pg_ctl", "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(server.folder)


@contextmanager
def server(binaries: Path) -> Iterator[str]:
    """The URL of one."""
    with running(binaries) as found:
        yield found.url


def database(url: str, name: str) -> str:
    """Make a database on the server of `url`; returns its own URL."""
    server = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with server.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    return f"postgresql+psycopg://postgres@/{name}?host={make_url(url).query['host']}"
