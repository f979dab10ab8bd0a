"""The same tests in several surroundings, each on its own: what each came to is kept, and what all come to together."""

from collections.abc import Mapping
from typing import Any

from include.artifacts import Artifacts
from include.build_and_test.coverage import of_document, together
from include.build_and_test.trial import COUNTS, NO_TESTS, Tested
from include.parts.repository import Repository
from include.sandbox.junit import MAX_NAMES


def keep(artifacts: Artifacts, name: str, tested: Tested) -> dict[str, Any]:
    """Keep what an entry's tests came to; returns plain JSON values. The log and the lines that ran lie under `name`."""
    log, coverage = f"{name}.log", f"{name}.coverage.json" if tested.coverage else None
    artifacts.write(log, tested.log)
    if tested.coverage and coverage:
        artifacts.write(coverage, tested.coverage.document())
    return {"tests": tested.tests, "failed": tested.failed, "image": tested.image, "log": log, "coverage": coverage}


def kept(artifacts: Artifacts, row: Mapping[str, Any]) -> Tested:
    """The inverse of `keep`."""
    coverage = of_document(artifacts.read(row["coverage"])) if row["coverage"] else None
    return Tested(row["tests"], row["failed"], artifacts.read(row["log"]), row["image"], coverage)


def judged(parts: Mapping[str, Tested], repository: Repository, before: Mapping[str, Any] | None = None) -> Tested:
    """What the tests of all entries come to together. The one of a product without a matrix is called "". `before` is the
    coverage of the release before, where it is known."""
    counts: dict[str, Any] = {kind: sum(part.tests[kind] for part in parts.values()) for kind in COUNTS}
    names = {kind: list(dict.fromkeys(name for part in parts.values() for name in part.tests.get(kind, [])))[:MAX_NAMES]
             for kind in ("failures", "flaky")}
    tests = counts | {kind: found for kind, found in names.items() if found or kind in NO_TESTS}
    if "" not in parts:
        tests["matrix"] = {entry: _entry(part) for entry, part in parts.items()}
    failed = "; ".join(f"{entry}: {part.failed}" if entry else part.failed for entry, part in parts.items() if part.failed)
    found = [part.coverage for part in parts.values() if part.coverage]
    coverage = together(found) if found else None
    if coverage:
        tests["coverage"] = coverage.plain(before)
    if not failed and coverage and (wanted := repository.coverage):
        failed = coverage.below(wanted.minimum)
        if not failed and before and wanted.may_fall is not None:
            failed = coverage.fell(before, wanted.may_fall)
    return Tested(tests, failed, _logs(parts), _image(parts), coverage)


def _entry(part: Tested) -> dict[str, Any]:
    told = {"reason": part.failed, "image": part.image, "coverage": part.coverage.plain() if part.coverage else None}
    return part.tests | {what: value for what, value in told.items() if value}


def _logs(parts: Mapping[str, Tested]) -> bytes:
    return b"".join((f"== {entry} ==\n".encode() if entry else b"") + part.log for entry, part in parts.items())


def _image(parts: Mapping[str, Tested]) -> str:
    """The image that all of them ran in, if it was one."""
    images = {part.image for part in parts.values()}
    return images.pop() if len(images) == 1 else ""
