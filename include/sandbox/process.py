"""The runner without containers: a folder of its own, its own Python, no settings or secrets of ours, hard limits."""

import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from include.archive import extract, remove
from include.parts.repository import Limits
from include.sandbox.runner import Outcome, bounded, over_disk, over_memory, over_processes, over_time

GUARD = Path(__file__).with_name("guard.py")
ADDRESS_BYTES = 16 * 1024**3  # of each process; runtimes reserve far more than they use
SPARE_BYTES = 256 * 1024**2  # what must stay free on the disk, whoever fills it
MB = 1_000_000


@dataclass(frozen=True)
class Sandbox:
    """`folder` holds the product's tree, a Python environment (pip where something is to be installed), home, temporary files.

    Not a wall against an attacker: the commands have the rights of the user that runs us.
    """

    folder: Path
    limits: Limits
    with_pip: bool = False
    network: bool = True

    @property
    def tree(self) -> Path:
        return self.folder / "tree"

    def prepare(self, archive: bytes, without: str) -> list[str]:
        self.remove()
        left_out = extract(archive, self.tree)
        if not (file := self.tree / without).is_dir():
            file.unlink(missing_ok=True)
        for name in ("home", "tmp"):
            (self.folder / name).mkdir()
        pip = [] if self.with_pip else ["--without-pip"]
        subprocess.run([sys.executable, "-I", "-m", "venv", *pip, str(self.folder / "venv")], env=self._environment(), check=True,
                       capture_output=True)
        return left_out

    def image(self) -> str:
        return ""

    def run(self, command: str, seconds: float) -> Outcome:
        read, write = os.pipe()
        spec = self._spec(command, seconds) | {"parent": os.getpid(), "report": write}
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
                    output = bounded(_chunks(guard))
                finally:
                    guard.terminate()  # where the task itself is being ended; the guard ends the rest
            said = report.read()
        if not said and guard.returncode > 0:
            raise RuntimeError(f"the guard of the sandbox failed: {output[-500:].decode(errors='replace')}")
        return Outcome(**json.loads(said), output=output) if said else Outcome(None, "it killed its guard", output)

    def results(self, name: str) -> Path:
        return self.tree

    def remove(self) -> None:
        remove(self.folder)

    def _spec(self, command: str, seconds: float) -> dict[str, object]:
        """The command and its limits, each with the words that name it, for the guard, which knows nothing of ours."""
        limits = self.limits
        return {"command": command, "cpus": limits.cpus, "network": self.network, "address_bytes": ADDRESS_BYTES,
                "spare_bytes": SPARE_BYTES, "folder": str(self.folder),
                "seconds": [seconds, over_time(seconds)], "processes": [limits.processes, over_processes(limits)],
                "memory_bytes": [limits.memory_mb * MB, over_memory(limits)],
                "disk_bytes": [limits.disk_mb * MB, over_disk(limits)]}

    def _environment(self) -> dict[str, str]:
        """Nothing of our own environment: it holds connections and keys."""
        venv = self.folder / "venv"
        return {"PATH": f"{venv / 'bin'}:/usr/local/bin:/usr/bin:/bin", "VIRTUAL_ENV": str(venv), "LANG": "C.UTF-8", "CI": "true",
                "HOME": str(self.folder / "home"), "TMPDIR": str(self.folder / "tmp"), "GIT_CONFIG_NOSYSTEM": "1"}


def _chunks(guard: subprocess.Popen[bytes]) -> Iterator[bytes]:
    """What is printed until the guard has ended: a process that killed its guard may hold the stream open for ever."""
    stream = cast(IO[bytes], guard.stdout).fileno()
    ended = False
    while not ended:
        ended = guard.poll() is not None
        if select.select([stream], [], [], 0 if ended else 0.5)[0]:
            yield os.read(stream, 2**20)
