"""What a Dockerfile says that matters to security (docs.docker.com/reference/dockerfile, CIS Docker Benchmark 4)."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from include.dockerfile import Instruction, instructions
from include.markup import plain

# Dockerfile, Dockerfile.dev, dev.Dockerfile, and all in small letters, but no dockerfile.py.
NAMES = re.compile(r"(Docker|Container)file([.-][\w.-]+)?|([\w.-]+\.)?([Dd]ocker|[Cc]ontainer)file")
MAX_BYTES = 1_000_000
SECRET = re.compile(r"(^|_)(passw(or)?d|passphrase|secret|token|(api|access|private)_?key|credentials?)(_|$)", re.IGNORECASE)
_URL = re.compile(r"^(https?|ftp)://|^git@|\.git(#.*)?$")
_VARIABLE = re.compile(r"\$\{?(\w+)(?::?-([^}]*))?\}?")
_ROOT = re.compile(r"(root|0)(:.*)?")


def dockerfiles(tree: Path) -> dict[str, Any]:
    """The Dockerfiles of `tree`: `files`, and `problems` (file, line, problem, what), in order; links are not followed."""
    paths = sorted(path for path in tree.rglob("*") if NAMES.fullmatch(path.name) and path.is_file() and not path.is_symlink())
    found: list[dict[str, Any]] = []
    for path in paths:
        name = plain(path.relative_to(tree).as_posix())
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"{name} is larger than {MAX_BYTES:,} bytes")
        text = path.read_text(encoding="utf-8", errors="replace")
        found += [{"file": name, "line": line, "problem": problem, "what": plain(what, 100)}
                  for line, problem, what in problems(text)]
    return {"files": [plain(path.relative_to(tree).as_posix()) for path in paths], "problems": found}


def problems(text: str) -> list[tuple[int, str, str]]:
    """What is wrong in a Dockerfile, as (line, problem, what), by line.

    `root`: the last stage runs as root, or says no user; `unpinned`: a base image without a digest; `remote`: ADD of a URL or
    a repository without a checksum; `secret`: ENV or ARG gives a secret a value; `pipe`: a download is piped into a shell.
    """
    lines = list(instructions(text))
    return sorted([*_root(lines), *_unpinned(lines), *_remote(lines), *_secrets(lines), *_piped(lines)])


def _words(value: str) -> list[str]:
    try:
        return shlex.split(value)
    except ValueError:
        return value.split()


def _root(lines: list[Instruction]) -> Iterator[tuple[int, str, str]]:
    stage = max((at for at, item in enumerate(lines) if item.name == "FROM"), default=None)
    if stage is None:
        return
    user = next((item for item in reversed(lines[stage:]) if item.name == "USER"), None)
    if user is None:
        yield lines[stage].line, "root", "the last stage names no USER"
    elif _ROOT.fullmatch(user.value):
        yield user.line, "root", f"USER {user.value}"


def _unpinned(lines: list[Instruction]) -> Iterator[tuple[int, str, str]]:
    given = dict[str, str]()
    stages = {"scratch"}
    for item in lines:
        if item.name == "ARG":
            name, _, value = item.value.partition("=")
            given.setdefault(name.strip(), value.strip("\"' "))
        if item.name == "FROM":
            words = [word for word in _words(item.value) if not word.startswith("--")]
            image = _VARIABLE.sub(lambda match: given.get(match[1]) or match[2] or match[0], words[0]) if words else ""
            if image.lower() not in stages and not re.search(r"@sha256:[0-9a-f]{64}$", image):
                yield item.line, "unpinned", image
            if len(words) == 3 and words[1].lower() == "as":
                stages.add(words[2].lower())


def _remote(lines: list[Instruction]) -> Iterator[tuple[int, str, str]]:
    for item in lines:
        words = _words(item.value.strip("[]").replace('",', '" ')) if item.name == "ADD" else []
        if not any(word.startswith("--checksum=") for word in words):
            yield from ((item.line, "remote", word.split("?")[0]) for word in words[:-1] if _URL.search(word))


def _secrets(lines: list[Instruction]) -> Iterator[tuple[int, str, str]]:
    for item in lines:
        if item.name in {"ENV", "ARG"}:
            words = _words(item.value)
            pairs = [word.split("=", 1) for word in words if "=" in word] if "=" in (words or [""])[0] else [words[:2]]
            for name, *value in pairs if item.value else []:
                told = value and value[0] and not value[0].startswith("$")
                if told and SECRET.search(name) and not name.upper().endswith("_FILE"):
                    yield item.line, "secret", name


def _piped(lines: list[Instruction]) -> Iterator[tuple[int, str, str]]:
    for item in lines:
        if item.name == "RUN" and re.search(r"\b(curl|wget)\b[^|;&]*\|\s*(sudo\s+)?(ba|z|da)?sh\b", item.value):
            yield item.line, "pipe", "a download runs unseen in a shell"
