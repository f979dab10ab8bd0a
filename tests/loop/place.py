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

from include.ledger.engine import connect
from tests.postgres import programs, server

QUEUES = ("default", "docker")
SETTINGS = Path(__file__).resolve().parents[2] / "deploy" / "airflow.env"
SMALL = {"AIRFLOW__CELERY__WORKER_CONCURRENCY": "2", "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.1"}  # this machine is


def settings() -> dict[str, str]:
    """What compose.yaml tells every service of Airflow."""
    lines = SETTINGS.read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


@dataclass(frozen=True)
class Place:
    """`ledger` and `artifacts` are URLs; `settings` the environment of every process of Airflow; `queues` have a worker each."""

    ledger: str
    artifacts: str
    settings: Mapping[str, str] = field(default_factory=dict)
    queues: tuple[str, ...] = ()


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
        host = databases(stack.enter_context(server(binaries)))
        (s3, access), redis = stack.enter_context(bucket()), stack.enter_context(broker())
        ledger = {"conn_type": "postgres", "login": "postgres", "schema": "ledger", "extra": {"host": host}}
        yield Place(f"postgresql+psycopg://postgres@/ledger?host={host}", f"{s3}/artifacts", settings() | access | SMALL | {
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg://postgres@/airflow?host={host}",
            "AIRFLOW__CELERY__BROKER_URL": redis,
            "AIRFLOW_CONN_LEDGER": json.dumps(ledger), "AIRFLOW_VAR_ARTIFACTS": f"{s3}/artifacts"}, QUEUES)


PLACES: dict[str, Callable[[Path], AbstractContextManager[Place]]] = {"embedded": embedded, "celery": celery}


def chosen(home: Path) -> AbstractContextManager[Place]:
    """The place that the environment names."""
    return PLACES[os.environ.get("CLOSED_LOOP_TEST_PLACE", "embedded")](home)


def databases(url: str) -> str:
    """Make the databases `airflow` and `ledger` on a server; returns the folder of its socket."""
    admin = connect(url)
    with admin.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        for name in ("airflow", "ledger"):
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
    admin.dispose()
    return str(admin.url.query["host"])


@contextmanager
def broker() -> Iterator[str]:
    """The URL of a Redis on a unix socket."""
    with tempfile.TemporaryDirectory(prefix="redis-", dir="/tmp") as folder:
        redis = subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", f"{folder}/redis.sock", "--save", "",
                                  "--dir", folder], stdout=subprocess.DEVNULL)
        try:
            _until_there(Path(folder) / "redis.sock")
            yield f"redis+socket://{folder}/redis.sock"
        finally:
            redis.terminate()
            redis.wait()


@contextmanager
def bucket() -> Iterator[tuple[str, dict[str, str]]]:
    """The URL of an empty S3 bucket, and the environment with which every S3 client finds it."""
    name = f"closed-loop-{uuid.uuid4().hex}"  # the S3s of one process share what they hold
    s3 = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    s3.start()
    host, port = s3.get_host_and_port()
    found = {"AWS_ENDPOINT_URL_S3": f"http://{host}:{port}", "AWS_DEFAULT_REGION": "us-east-1",
             "AWS_ACCESS_KEY_ID": "closed-loop", "AWS_SECRET_ACCESS_KEY": "secret"}
    try:
        with _environment(found):
            client = boto3.client("s3")
            client.create_bucket(Bucket=name)
            client.close()
            yield f"s3://{name}", found
    finally:
        S3FileSystem.clear_instance_cache()  # they know this server's address
        s3.stop()


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
