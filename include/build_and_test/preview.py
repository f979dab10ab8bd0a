"""A release that a person wants to see before it goes live: one replica on a free port, which ends by itself."""

import hashlib
import json
import shlex
import shutil
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from semver import Version
from sqlalchemy import Connection, Engine, RowMapping, select

from include import environment
from include.artifacts import Artifacts
from include.errors import InputError
from include.ledger.engine import reading, upsert
from include.ledger.runs import Result, Run, finish, lease, result_of
from include.ledger.tables import previews, releases
from include.markup import plain
from include.parts.deployment import Deployment
from include.product import Product
from include.targets.processes import Processes
from include.targets.supervision import Supervisor, members
from include.targets.target import DeploymentError, Replica, free_ports, wait_healthy

NOTE = "preview.json"
# Each start of the replica is bounded by what is left, so that it ends even where supervisord was killed; where nothing is left,
# supervisord, which has started this script, ends too.
MORTAL = """\
#!/bin/sh
left=$(({ends} - $(date +%s)))
if [ $left -le 0 ]; then kill -TERM $PPID; exit 0; fi
exec timeout --kill-after=10 $left /bin/sh -c {script}
"""


@dataclass(frozen=True)
class Note:
    """What a preview was started with: the run that asked for it, its port, and when it ends (Unix time)."""

    run_id: str
    port: int
    ends: int


class Mortal(Processes):
    """Replicas on this machine that end at `ends`, and their supervisord with them, whether anybody looks or not."""

    def __init__(self, deployment: Deployment, supervisor: Supervisor, ends: int) -> None:
        super().__init__(deployment, supervisor)
        self.ends = ends

    def _script(self, item: Replica) -> str:
        return MORTAL.format(ends=self.ends, script=shlex.quote(super()._script(item)))


def preview(engine: Engine, product: Product, run: Run, who: str, artifacts: Artifacts, version: str, minutes: float) -> Result:
    """Show a release of `product` (`version`; empty: the newest candidate) for so many minutes, as `who` asked.

    The result says `url` and `ends_at`. A run that comes again finds the preview that it has started. Raises InputError where
    there is no such release, where nothing says how it runs, and where it does not come up.
    """
    if known := result_of(engine, run):
        return known
    deployment = _allowed(product)
    release = _release(engine, product.name, version)
    with lease(engine, f"preview:{release['key']}", run.run_id):
        note = _shown(product.name, deployment, run, artifacts, release, minutes)
        return finish(engine, run, lambda connection: _written(connection, run, who, release, note))


def _allowed(product: Product) -> Deployment:
    if product.deployment is None:
        raise InputError(f"nothing says how {product.name} runs: it has no deployment")
    if product.repository and product.repository.runner == "container":
        raise InputError(f"{product.name} is built in containers because its code isn't trusted: it is not run as a process "
                         "before its release has passed all gates")
    return product.deployment


def _release(engine: Engine, product: str, version: str) -> RowMapping:
    with reading(engine) as connection:
        rows = connection.execute(select(releases).where(releases.c.product == product)).mappings().all()
    wanted = [row for row in rows if row["artifact"] and (row["version"] == version if version else row["status"] == "candidate")]
    if not wanted:
        raise InputError(f"{product} has no release {plain(version)}" if version else f"{product} has no candidate")
    return max(wanted, key=lambda row: Version.parse(row["version"]))


def _shown(name: str, deployment: Deployment, run: Run, artifacts: Artifacts, release: RowMapping, minutes: float) -> Note:
    """Have the release run until the time is over."""
    _tidy(name)
    place = f"{name}.{release['version']}"
    supervisor = Supervisor(environment.folder(place), environment.sockets(place) / "supervisor.sock")
    note = _known(supervisor.folder, run)
    if note is None:  # the first time, or another preview of the same release, which makes way
        supervisor.shutdown()
        note = _noted(supervisor.folder, Note(run.run_id, free_ports(1)[0], round(time.time() + 60 * minutes)))
    target, replica = Mortal(deployment, supervisor, note.ends), Replica(release["version"], note.port)
    try:
        if not (supervisor.folder / "versions" / replica.version).exists():
            target.unpack(replica.version, _archive(artifacts, release))
        target.start([replica])
        wait_healthy(target, [replica], deployment)
    except DeploymentError as error:
        supervisor.shutdown()
        raise InputError(f"{release['key']} does not come up: {error}") from error
    return note


def _tidy(name: str) -> None:
    """Remove what previews of the product left whose time is over."""
    for path in environment.folder(name).parent.glob(f"{name}.*/{NOTE}"):
        if json.loads(path.read_text())["ends"] < time.time() and not members(path.parent):
            shutil.rmtree(path.parent)


def _known(folder: Path, run: Run) -> Note | None:
    """The preview that this run has started, if its time isn't over."""
    path = folder / NOTE
    note = Note(**json.loads(path.read_text())) if path.exists() else None
    return note if note and note.run_id == run.run_id and note.ends > time.time() else None


def _noted(folder: Path, note: Note) -> Note:
    folder.mkdir(parents=True, exist_ok=True)
    new = folder / f"{NOTE}.new"
    new.write_text(json.dumps(asdict(note)))
    new.replace(folder / NOTE)
    return note


def _archive(artifacts: Artifacts, release: RowMapping) -> bytes:
    content = artifacts.read(release["artifact"])
    if f"sha256:{hashlib.sha256(content).hexdigest()}" != release["digest"]:
        raise InputError(f"{release['key']}: the archive is not the one that was built")
    return content


def _written(connection: Connection, run: Run, who: str, release: RowMapping, note: Note) -> Result:
    url, ends = f"http://127.0.0.1:{note.port}", datetime.fromtimestamp(note.ends, UTC)
    upsert(connection, previews, [{"key": release["key"], "run_id": run.run_id, "product": run.product, "url": url,
                                   "ends_at": ends, "by": plain(who, 250), "at": run.at}])
    return {"publish": [], "release": release["key"], "url": url, "ends_at": ends.isoformat()}
