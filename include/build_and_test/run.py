"""Step 7: the product's newest commit becomes a tested release candidate, kept by its digest."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from semver import Version
from sqlalchemy import Connection, Engine, RowMapping, select

from include.artifacts import Artifacts
from include.attestation import Keys, keys_of
from include.build_and_test.blame import stories_of
from include.build_and_test.commits import Commit, asked_version, changelog, next_version
from include.build_and_test.flaky import remembered
from include.build_and_test.git import Mirror
from include.build_and_test.sbom import packages_in, sbom
from include.build_and_test.trial import Tested, tried
from include.connection import Connection as PlainConnection
from include.connection import Connections, no_connections
from include.ledger.engine import reading, upsert
from include.ledger.runs import Result, Run, finish, lease, result_of
from include.ledger.tables import commit_stories, commits, releases, stories, tracker_issues
from include.ledger.trail import event, record
from include.markup import plain
from include.mirror import address
from include.parts.repository import Repository
from include.product import Product, home
from include.provenance import Built, signed
from include.sandbox.chosen import runner_of
from include.sandbox.container import Docker, no_docker

NEVER_SHIPPED = ("failed", "rolled_back")  # what such a release brought still counts as new for the next one
SHOWN = 50


@dataclass(frozen=True)
class Plan:
    """What to build: `fresh` are the commits since the last release that shipped, oldest first."""

    commit: str
    version: str
    previous: str | None
    fresh: Sequence[Commit]


@dataclass(frozen=True)
class Means:
    """What opens doors for a build: connections by name, the one that signs provenance, where there is one, a Docker engine."""

    connections: Connections = no_connections
    signing_key: PlainConnection | None = None
    docker: Docker = no_docker


NO_MEANS = Means()


def build(engine: Engine, product: Product, run: Run, artifacts: Artifacts, request: dict[str, Any] | None = None,
          means: Means = NO_MEANS) -> Result:
    """Build and test the newest commit of `product`.

    `request` is what a person asked for in the release form: `{"version": "1.4.0" or "", "note": str, "by": str}`.
    The result publishes the candidate's key; has `rests` (why) where there is nothing new; has `failed` (why) where the tests
    do not speak for a release, which is recorded all the same. `untied` are the commits that tie to no story, newest first.
    Raises InputError where the repository, its branch, the version asked for or a connection is wrong.
    """
    if (known := result_of(engine, run)) is not None:
        return known
    if product.repository is None:
        return finish(engine, run, lambda _: {"publish": [], "rests": "the product has no repository"})
    seconds = 3 * product.repository.timeout_seconds + 600  # setup, tests, tests again
    with lease(engine, f"build {product.name}", f"{run.phase} {run.run_id}", wait=seconds):
        return _build(engine, product.name, product.repository, run, artifacts, request, means)


def _build(engine: Engine, name: str, repository: Repository, run: Run, artifacts: Artifacts, request: dict[str, Any] | None,
           means: Means) -> Result:
    keys = keys_of(means.signing_key) if means.signing_key else None
    mirror = Mirror(home() / "mirrors" / f"{name}.git", address(repository.url), repository.branch, repository.path,
                    means.connections(repository.connection) if repository.connection else None)
    head = mirror.fetch()
    with reading(engine) as connection:
        known = connection.execute(select(releases).where(releases.c.product == name)).mappings().all()
    if built := next((row for row in known if row["commit"] == head and (request is None or row["status"] != "failed")), None):
        rests = f"commit {head[:12]} is already release {built['version']} ({built['status']})"
        return finish(engine, run, lambda _: {"publish": [], "commit": head, "rests": rests})
    plan = _plan(mirror, head, known, (request or {}).get("version") or "")
    archive = mirror.archive(head)
    tested = tried(runner_of(name, repository, means.docker), archive, repository)
    tied = [commit.sha for commit in plan.fresh if commit.stories or commit.issues] if tested.tests["failures"] else []
    files = {sha: mirror.touched(sha) for sha in tied}
    log = f"builds/{name}/{plan.version}/{head[:12]}.log"
    artifacts.write(log, tested.log)
    artifact, digest = artifacts.keep(archive, ".tar")
    papers = {} if tested.failed else _papers(artifacts, run, repository, plan, archive, tested.image, keys)
    release = {
        "key": str(run.key.release(plan.version)), "product": name, "version": plan.version, "commit": head,
        "previous": plan.previous, "artifact": artifact, "digest": digest, "changelog": changelog(plan.version, plan.fresh),
        "tests": tested.tests | ({"reason": tested.failed} if tested.failed else {}),
        "status": "failed" if tested.failed else "candidate", "at": run.at, "sbom": None, "provenance": None,
        "image": tested.image or None, **papers,
    }
    return finish(engine, run, lambda connection: _written(connection, run, plan, release, tested, files) | {"log": log})


def _papers(artifacts: Artifacts, run: Run, repository: Repository, plan: Plan, archive: bytes, image: str,
            keys: Keys | None) -> dict[str, str]:
    """Keep what tells of a candidate, each by its digest: its bill of materials and, where there is a key, its provenance."""
    digest = f"sha256:{hashlib.sha256(archive).hexdigest()}"
    document = sbom(run.product, plan.version, digest, run.at, packages_in(archive))
    name, of_sbom = artifacts.keep(document, ".cdx.json")
    if keys is None:
        return {"sbom": name}
    built = Built(run.product, plan.version, plan.commit, digest, of_sbom, image)
    return {"sbom": name, "provenance": artifacts.keep(signed(run, repository, built, keys), ".intoto.json")[0]}


def _plan(mirror: Mirror, head: str, known: Sequence[RowMapping], asked: str) -> Plan:
    """The version of the commit `head`: the one asked for, or what the commits since the last release say."""
    taken = {Version.parse(row["version"]): row for row in known if row["status"] != "failed"}
    shipped = {version: row for version, row in taken.items() if row["status"] not in NEVER_SHIPPED}
    last, base = max(taken, default=None), max(shipped, default=None)
    since_last = mirror.commits(head, taken[last]["commit"] if last else None)
    version = asked_version(asked, last) if asked else next_version(last, since_last)
    fresh = since_last if base == last else mirror.commits(head, shipped[base]["commit"] if base else None)
    return Plan(head, str(version), str(base) if base else None, fresh)


def _written(connection: Connection, run: Run, plan: Plan, release: dict[str, Any], tested: Tested,
             files: Mapping[str, Sequence[str]]) -> Result:
    """Write the release, its commits, the stories that they name, flaky tests, and the events. `files`: what commits touched."""
    key = release["key"]
    ties = _ties(connection, run.product, plan.fresh)
    blamed = _blamed(connection, run.product, tested.tests["failures"], ties, files)
    release["tests"] |= {"stories": blamed} if blamed else {}
    untied = [commit for commit in reversed(plan.fresh) if not commit.merge and not ties.get(commit.sha)]
    seen = set(connection.scalars(select(commits.c.sha).where(commits.c.product == run.product)))
    upsert(connection, releases, [release | {"untied": [commit.sha for commit in untied]}])
    upsert(connection, commits, [
        {"product": run.product, "sha": commit.sha, "author": None, "at": commit.at, "subject": plain(commit.subject),
         "kind": commit.kind, "breaking": commit.breaking, "release": key} for commit in plan.fresh])
    named = {story for commit in plan.fresh for story in commit.stories}
    known = set().union(*ties.values())
    upsert(connection, commit_stories, [{"product": run.product, "sha": sha, "story_id": story}
                                        for sha, tied in ties.items() for story in sorted(tied)], keep=True)
    record(connection, run, _events(run, release, [commit for commit in plan.fresh if commit.sha not in seen]))
    return {"publish": [] if tested.failed else [key], "release": key, "commit": plan.commit, "digest": release["digest"],
            "commits": len(plan.fresh), "tests": release["tests"], "stories": sorted(known),
            "unknown_stories": sorted(plain(story, 100) for story in named - known),
            "sbom": release["sbom"], "provenance": release["provenance"], "image": release["image"],
            "untied": [{"commit": commit.sha, "subject": plain(commit.subject, 200)} for commit in untied[:SHOWN]],
            "flaky": remembered(connection, run, plan.commit, tested.tests.get("flaky", [])),
            **({"failed": f"{key} at {plan.commit[:12]}: {tested.failed}{_of(blamed)}"} if tested.failed else {})}


def _blamed(connection: Connection, product: str, failures: Sequence[str], ties: Mapping[str, set[str]],
            files: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """The stories of each failing test, where it has some."""
    if not failures:
        return {}
    known = list(connection.scalars(select(stories.c.id).where(stories.c.product == product)))
    touched: dict[str, set[str]] = {}
    for sha, tied in ties.items():
        for story in tied:
            touched.setdefault(story, set()).update(files.get(sha, ()))
    found = {test: stories_of(test, known, touched) for test in failures}
    return {test: blamed for test, blamed in found.items() if blamed}


def _of(blamed: Mapping[str, Sequence[str]]) -> str:
    """What a message says of the stories that failing tests speak for."""
    found = sorted({story for tied in blamed.values() for story in tied})
    return f" (of {', '.join(found[:5])})" if found else ""


def _ties(connection: Connection, product: str, fresh: Sequence[Commit]) -> dict[str, set[str]]:
    """The stories that each commit answers: those of its trailers, and those that the issues which it names mirror."""
    known = set(connection.scalars(select(stories.c.id).where(stories.c.product == product)))
    mirrored = connection.execute(select(tracker_issues.c.number, tracker_issues.c.url, tracker_issues.c.story_id)
                                  .join(stories, stories.c.id == tracker_issues.c.story_id).where(stories.c.product == product))
    issues: dict[str, set[str]] = {}
    for number, url, story in mirrored:
        issues.setdefault(number, set()).add(story)
        issues.setdefault(url, set()).add(story)
    return {commit.sha: known.intersection(commit.stories).union(*(issues.get(issue, ()) for issue in commit.issues))
            for commit in fresh}


def _events(run: Run, release: dict[str, Any], merged: Sequence[Commit]) -> list[dict[str, Any]]:
    """What happened, as CDEvents; a package is named by its package URL (purl-spec)."""
    package = f"pkg:generic/{release['product']}@{release['version']}?checksum={release['digest']}"
    failed = release["status"] == "failed"
    product = {"id": release["product"]}
    suite = {"outcome": "failure" if failed else "success", "environment": {"id": "build"}, "testSuite": product,
             **({"reason": release["tests"]["reason"]} if failed else {})}
    documents = [event(run, "change.merged", commit.sha, {"repository": product}, commit.at) for commit in merged]
    this_build = f"{release['key']}/{release['commit'][:12]}"
    documents.append(event(run, "testsuiterun.finished", this_build, suite))
    if not failed:
        documents.append(event(run, "build.finished", this_build, {"artifactId": package}))
        documents.append(event(run, "artifact.packaged", package, {"change": {"id": release["commit"]}}))
    return documents
