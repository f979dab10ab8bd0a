"""A product's own end-to-end tests against a release that runs beside them in a sandbox, or in a container of its own."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from include.markup import plain
from include.parts.deployment import Deployment
from include.parts.repository import Repository
from include.parts.testing import Scenarios
from include.sandbox.junit import Report, UnreadableError, read_report
from include.sandbox.runner import ImageError, Outcome, Runner
from include.targets.mortal import Mortal
from include.targets.target import DeploymentError, Replica, free_ports, wait_healthy

# Here the release runs in the same sandbox, so that the limits and the end of all processes hold for it too. An image has one of
# these three, or no way to see whether the release answers.
SCRIPT = """\
log="${{TMPDIR:-/tmp}}/release.log"
{start} >"$log" 2>&1 &
release=$!
answers() {{
  python3 -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=2)' "$1" 2>/dev/null ||
    curl -fsS -m 2 -o /dev/null "$1" 2>/dev/null || wget -q -T 2 -O /dev/null "$1" 2>/dev/null
}}
tries={tries}
until answers {health}; do
  if ! kill -0 $release 2>/dev/null; then echo "the release ended as soon as it was started"; tail -n 5 "$log"; exit 125; fi
  tries=$((tries - 1))
  if [ $tries -le 0 ]; then echo "the release was not ready in time"; tail -n 5 "$log"; exit 125; fi
  sleep 0.2
done
"""
ASKING = """\
export BASE_URL={url}
{command}
"""


@dataclass(frozen=True)
class Walked:
    """What became of the scenarios: the outcome of each test by name, and why they don't speak for the release, if so."""

    cases: tuple[tuple[str, str], ...]
    trouble: str
    log: bytes


@dataclass(frozen=True)
class Candidate:
    """The release that is tested. `target`: where it runs by itself; without one it runs beside its tests."""

    version: str
    archive: bytes
    target: Mortal | None = None


def walk(runner: Runner, candidate: Candidate, repository: Repository, deployment: Deployment, scenarios: Scenarios) -> Walked:
    """Lay out the release in the runner, start it and run the scenarios there. Nothing of it is left afterwards."""
    try:
        runner.prepare(candidate.archive, without=scenarios.junit)
        log = b""
        if repository.setup is not None:
            done = runner.run(repository.setup, repository.timeout_seconds)
            log = _logged(repository.setup, done)
            if done.trouble:
                return Walked((), f"the setup command failed: {done.trouble}{_last_line(done)}", log)
        with _running(candidate, deployment, free_ports(1)[0]) as (start, url):
            done = runner.run(start + ASKING.format(url=url, command=scenarios.command), scenarios.timeout_seconds)
        log += _logged(scenarios.command, done)
        return _walked(done, runner, scenarios.junit, log)
    except DeploymentError as error:
        return Walked((), f"the release did not come up: {error}", log)
    except ImageError as error:
        return Walked((), f"the image could not be built: {error}", error.outcome.output)
    finally:
        runner.remove()


@contextmanager
def _running(candidate: Candidate, deployment: Deployment, port: int) -> Iterator[tuple[str, str]]:
    """What the tests' shell does first so that the release runs, and where it then answers."""
    if (target := candidate.target) is None:
        yield script(candidate.version, deployment, port), f"http://127.0.0.1:{port}"
        return
    replica = Replica(candidate.version, port)
    target.end()  # what a killed task left
    try:
        target.unpack(candidate.version, candidate.archive)
        target.start([replica])
        wait_healthy(target, [replica], deployment)
        yield "", f"http://{replica.address}"
    finally:
        target.end()


def script(version: str, deployment: Deployment, port: int) -> str:
    """The shell script that starts a release on `port`, and waits until it is ready."""
    words = [word.replace("{port}", str(port)) for word in shlex.split(deployment.command)]
    settings = [f"{name}={value}" for name, value in (deployment.env | {"RELEASE_VERSION": version}).items()]
    url = f"http://127.0.0.1:{port}"
    tries = max(1, round(deployment.start_seconds / 0.2))
    return SCRIPT.format(start=shlex.join(["env", *settings, *words]), tries=tries, health=shlex.quote(url + deployment.health))


def _walked(done: Outcome, runner: Runner, junit: str, log: bytes) -> Walked:
    try:
        report = read_report(runner.results(junit), junit)
    except UnreadableError as error:
        why = f"{done.trouble}{_last_line(done)}; " if done.trouble else ""
        return Walked((), f"the scenarios came to no result: {why}{error}", log)
    return Walked(report.cases, _trouble(report, done), log)


def _trouble(report: Report, done: Outcome) -> str:
    if done.why or (done.code and not report.trouble):
        return f"the scenarios' command failed: {done.trouble}"
    return report.trouble


def _last_line(done: Outcome) -> str:
    lines = done.output.decode(errors="replace").strip().splitlines()
    return f" ({plain(lines[-1], 200)})" if lines else ""


def _logged(command: str, done: Outcome) -> bytes:
    return f"$ {command}\n".encode() + done.output + f"\n[{done.trouble or 'done'}]\n".encode()
