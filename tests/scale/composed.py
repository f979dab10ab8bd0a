"""`make compose-test`: compose.yaml, started for real, turns the loop.

Every service comes to be healthy; a turn that is asked for with the generated password runs on the workers of both queues, and
the ledger in PostgreSQL holds what it should; a second worker joins; `down` keeps what was there. The images are those of
image.sh and of the folder `services`.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from local.airflow import USER, LocalAirflow
from local.loop import Loop
from local.secrets import made
from tests.loop.stage import PRODUCT

ROOT = Path(__file__).resolve().parents[2]
FILES = ("compose.yaml", "tests/scale/services/compose.yaml")
PATIENCE = 900.0  # seconds for what takes one or two where nothing else runs
CUSTOMERS = """
from datetime import UTC, datetime
from pathlib import Path
from local.customers import write_history
from local.sample.history import create
create(Path("/var/lib/closed-loop/demo"))
write_history(Path("/var/lib/closed-loop/demo/shop-reviews.csv"), datetime.now(UTC))
"""
COUNTED = ("import os; from sqlalchemy import func, select; from include.connection import from_environment;"
           "from include.ledger.engine import connect, reading; from include.ledger.tables import voices, deployments\n"
           "with reading(connect(from_environment('ledger').sql().render_as_string(hide_password=False))) as there:\n"
           "    print(*(there.scalar(select(func.count()).select_from(table)) for table in (voices, deployments)))")
CHECKED = ("from include.connection import from_environment; from include.ledger.check import main\n"
           "raise SystemExit(main(['--ledger', from_environment('ledger').sql().render_as_string(hide_password=False),"
           " '--artifacts', '/var/lib/closed-loop/artifacts']))")


class Composed(LocalAirflow):
    """compose.yaml's services, in a project of their own; its API is asked as an embedded Airflow's."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, 8080)
        where = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://")
        (folder / "products").mkdir()
        (folder / "products" / "shop.yaml").write_text(PRODUCT.format(approval="automatic", port=8091))
        folder.chmod(0o755)  # the image's user reads the products
        words = made() | {
            "DOCKER_GROUP": str(Path(where).stat().st_gid), "DOCKER_SOCKET": where, "CLOSED_LOOP_NIGHT": "0 0 29 2 *",
            "CLOSED_LOOP_IMAGE": "closed-loop-image-test", "CLOSED_LOOP_PRODUCTS": str(folder / "products")}
        (folder / ".env").write_text("".join(f"{name}={word}\n" for name, word in words.items()))

    def compose(self, *words: str, given: str | None = None) -> str:
        """What docker-compose says; its errors go on to ours."""
        files = [word for name in FILES for word in ("-f", str(ROOT / name))]
        command = ["docker-compose", "-p", "closed-loop-compose-test", "--env-file", str(self.home / ".env"), *files]
        return subprocess.run([*command, *words], check=True, cwd=ROOT, text=True, input=given, stdout=subprocess.PIPE).stdout

    def inside(self, service: str, code: str) -> str:
        """What Python code prints in a service's container."""
        return self.compose("exec", "-T", service, "python", "-", given=code)

    @cached_property
    def keys(self) -> dict[str, str]:
        said = self.compose("exec", "-T", "api-server", "cat", "/var/lib/closed-loop/passwords.json")
        return {"password": json.loads(said)[USER]}

    def health(self) -> dict[str, str]:
        """For each container, its service and how it is."""
        ids = self.compose("ps", "-q").split()
        told = json.loads(subprocess.run(["docker", "inspect", *ids], check=True, capture_output=True, text=True).stdout)
        label = "com.docker.compose."
        return {f"{one['Config']['Labels'][label + 'service']}_{one['Config']['Labels'][label + 'container-number']}":
                one["State"].get("Health", one["State"])["Status"] for one in told}

    def up(self, *words: str) -> dict[str, str]:
        """Start what does not run; returns when every service that stays is healthy."""
        self.compose("up", "-d", *words)
        until(lambda: {state for name, state in self.health().items() if not name.startswith("migrate")} == {"healthy"},
              lambda: str(self.health()))
        return self.health()


def say(*words: str) -> None:
    sys.stdout.write(" ".join(words) + "\n")
    sys.stdout.flush()


def until(true: Callable[[], bool], told: Callable[[], str]) -> None:
    """Wait for it; what is `told` ends the wait."""
    end = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > end:
            sys.exit(f"did not come: {told()}")
        time.sleep(2)


def turn(loop: Loop) -> dict[str, set[str]]:
    """One turn of the loop, which has to succeed; returns the hosts that ran tasks of each queue."""
    loop.trigger("nightly_cycle")
    loop.rest(PATIENCE)
    if failed := loop.failures():
        sys.exit("\n".join(failed))
    hosts: dict[str, set[str]] = {}
    tasks: list[dict[str, Any]] = [task for run in loop.runs() for task in loop.tasks(run) if task["hostname"]]
    for task in tasks:
        hosts.setdefault(task["queue"], set()).add(task["hostname"])
    return hosts


def tried(composed: Composed) -> None:
    """All of it, a line for each thing that was seen."""
    loop = Loop(composed)
    say("healthy:", *sorted(composed.up()))
    composed.inside("worker", CUSTOMERS)
    loop.unpause()
    hosts = turn(loop)
    assert set(hosts) == {"default", "docker"}, hosts
    say(f"a turn: {len(loop.runs())} runs, on the workers of", *hosts)
    voices, deployments = before = composed.inside("worker", COUNTED).split()
    assert int(voices) >= 50 and int(deployments) == 1, before
    say(composed.inside("worker", CHECKED), f"PostgreSQL holds {voices} voices, {deployments} deployment")
    two = [name for name in composed.up("--scale", "worker=2") if name.startswith("worker_")]
    assert len(two) == 2, two
    say("a second worker is healthy")
    composed.compose("down")
    composed.up()
    assert composed.inside("worker", COUNTED).split() == before
    say("down and up again: everything is there")


def main() -> None:
    """Try it; every container and volume goes."""
    with tempfile.TemporaryDirectory(prefix="closed-loop-compose-", dir="/var/tmp") as folder:
        composed = Composed(Path(folder))
        try:
            tried(composed)
        except BaseException:
            sys.stderr.write(composed.compose("logs", "--no-color", "--tail", "60"))
            raise
        finally:
            composed.compose("down", "--volumes", "--remove-orphans")


if __name__ == "__main__":
    main()
