"""The services of an embedded Airflow, kept up: one that ends by itself, or is killed, is started again.

What `airflow standalone` starts, but for the servers of log files: those listen on every address, and nobody needs them here.
Each service leads a process group of its own, in the session of this process; what is left of the group of one that ended (the
workers of a killed scheduler, which would wait for work for ever) ends with it, as in a container.

`python -m local.services [QUEUE …]`: each queue has a Celery worker of its own.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress

SERVICES = (("scheduler", "--skip-serve-logs"), ("dag-processor",), ("triggerer", "--skip-serve-logs"), ("api-server",))
TIDY = (sys.executable, "-m", "local.tidy")
PAUSE = 1.0  # seconds before one is started again


def worker(queue: str) -> tuple[str, ...]:
    """The Celery worker of one queue; it asks no other worker anything."""
    return "celery", "worker", "--queues", queue, "--celery-hostname", f"{queue}@%h", "--skip-serve-logs", "--without-gossip"


def keep(queues: Iterable[str] = ()) -> None:
    """Make the database ready and run the services until this process is ended; raises where the database can't be made ready."""
    subprocess.run(["airflow", "db", "migrate"], check=True)
    running: dict[int, tuple[str, ...]] = {}
    waiting = [*(("airflow", *service) for service in (*SERVICES, *map(worker, queues))), TIDY]
    while True:
        for service in waiting:
            running[subprocess.Popen(service, process_group=0).pid] = service
        ended, _ = os.wait()
        with suppress(ProcessLookupError):
            os.killpg(ended, signal.SIGKILL)
        waiting = [running.pop(ended)]
        time.sleep(PAUSE)


if __name__ == "__main__":
    keep(sys.argv[1:])
