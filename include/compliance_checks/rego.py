"""A team's own rules in Rego (openpolicyagent.org), judged by `opa` or `conftest` where one of them is on PATH.

The policy is in `package main`, as conftest has it, and its `deny` is a set of messages (texts, or objects with `msg`): an empty
one passes. The program gets the rule's facts as its input, no environment but PATH, and limits of time and memory.
"""

import contextlib
import json
import os
import resource
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from include.compliance_checks.policy import Finding
from include.markup import plain

SECONDS = 20
MEMORY = 2_000_000_000  # bytes of data; Go reserves far more address space than it uses
MAX_BYTES = 10_000_000  # of input, and of output
MAX_NAMED = 10


def rego(policy: str, **facts: Any) -> Finding:
    """Judge `facts` by the Rego file `policy`. Raises RuntimeError where neither program is there, or it fails; OSError where
    the file is gone."""
    path = Path(policy)
    given = json.dumps(facts).encode()
    if len(given) > MAX_BYTES:
        raise RuntimeError(f"the facts are larger than {MAX_BYTES:,} bytes")
    path.read_bytes()
    if program := shutil.which("opa"):
        denied = _opa(program, path, given)
    elif program := shutil.which("conftest"):
        denied = _conftest(program, path, given)
    else:
        raise RuntimeError("a rule in Rego needs opa or conftest on PATH, and there is neither")
    if denied:
        more = f" and {len(denied) - MAX_NAMED} more" if len(denied) > MAX_NAMED else ""
        return Finding("fail", "; ".join(plain(text, 200) for text in denied[:MAX_NAMED]) + more)
    return Finding("pass", f"{path.name} denies nothing")


def _opa(program: str, path: Path, given: bytes) -> list[str]:
    code, output = _run([program, "eval", "--format", "json", "--data", str(path), "--stdin-input", "data.main.deny"], given)
    if code:
        raise RuntimeError(f"opa ended with {code}: {_said(output)}")
    match json.loads(output):
        case {"result": [{"expressions": [{"value": list(denied)}]}]}:
            return [_message(item) for item in denied]
    raise RuntimeError(f"{path.name} defines no set `deny` in `package main`")


def _conftest(program: str, path: Path, given: bytes) -> list[str]:
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        file.write(given)
        file.flush()
        code, output = _run([program, "test", "--output", "json", "--policy", str(path), file.name], b"")
    if code not in {0, 1}:  # 1: something was denied
        raise RuntimeError(f"conftest ended with {code}: {_said(output)}")
    match json.loads(output):
        case [{"successes": int(kept), **result}]:
            denied: Any = result.get("failures") or []
            if kept + len(denied):
                return [_message(item) for item in denied]
    raise RuntimeError(f"{path.name} has no rule in `package main`")


def _message(item: Any) -> str:
    return str(item.get("msg", item)) if isinstance(item, dict) else str(item)


def _run(command: list[str], given: bytes) -> tuple[int, bytes]:
    """Run it in a process group of its own, which ends with it; returns the exit code and what it wrote."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as taken, tempfile.TemporaryFile() as output:
        taken.write(given)
        taken.seek(0)
        environment = {"PATH": os.environ.get("PATH", ""), "HOME": folder}
        process = subprocess.Popen(command, stdin=taken, stdout=output, stderr=subprocess.DEVNULL, cwd=folder, env=environment,
                                   start_new_session=True, preexec_fn=_limited)
        try:
            code = process.wait(SECONDS)
        except subprocess.TimeoutExpired as error:
            raise RuntimeError(f"{Path(command[0]).name} took longer than {SECONDS} seconds") from error
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        output.seek(0)
        return code, output.read()


def _limited() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_BYTES, MAX_BYTES))
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _said(output: bytes) -> str:
    return plain(output[:2000].decode("utf-8", "replace"), 300)
