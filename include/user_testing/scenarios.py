"""A product's own end-to-end tests against a release that runs beside them in a sandbox."""

import shlex
import socket
from dataclasses import dataclass

from include.markup import plain
from include.parts.deployment import Deployment
from include.parts.repository import Repository
from include.parts.testing import Scenarios
from include.sandbox.junit import Report, UnreadableError, read_report
from include.sandbox.runner import ImageError, Outcome, Runner

# The release runs in the same sandbox, so that the limits and the end of all processes hold for it too. An image has one of
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
export BASE_URL={url}
{command}
"""


@dataclass(frozen=True)
class Walked:
    """What became of the scenarios: the outcome of each test by name, and why they don't speak for the release, if so."""

    cases: tuple[tuple[str, str], ...]
    trouble: str
    log: bytes


def walk(runner: Runner, archive: bytes, version: str, repository: Repository, deployment: Deployment,
         scenarios: Scenarios) -> Walked:
    """Lay out the release in the runner, start it there and run the scenarios beside it. Nothing of it is left afterwards."""
    try:
        runner.prepare(archive, without=scenarios.junit)
        log = b""
        if repository.setup is not None:
            done = runner.run(repository.setup, repository.timeout_seconds)
            log = _logged(repository.setup, done)
            if done.trouble:
                return Walked((), f"the setup command failed: {done.trouble}{_last_line(done)}", log)
        done = runner.run(script(version, deployment, scenarios, _free_port()), scenarios.timeout_seconds)
        log += _logged(scenarios.command, done)
        return _walked(done, runner, scenarios.junit, log)
    except ImageError as error:
        return Walked((), f"the image could not be built: {error}", error.outcome.output)
    finally:
        runner.remove()


def script(version: str, deployment: Deployment, scenarios: Scenarios, port: int) -> str:
    """The shell script that starts a release on `port`, waits until it is ready, and runs the scenarios."""
    words = [word.replace("{port}", str(port)) for word in shlex.split(deployment.command)]
    settings = [f"{name}={value}" for name, value in (deployment.env | {"RELEASE_VERSION": version}).items()]
    url = f"http://127.0.0.1:{port}"
    tries = max(1, round(deployment.start_seconds / 0.2))
    return SCRIPT.format(start=shlex.join(["env", *settings, *words]), tries=tries, url=url, command=scenarios.command,
                         health=shlex.quote(url + deployment.health))


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


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
