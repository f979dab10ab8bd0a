"""Where a stage runs: the embedded default, or engines for more than one machine. CLOSED_LOOP_TEST_PLACE names one of PLACES."""

import json
import os
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import boto3
from moto.server import ThreadedMotoServer
from s3fs import S3FileSystem

from tests.postgres import database, programs, running

CUT = 5.0  # seconds that S3 is away
QUEUES = ("default", "docker")
SETTINGS = Path(__file__).resolve().parents[2] / "deploy" / "airflow.env"
SMALL = {"AIRFLOW__CELERY__WORKER_CONCURRENCY": "2", "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.1"}  # this machine is


def settings() -> dict[str, str]:
    """What compose.yaml tells every service of Airflow."""
    lines = SETTINGS.read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


@dataclass(frozen=True)
class Place:
    """`ledger` and `artifacts` are URLs; `settings` the environment of every process of Airflow; `queues` have a worker each.
    `kill` kills one of its engines with -9, which then comes back as a container would; S3 is away for some seconds."""

    ledger: str
    artifacts: str
    settings: Mapping[str, str] = field(default_factory=dict)
    queues: tuple[str, ...] = ()
    kill: Mapping[str, Callable[[], None]] = field(default_factory=dict)


@contextmanager
def embedded(home: Path) -> Iterator[Place]:
    """All of it in the folder `home`: what `make demo` runs on."""
    yield Place(f"sqlite:///{home / 'ledger.db'}", str(home / "artifacts"))


@contextmanager
def celery(home: Path) -> Iterator[Place]:
    """Two Celery workers, PostgreSQL for Airflow and for the ledger, Redis, and artifacts on S3: real servers, but for S3."""
    binaries = programs()
    assert binaries, "PostgreSQL is not installed"
    with ExitStack() as stack:
        postgres = stack.enter_context(running(binaries))
        ours, airflows = database(postgres.url, "ledger"), database(postgres.url, "airflow")
        (s3, access, cut), redis = stack.enter_context(bucket()), stack.enter_context(broker())
        ledger = {"conn_type": "postgres", "login": "postgres", "schema": "ledger", "extra": {"host": str(postgres.folder)}}
        yield Place(ours, f"{s3}/artifacts", settings() | access | SMALL | {
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": airflows,
            "AIRFLOW__CELERY__BROKER_URL": redis.url,
            "AIRFLOW_CONN_LEDGER": json.dumps(ledger), "AIRFLOW_VAR_ARTIFACTS": f"{s3}/artifacts"},
                    QUEUES, {"postgres": postgres.kill, "redis": redis.kill, "s3": cut})


PLACES: dict[str, Callable[[Path], AbstractContextManager[Place]]] = {"embedded": embedded, "celery": celery}


def chosen(home: Path) -> AbstractContextManager[Place]:
    """The place that the environment names."""
    return PLACES[os.environ.get("CLOSED_LOOP_TEST_PLACE", "embedded")](home)


class Redis:
    """A Redis on a unix socket in `folder`, which keeps what it was told, as compose.yaml's does."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.url = folder, f"redis+socket://{folder}/redis.sock"
        self.process = self._started()

    def _started(self) -> "subprocess.Popen[bytes]":
        socket = self.folder / "redis.sock"
        socket.unlink(missing_ok=True)
        command = ["redis-server", "--port", "0", "--unixsocket", str(socket), "--save", "", "--appendonly", "yes"]
        process = subprocess.Popen([*command, "--dir", str(self.folder)], stdout=subprocess.DEVNULL)
        _until_there(socket)
        return process

    def end(self) -> None:
        self.process.terminate()
        self.process.wait()

    def kill(self) -> None:
        """Kill it with -9 and start it again."""
        self.process.kill()
        self.process.wait()
        self.process = self._started()


@contextmanager
def broker() -> Iterator[Redis]:
    """A Redis that ends with the block."""
    with tempfile.TemporaryDirectory(prefix="redis-", dir="/tmp") as folder:
        redis = Redis(Path(folder))
        try:
            yield redis
        finally:
            redis.end()


@contextmanager
def bucket() -> Iterator[tuple[str, dict[str, str], Callable[[], None]]]:
    """The URL of an empty S3 bucket, the environment with which every S3 client finds it, and what cuts it off a while."""
    name = f"closed-loop-{uuid.uuid4().hex}"  # the S3s of one process share what they hold
    servers = [ThreadedMotoServer("127.0.0.1", 0, verbose=False)]
    servers[0].start()
    host, port = servers[0].get_host_and_port()
    found = {"AWS_ENDPOINT_URL_S3": f"http://{host}:{port}", "AWS_DEFAULT_REGION": "us-east-1",
             "AWS_ACCESS_KEY_ID": "closed-loop", "AWS_SECRET_ACCESS_KEY": "secret"}

    def cut() -> None:
        servers.pop().stop()
        time.sleep(CUT)
        servers.append(ThreadedMotoServer(host, port, verbose=False))
        servers[0].start()

    try:
        with _environment(found):
            client = boto3.client("s3")
            client.create_bucket(Bucket=name)
            client.close()
            yield f"s3://{name}", found, cut
    finally:
        S3FileSystem.clear_instance_cache()  # they know this server's address
        for server in servers:
            server.stop()


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """This process has them too, since the test looks at what lies there."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def _until_there(path: Path) -> None:
    end = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < end, f"{path} is not there"
        time.sleep(0.05)
