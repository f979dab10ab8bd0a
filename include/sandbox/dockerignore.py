"""What a .dockerignore leaves out of the context of an image's build.

The rules are those of docs.docker.com/build/concepts/context/#dockerignore-files, which stand on Go's filepath.Match: lines with
`#` first are comments; `*`, `?`, `[a-z]`, `[^a-z]` and `\\c` stay within a name; `**` is any number of folders; `!` brings back
what lines before it took away; what holds for a folder holds for all that is in it. The last line that matches decides.
"""

import posixpath
import re
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase

ANY = "**"
_ESCAPED = re.compile(r"\\(.)|\[(\^?)((?:\\.|[^\]\\])+)\]", re.DOTALL)


def left_out(text: str) -> Callable[[str], bool]:
    """Whether a path of the context is left out, by the `text` of a .dockerignore."""
    rules = [(line.startswith("!"), _parts(line.removeprefix("!"))) for line in _lines(text)]

    def is_left_out(path: str) -> bool:
        out, parts = False, path.strip("/").split("/")
        for back, pattern in rules:
            if out == back and pattern and _matches(pattern, parts):
                out = not back
        return out

    return is_left_out


def _lines(text: str) -> Iterable[str]:
    lines = (line.strip() for line in text.removeprefix("\ufeff").splitlines() if not line.startswith("#"))
    return (line for line in lines if line)


def _parts(pattern: str) -> list[str]:
    """The names of a pattern, as fnmatch reads them; none where it is the context itself, which stays."""
    clean = posixpath.normpath("/" + pattern.strip())
    names = [name for name in clean.split("/") if name]
    # `**x` is any folder's x
    split = [part for name in names for part in ([ANY, name[2:]] if name.startswith(ANY) and name != ANY else [name])]
    return [part if part == ANY else _ESCAPED.sub(_as_fnmatch, part) for part in split]


def _as_fnmatch(found: re.Match[str]) -> str:
    if found[1]:
        return f"[{found[1]}]" if found[1] in "*?[" else found[1]
    inside = re.sub(r"\\(.)", r"\1", found[3])
    if inside.startswith("!") and not found[2]:  # which fnmatch takes for Go's ^
        inside = f"{inside[1:]}!"
    return f"[{'!' if found[2] else ''}{inside}]"


def _matches(pattern: Sequence[str], parts: Sequence[str]) -> bool:
    """Whether `pattern` matches a path or a folder that it lies in: all ways to read it go side by side, so no pattern takes
    more time than its length times the path's."""
    ways = _with_no_folder({0}, pattern)
    for part in parts:
        ways = _with_no_folder({after for way in ways for after in _after(way, pattern, part)}, pattern)
        if len(pattern) in ways:
            return True
    return False


def _after(way: int, pattern: Sequence[str], part: str) -> set[int]:
    if pattern[way] == ANY:
        return {way, way + 1} if way == len(pattern) - 1 else {way}
    return {way + 1} if fnmatchcase(part, pattern[way]) else set()


def _with_no_folder(ways: set[int], pattern: Sequence[str]) -> set[int]:
    """`**` may stand for no folder, but at the end it stands for something."""
    for way, name in enumerate(pattern[:-1]):
        if way in ways and name == ANY:
            ways = ways | {way + 1}
    return ways
