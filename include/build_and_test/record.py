"""What a build came to, in the ledger: the release, its commits and their stories, flaky tests, and the events."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from include.build_and_test.blame import stories_of
from include.build_and_test.commits import Commit
from include.build_and_test.flaky import remembered
from include.build_and_test.plan import Plan
from include.build_and_test.trial import Tested
from include.ledger.engine import upsert
from include.ledger.runs import Result, Run
from include.ledger.tables import commit_stories, commits, releases, stories, tracker_issues
from include.ledger.trail import event, record
from include.markup import plain

SHOWN = 50


def written(connection: Connection, run: Run, plan: Plan, release: dict[str, Any], tested: Tested,
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
