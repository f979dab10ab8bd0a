"""Where a product's commands run: what every runner promises. A product's code is untrusted."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from include.parts.repository import Limits

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


class ImageError(Exception):
    """The image that the commands would run in could not be built; `outcome` says why."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.why)
        self.outcome = outcome


class Runner(Protocol):
    """A clean place for one build: no settings or secrets of ours, hard limits, and nothing left afterwards.

    Whoever breaks a limit is ended, and the outcome's `why` names the limit in the words of `over_time` and its neighbours.
    """

    def prepare(self, archive: bytes, without: str) -> list[str]:
        """Remove what a killed build left, and lay out the tar `archive`, but for the file `without`; returns what was left out.

        Raises InputError where the archive or the place is wrong, ImageError where the product's own image can't be built.
        """

    def image(self) -> str:
        """The digest (sha256:<hex>) of the image that the commands run in; empty where there is none."""

    def run(self, command: str, seconds: float) -> Outcome:
        """Run a shell command in the tree. When this returns, no process that it started is left; the files are."""

    def results(self, name: str) -> Path:
        """A folder of ours that holds the tree's file or folder `name`, if there is one; still untrusted, but bounded."""

    def remove(self) -> None:
        """Remove all of it, running or not, also what an earlier process of ours made. May be called at any time."""


def over_time(seconds: float) -> str:
    return f"not done within {seconds:g} s"


def over_processes(limits: Limits) -> str:
    return f"more than {limits.processes} processes"


def over_memory(limits: Limits) -> str:
    return f"more than {limits.memory_mb} MB of memory"


def over_disk(limits: Limits) -> str:
    return f"more than {limits.disk_mb} MB of files"


def bounded(chunks: Iterable[bytes]) -> bytes:
    """What `chunks` say, at most OUTPUT_BYTES kept: the beginning and the end."""
    head, tail, cut = b"", b"", 0
    for chunk in chunks:
        if len(head) < OUTPUT_BYTES // 2:
            head += chunk
            continue
        tail += chunk
        if len(tail) > OUTPUT_BYTES:
            cut += len(tail) - OUTPUT_BYTES // 2
            tail = tail[-OUTPUT_BYTES // 2 :]
    return head + (f"\n… {cut:,} bytes left out …\n".encode() if cut else b"") + tail
