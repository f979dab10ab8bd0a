"""The instructions of a Dockerfile (docs.docker.com/reference/dockerfile)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

HEREDOC = re.compile(r"<<-?\s*([\"']?)([A-Za-z_]\w*)\1")
_ESCAPE = re.compile(r"(\s*#[^\n]*\n)*?\s*#\s*escape\s*=\s*`")


@dataclass(frozen=True)
class Instruction:
    """One instruction: its name in capitals, what follows with continued lines joined, and the line where it starts."""

    name: str
    value: str
    line: int


def instructions(text: str) -> Iterator[Instruction]:
    """The instructions of a Dockerfile: comments and the bodies of here-documents left out, continued lines joined."""
    escape = "`" if _ESCAPE.match(text) else "\\"
    joined, start, ends = "", 0, list[str]()
    for number, line in enumerate(text.splitlines(), 1):
        if ends:
            if line.strip() == ends[0]:
                ends.pop(0)
            continue
        if line.lstrip().startswith("#") or (not line.strip() and not joined):
            continue
        start = start or number
        bare = line.rstrip()
        joined += bare.removesuffix(escape).strip() + " "
        if bare.endswith(escape):
            continue
        ends = [match[2] for match in HEREDOC.finditer(joined)]
        yield from _instruction(joined, start)
        joined, start = "", 0
    yield from _instruction(joined, start)


def _instruction(text: str, line: int) -> Iterator[Instruction]:
    if parts := text.split(maxsplit=1):
        yield Instruction(parts[0].upper(), parts[1].strip() if len(parts) > 1 else "", line)
