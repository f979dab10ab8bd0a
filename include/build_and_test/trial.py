"""A product's own tests, run in a clean place: what they come to."""

import shlex
from dataclasses import dataclass
from typing import Any

from include.build_and_test.coverage import Coverage, read_coverage
from include.markup import plain
from include.parts.repository import Repository
from include.sandbox.junit import Report, UnreadableError, read_report
from include.sandbox.runner import ImageError, Outcome, Runner

COUNTS = ("passed", "failed", "errors", "skipped")
NO_TESTS: dict[str, Any] = dict.fromkeys(COUNTS, 0) | {"failures": []}


@dataclass(frozen=True)
class Tested:
    """What the product's tests came to: counts and names as plain values, and why it `failed` (empty: green).

    `image` is the digest of the image that they ran in, where there was one.
    """

    tests: dict[str, Any]
    failed: str
    log: bytes
    image: str = ""
    coverage: Coverage | None = None


def tried(runner: Runner, archive: bytes, repository: Repository) -> Tested:
    """Lay the archive out in the runner and run the product's commands in it."""
    try:
        # a report that the repository brings along says nothing about this build
        left_out = runner.prepare(archive, without=repository.junit)
        image = runner.image()
        log = b"".join(b"left out: " + name.encode(errors="replace") + b"\n" for name in left_out)
        if repository.setup is not None:
            done = runner.run(repository.setup, repository.timeout_seconds)
            log += _logged("setup", repository.setup, done)
            if done.trouble:
                return Tested(NO_TESTS, f"the setup command failed: {done.trouble}{_last_line(done)}", log, image)
        done = runner.run(_without_old_coverage(repository) + repository.test, repository.timeout_seconds)
        log += _logged("test", repository.test, done)
        report = _report(runner, repository.junit)
        if repository.rerun_failures and isinstance(report, Report) and report.failing and not done.why:
            done = runner.run(f"rm -f -- {shlex.quote(repository.junit)}; {repository.test}", repository.timeout_seconds)
            log += _logged("test again", repository.test, done)
            report = _together(report, _report(runner, repository.junit))
        tests, failed = _judged(report, done)
        coverage = _coverage(runner, repository)
        if isinstance(coverage, UnreadableError):
            return Tested(tests, failed or f"no coverage: {coverage}", log, image)
        return Tested(tests, failed, log, image, coverage)
    except ImageError as error:
        log = _logged("image", str(repository.dockerfile), error.outcome)
        return Tested(NO_TESTS, f"the image could not be built: {error.outcome.trouble}", log)
    finally:
        runner.remove()


def _report(runner: Runner, junit: str) -> Report | UnreadableError:
    try:
        return read_report(runner.results(junit), junit)
    except UnreadableError as error:
        return error


def _coverage(runner: Runner, repository: Repository) -> Coverage | UnreadableError | None:
    if repository.coverage is None:
        return None
    try:
        return read_coverage(runner.results(repository.coverage.file), repository.coverage.file)
    except UnreadableError as error:
        return error


def _without_old_coverage(repository: Repository) -> str:
    """Like a report of tests, one of coverage that the repository brings along says nothing about this build."""
    return f"rm -rf -- {shlex.quote(repository.coverage.file)}; " if repository.coverage else ""


def _together(report: Report, again: Report | UnreadableError) -> Report:
    return report.after(again) if isinstance(again, Report) else report


def _judged(report: Report | UnreadableError, done: Outcome) -> tuple[dict[str, Any], str]:
    """The tests' counts, and why they do not speak for a release: all must have ended well, and there must be some.

    `done` is how the last command ended: one that failed for more than tests that came out both ways has failed.
    """
    if isinstance(report, UnreadableError):
        trouble = f"the test command failed: {done.trouble}{_last_line(done)}" if done.trouble else "no tests ran"
        return NO_TESTS, f"{trouble}; {report}"
    if done.why:
        return report.plain(), f"the test command failed: {done.why}"
    return report.plain(), report.trouble or (f"the test command failed: {done.trouble}" if done.trouble else "")


def _last_line(done: Outcome) -> str:
    lines = done.output.decode(errors="replace").strip().splitlines()
    return f" ({plain(lines[-1], 200)})" if lines else ""


def _logged(title: str, command: str, done: Outcome) -> bytes:
    return f"$ {title}: {command}\n".encode() + done.output + f"\n[{done.trouble or 'done'}]\n".encode()
