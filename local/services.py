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


def keep(services: Iterable[tuple[str, ...]]) -> None:
    """Run these commands, and again whichever ends, until this process is ended. Raises OSError where one can't be started."""
    waiting, running = [*services], dict[int, tuple[str, ...]]()
    while True:
        for service in waiting:  # not subprocess's Popen: a new one waits for children that ended, and keeps that to itself
            running[os.posix_spawnp(service[0], service, os.environ, setpgroup=0)] = service
        ended, _ = os.wait()
        with suppress(ProcessLookupError):
            os.killpg(ended, signal.SIGKILL)
        waiting = [running.pop(ended)]
        time.sleep(PAUSE)


def main(queues: Iterable[str]) -> None:
    """Make the database ready, and keep the services up; raises where the database can't be made ready."""
    subprocess.run(["airflow", "db", "migrate"], check=True)
    keep([*(("airflow", *service) for service in (*SERVICES, *map(worker, queues))), TIDY])


if __name__ == "__main__":
    main(sys.argv[1:])
