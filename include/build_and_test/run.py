"""Step 7: the product's newest commit becomes a tested release candidate, kept by its digest.

Without a matrix `build` does all of it. With one it chooses the commit, `try_entry` tests an entry of the matrix, each in a
task of its own, and `join` makes the release of what they came to.
"""

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Engine, RowMapping, select

from include.artifacts import Artifacts
from include.attestation import keys_of
from include.build_and_test.commits import changelog
from include.build_and_test.git import Mirror
from include.build_and_test.matrix import judged, keep, kept
from include.build_and_test.plan import Plan, plan_of
from include.build_and_test.record import written
from include.build_and_test.sbom import packages_in, sbom
from include.build_and_test.trial import Tested, tried
from include.connection import Connection as PlainConnection
from include.connection import Connections, no_connections
from include.errors import InputError
from include.ledger.engine import reading
from include.ledger.runs import Result, Run, finish, lease, result_of
from include.ledger.tables import releases
from include.parts.repository import Repository
from include.product import Product
from include.provenance import Built, signed
from include.sandbox.chosen import runner_of
from include.sandbox.container import Docker, no_docker

Request = dict[str, Any]


@dataclass(frozen=True)
class Means:
    """What opens doors for a build: connections by name, the one that signs provenance, where there is one, a Docker engine."""

    connections: Connections = no_connections
    signing_key: PlainConnection | None = None
    docker: Docker = no_docker


NO_MEANS = Means()


def build(engine: Engine, product: Product, run: Run, artifacts: Artifacts, request: Request | None = None,
          means: Means = NO_MEANS) -> Result:
    """Build and test the newest commit of `product`.

    `request` is what a person asked for in the release form: `{"version": "1.4.0" or "", "note": str, "by": str}`.
    The result publishes the candidate's key; has `rests` (why) where there is nothing new; has `failed` (why) where the tests
    do not speak for a release, which is recorded all the same. `untied` are the commits that tie to no story, newest first.
    Where the product has a matrix it publishes nothing, and has the `entries` that are to be tested before `join`.
    Raises InputError where the repository, its branch, the version asked for or a connection is wrong.
    """
    if known := result_of(engine, run) or result_of(engine, _chosen(run)):
        return known
    if product.repository is None:
        return finish(engine, run, lambda _: {"publish": [], "rests": "the product has no repository"})
    one = _Build(engine, product.name, product.repository, run, artifacts, means)
    with one.alone():
        head = one.mirror.fetch()
        if rests := one.rests(head, request):
            return finish(engine, run, lambda _: {"publish": [], "commit": head, "rests": rests})
        plan = one.plan(head, request)
        if product.repository.matrix:
            entries = list(product.repository.entries())
            return finish(engine, _chosen(run), lambda _: {"publish": [], "commit": head, "entries": entries})
        return one.concluded(plan, {"": one.tried("", head)})


def try_entry(engine: Engine, product: Product, run: Run, artifacts: Artifacts, entry: str, means: Means = NO_MEANS) -> Result:
    """Test an entry of the product's matrix at the commit that `build` chose; what it came to is kept for `join`."""
    if known := result_of(engine, _tested(run, entry)):
        return known
    chosen, repository = result_of(engine, _chosen(run)), product.repository
    if chosen is None or repository is None or entry not in repository.entries():
        raise InputError(f"{product.name} has no entry {entry!r} in its matrix, or nothing was chosen to be tested")
    one = _Build(engine, product.name, repository, run, artifacts, means)
    with one.alone(entry):
        tested = one.tried(entry, chosen["commit"])
        row = keep(artifacts, f"builds/{product.name}/{chosen['commit'][:12]}/{entry}", tested)
        return finish(engine, _tested(run, entry), lambda _: row)


def join(engine: Engine, product: Product, run: Run, artifacts: Artifacts, request: Request | None = None,
         means: Means = NO_MEANS) -> Result:
    """Make a release of what the tests of all entries came to; it fails where one failed. Returns what `build` does."""
    if known := result_of(engine, run):
        return known
    chosen, repository = result_of(engine, _chosen(run)), product.repository
    if chosen is None or repository is None:
        raise InputError(f"{product.name}: nothing was chosen to be tested in run {run.run_id}")
    rows = {entry: result_of(engine, _tested(run, entry)) for entry in chosen["entries"]}
    parts = {entry: kept(artifacts, row) for entry, row in rows.items() if row}
    if missing := sorted(set(rows) - set(parts)):
        raise RuntimeError(f"not tested yet: {', '.join(missing)}")
    one = _Build(engine, product.name, repository, run, artifacts, means)
    with one.alone():  # another run may have made a release meanwhile
        if rests := one.rests(chosen["commit"], request) or one.overtaken(chosen["commit"]):
            return finish(engine, run, lambda _: {"publish": [], "commit": chosen["commit"], "rests": rests})
        return one.concluded(one.plan(chosen["commit"], request), parts)


