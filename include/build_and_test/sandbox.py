"""A clean place for a product's commands: a folder of its own, its own Python, no settings or secrets of ours, hard limits."""

import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from include.archive import remove

GUARD = Path(__file__).with_name("guard.py")
PROCESSES = 256
FILE_BYTES = 1024**3
MEMORY_BYTES = 16 * 1024**3  # of address space, of which runtimes reserve far more than they use
OUTPUT_BYTES = 1_000_000


@dataclass(frozen=True)
class Outcome:
    """How a command ended: its exit code (negative: the signal) or `why` it was ended; what it printed, the middle cut out."""

    code: int | None
    why: str
    output: bytes

    @property
    def trouble(self) -> str:
        """What went wrong, in words; empty where the command succeeded."""
        return self.why or (f"exit code {self.code}" if self.code else "")


@dataclass(frozen=True)
class Sandbox:
    """`folder` holds the product's tree, a Python environment and the command's home and temporary files."""

    folder: Path

    @property
    def tree(self) -> Path:
        return self.folder / "tree"

    def prepare(self, with_pip: bool) -> None:
        """Make the Python environment (pip only where something is to be installed), home and temporary folder."""
        for name in ("home", "tmp"):
            (self.folder / name).mkdir()
        pip = [] if with_pip else ["--without-pip"]
        subprocess.run([sys.executable, "-I", "-m", "venv", *pip, str(self.folder / "venv")], env=self._environment(), check=True,
                       capture_output=True)

    def run(self, command: str, seconds: float) -> Outcome:
        """Run a shell command in the tree. When this returns, no process that it started is left."""
        read, write = os.pipe()
        spec = {"command": command, "seconds": seconds, "processes": PROCESSES, "file_bytes": FILE_BYTES,
                "memory_bytes": MEMORY_BYTES, "parent": os.getpid(), "report": write}
        with os.fdopen(read, "rb") as report:
            try:
                guard = subprocess.Popen(
                    [sys.executable, "-I", "-S", str(GUARD), json.dumps(spec)], cwd=self.tree, env=self._environment(),
                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
                    pass_fds=[write])
            finally:
                os.close(write)
            with guard:
                try:
                    output = _bounded(guard)
                finally:
                    guard.terminate()  # where the task itself is being ended; the guard ends the rest
            said = report.read()
        if not said and guard.returncode > 0:
            raise RuntimeError(f"the guard of the sandbox failed: {output[-500:].decode(errors='replace')}")
        return Outcome(**json.loads(said), output=output) if said else Outcome(None, "it killed its guard", output)

    def _environment(self) -> dict[str, str]:
        """Nothing of our own environment: it holds connections and keys."""
        venv = self.folder / "venv"
        return {"PATH": f"{venv / 'bin'}:/usr/local/bin:/usr/bin:/bin", "VIRTUAL_ENV": str(venv), "LANG": "C.UTF-8", "CI": "true",
                "HOME": str(self.folder / "home"), "TMPDIR": str(self.folder / "tmp"), "GIT_CONFIG_NOSYSTEM": "1"}

    def remove(self) -> None:
        """Remove the folder, whatever the product's tests left in it."""
        remove(self.folder)


def _chunks(guard: subprocess.Popen[bytes]) -> Iterator[bytes]:
    """What is printed until the guard has ended: a process that killed its guard may hold the stream open for ever."""
    stream = cast(IO[bytes], guard.stdout).fileno()
    ended = False
    while not ended:
        ended = guard.poll() is not None
        if select.select([stream], [], [], 0 if ended else 0.5)[0]:
            yield os.read(stream, 2**20)


def _bounded(guard: subprocess.Popen[bytes]) -> bytes:
    """What is printed until the guard has ended, at most OUTPUT_BYTES kept: its beginning and its end."""
    head, tail, cut = b"", b"", 0
    for chunk in _chunks(guard):
        if len(head) < OUTPUT_BYTES // 2:
            head += chunk
            continue
        tail += chunk
        if len(tail) > OUTPUT_BYTES:
            cut += len(tail) - OUTPUT_BYTES // 2
            tail = tail[-OUTPUT_BYTES // 2 :]
    return head + (f"\n… {cut:,} bytes left out …\n".encode() if cut else b"") + tail
