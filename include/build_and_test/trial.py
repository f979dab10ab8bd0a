"""A product's own tests, run in a clean place: what they come to."""

from dataclasses import dataclass
from typing import Any

from include.build_and_test.junit import UnreadableError, read_report
from include.build_and_test.runner import Outcome, Runner
from include.markup import plain
from include.parts.repository import Repository

NO_TESTS = {"passed": 0, "failed": 0, "errors": 0, "skipped": 0, "failures": []}


@dataclass(frozen=True)
class Tested:
    """What the product's tests came to: counts and names as plain values, and why it `failed` (empty: green)."""

    tests: dict[str, Any]
    failed: str
    log: bytes


def tried(runner: Runner, archive: bytes, repository: Repository) -> Tested:
    """Lay the archive out in the runner and run the product's commands in it."""
    try:
        # a report that the repository brings along says nothing about this build
        left_out = runner.prepare(archive, without=repository.junit)
        log = b"".join(b"left out: " + name.encode(errors="replace") + b"\n" for name in left_out)
        if repository.setup is not None:
            done = runner.run(repository.setup, repository.timeout_seconds)
            log += _logged("setup", repository.setup, done)
            if done.trouble:
                return Tested(NO_TESTS, f"the setup command failed: {done.trouble}{_last_line(done)}", log)
        done = runner.run(repository.test, repository.timeout_seconds)
        tests, failed = _judged(runner, repository.junit, done)
        return Tested(tests, failed, log + _logged("test", repository.test, done))
    finally:
        runner.remove()


def _judged(runner: Runner, junit: str, done: Outcome) -> tuple[dict[str, Any], str]:
    """The tests' counts, and why they do not speak for a release: all must have ended well, and there must be some."""
    try:
        report = read_report(runner.results(junit), junit)
    except UnreadableError as error:
        trouble = f"the test command failed: {done.trouble}{_last_line(done)}" if done.trouble else "no tests ran"
        return NO_TESTS, f"{trouble}; {error}"
    if done.why:
        return report.plain(), f"the test command failed: {done.why}"
    return report.plain(), report.trouble or (f"the test command failed: {done.trouble}" if done.trouble else "")


def _last_line(done: Outcome) -> str:
    lines = done.output.decode(errors="replace").strip().splitlines()
    return f" ({plain(lines[-1], 200)})" if lines else ""


def _logged(title: str, command: str, done: Outcome) -> bytes:
    return f"$ {title}: {command}\n".encode() + done.output + f"\n[{done.trouble or 'done'}]\n".encode()