def _chosen(run: Run) -> Run:
    return replace(run, phase=f"{run.phase}.chosen")


def _tested(run: Run, entry: str) -> Run:
    return replace(run, phase=f"{run.phase}.test.{entry}")


class _Build:
    """One run's work on a product's repository."""

    def __init__(self, engine: Engine, name: str, repository: Repository, run: Run, artifacts: Artifacts, means: Means) -> None:
        self.engine, self.name, self.repository, self.run = engine, name, repository, run
        self.artifacts, self.docker = artifacts, means.docker
        self.keys = keys_of(means.signing_key) if means.signing_key else None
        self.mirror = Mirror.of(name, repository, means.connections)

    def alone(self, entry: str = "") -> AbstractContextManager[None]:
        """Nobody else builds this product, or tests this entry of its matrix, at the same time."""
        seconds = 3 * self.repository.timeout_seconds + 600  # image or setup, tests, tests again
        return lease(self.engine, f"build {self.name} {entry}".strip(), f"{self.run.phase} {self.run.run_id}", wait=seconds)

    def tried(self, entry: str, commit: str) -> Tested:
        settings = self.repository.entries()[entry]
        runner = runner_of(f"{self.name}.{entry}".strip("."), settings, self.docker)
        return tried(runner, self.mirror.archive(commit), settings)

    def known(self) -> Sequence[RowMapping]:
        with reading(self.engine) as connection:
            return connection.execute(select(releases).where(releases.c.product == self.name)).mappings().all()

    def rests(self, commit: str, request: Request | None) -> str:
        """Why there is nothing to build; empty where there is."""
        built = next((row for row in self.known() if row["commit"] == commit
                      and (request is None or row["status"] != "failed")), None)
        return f"commit {commit[:12]} is already release {built['version']} ({built['status']})" if built else ""

    def overtaken(self, commit: str) -> str:
        """Why what was tested is no release any more: a release that holds it was made meanwhile."""
        made = (row for row in self.known() if row["status"] != "failed")
        later = next((row for row in made if self.mirror.holds(row["commit"], commit)), None)
        return f"commit {commit[:12]} is in release {later['version']} ({later['status']}) by now" if later else ""

    def plan(self, commit: str, request: Request | None) -> Plan:
        return plan_of(self.mirror, commit, self.known(), (request or {}).get("version") or "")

    def concluded(self, plan: Plan, parts: Mapping[str, Tested]) -> Result:
        """Make the release and write it down."""
        before = next((row for row in self.known() if row["version"] == plan.previous), None)
        tested = judged(parts, self.repository, before["tests"].get("coverage") if before else None)
        archive = self.mirror.archive(plan.commit)
        tied = [commit.sha for commit in plan.fresh if commit.stories or commit.issues] if tested.tests["failures"] else []
        files = {sha: self.mirror.touched(sha) for sha in tied}
        log = f"builds/{self.name}/{plan.version}/{plan.commit[:12]}.log"
        self.artifacts.write(log, tested.log)
        artifact, digest = self.artifacts.keep(archive, ".tar")
        papers = {} if tested.failed else self._papers(plan, archive, tested.image)
        release = {
            "key": str(self.run.key.release(plan.version)), "product": self.name, "version": plan.version, "commit": plan.commit,
            "previous": plan.previous, "artifact": artifact, "digest": digest, "changelog": changelog(plan.version, plan.fresh),
            "tests": tested.tests | ({"reason": tested.failed} if tested.failed else {}),
            "status": "failed" if tested.failed else "candidate", "at": self.run.at, "sbom": None, "provenance": None,
            "image": tested.image or None, **papers,
        }
        return finish(self.engine, self.run, lambda connection: written(
            connection, self.run, plan, release, tested, files) | {"log": log})

    def _papers(self, plan: Plan, archive: bytes, image: str) -> dict[str, str]:
        """Keep what tells of a candidate, each by its digest: its bill of materials and, where there is a key, its provenance."""
        digest = f"sha256:{hashlib.sha256(archive).hexdigest()}"
        document = sbom(self.name, plan.version, digest, self.run.at, packages_in(archive))
        name, of_sbom = self.artifacts.keep(document, ".cdx.json")
        if self.keys is None:
            return {"sbom": name}
        built = Built(self.name, plan.version, plan.commit, digest, of_sbom, image)
        envelope = signed(self.run, self.repository, built, self.keys)
        return {"sbom": name, "provenance": self.artifacts.keep(envelope, ".intoto.json")[0]}
