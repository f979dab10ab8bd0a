"""A release that a person wants to see before it goes live: one replica on a free port, which ends by itself."""

import hashlib
import json
import shutil
import time
from dataclasses import asdict, dataclass, replace
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
from include.targets.mortal import mortal_of
from include.targets.target import DeploymentError, Replica, free_ports, wait_healthy

NOTE = "preview.json"


@dataclass(frozen=True)
class Note:
    """What a preview was started with: the run that asked for it, its port, and when it ends (Unix time)."""

    run_id: str
    port: int
    ends: int


def preview(engine: Engine, product: Product, run: Run, who: str, artifacts: Artifacts, version: str, minutes: float) -> Result:
    """Show a release of `product` (`version`; empty: the newest candidate) for so many minutes, as `who` asked.

    The result says `url` and `ends_at`. A run that comes again finds the preview that it has started. Raises InputError where
    there is no such release, where nothing says how it runs, and where it does not come up.
    """
    if known := result_of(engine, run):
        return known
    if product.deployment is None:
        raise InputError(f"nothing says how {product.name} runs: it has no deployment")
    release = _release(engine, product.name, version)
    with lease(engine, f"preview:{release['key']}", run.run_id):
        note, address = _shown(product, product.deployment, run, artifacts, release, minutes)
        return finish(engine, run, lambda connection: _written(connection, run, who, release, note, address))


def _release(engine: Engine, product: str, version: str) -> RowMapping:
    with reading(engine) as connection:
        rows = connection.execute(select(releases).where(releases.c.product == product)).mappings().all()
    wanted = [row for row in rows if row["artifact"] and (row["version"] == version if version else row["status"] == "candidate")]
    if not wanted:
        raise InputError(f"{product} has no release {plain(version)}" if version else f"{product} has no candidate")
    return max(wanted, key=lambda row: Version.parse(row["version"]))


def _shown(product: Product, deployment: Deployment, run: Run, artifacts: Artifacts, release: RowMapping,
           minutes: float) -> tuple[Note, str]:
    """Have the release run until the time is over, and say at which `ip:port`."""
    _tidy(product)
    version, folder = release["version"], environment.folder(f"{product.name}.{release['version']}")
    note = _known(folder, run)
    if note is None:  # the first time, or another preview of the same release, which makes way
        mortal_of(product, version).end()
        note = _noted(folder, Note(run.run_id, free_ports(1)[0], round(time.time() + 60 * minutes)))
    target, replica = mortal_of(product, version, note.ends, release["image"]), Replica(version, note.port)
    try:
        if not target.has(version):
            target.unpack(version, _archive(artifacts, release))
        target.start([replica])
        found = target.seen().get(replica.name)
        replica = replace(replica, elsewhere=found.elsewhere if found else None)
        wait_healthy(target, [replica], deployment)
    except DeploymentError as error:
        target.end()
        raise InputError(f"{release['key']} does not come up: {error}") from error
    return note, replica.address


def _tidy(product: Product) -> None:
    """Remove what previews of the product left whose time is over."""
    for path in environment.folder(product.name).parent.glob(f"{product.name}.*/{NOTE}"):
        if json.loads(path.read_text())["ends"] < time.time():
            mortal_of(product, path.parent.name.removeprefix(f"{product.name}.")).end()
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


def _written(connection: Connection, run: Run, who: str, release: RowMapping, note: Note, address: str) -> Result:
    url, ends = f"http://{address}", datetime.fromtimestamp(note.ends, UTC)
    upsert(connection, previews, [{"key": release["key"], "run_id": run.run_id, "product": run.product, "url": url,
                                   "ends_at": ends, "by": plain(who, 250), "at": run.at}])
    return {"publish": [], "release": release["key"], "url": url, "ends_at": ends.isoformat()}
