"""Which packages the manifests and lock files of a repository name, as package URLs (purl-spec; ECMA-427).

Read are pyproject.toml (PEP 621, PEP 735, Poetry), requirements*.txt and .lock, uv.lock, poetry.lock, package.json,
package-lock.json (versions 1 to 3) and go.mod. Files come from outside: what can't be read is set aside, with its line, and the
rest goes on.
"""

import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any

from packageurl import PackageURL
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from include.markup import plain

MAX_BYTES = 20_000_000
MAX_MANIFESTS = 300
MAX_PATH = 255
MAX_LINE = 100_000  # characters of a TOML line: its reader takes quadratic time on some
MAX_COMPONENTS = 50_000
MAX_ASIDE = 100
NPM_NAME = r"(@[\w.~-]+/)?[\w.~-]{1,214}"
LINE_END = b"\n"
FOREIGN = {"node_modules", "vendor", "third_party", ".venv"}  # what lies there is somebody else's


@dataclass(frozen=True)
class Component:
    """A package that a file names: `package` is its package URL without a version; `version` where the file says exactly one,
    else empty; `needs` the range that it asks for; `kind` manifest or lock; `scope` runtime, development, optional or build."""

    package: str
    version: str
    needs: str | None
    kind: str
    scope: str
    line: int = 0
    file: str = ""


@dataclass
class Found:
    """What a file came to: its components, and what was set aside, as `file:line: why`."""

    components: list[Component] = field(default_factory=list)
    set_aside: list[str] = field(default_factory=list)


class MalformedError(ValueError):
    """A manifest, or a part of it, that can't be read, and its line; 0: the line that quotes `text`."""

    def __init__(self, why: str, line: int = 0, text: str = "") -> None:
        super().__init__(f"{why}: {plain(text, 100)!r}" if text else why)
        self.line, self.text = line, text


Items = Iterator["Component | MalformedError"]


def is_manifest(path: str) -> bool:
    """Whether the file at `path` is one that `components_in` reads and that belongs to the repository's own code."""
    place = PurePosixPath(path)
    return _reader(place.name) is not None and FOREIGN.isdisjoint(place.parts)


def read_manifests(files: Mapping[str, int], read: Callable[[str], bytes]) -> Found:
    """The packages that all manifests among `files` (path: bytes) name, `read` one by one; those at the top are read first."""
    found = Found()
    paths = sorted(filter(is_manifest, files), key=lambda path: (path.count("/"), path))
    for path in paths[:MAX_MANIFESTS]:
        if len(path) > MAX_PATH or files[path] > MAX_BYTES:
            found.set_aside.append(f"{plain(path)}:1: its path is too long, or it is larger than {MAX_BYTES:,} bytes")
            continue
        here = components_in(path, read(path))
        found.components += here.components
        found.set_aside += here.set_aside
    if len(paths) > MAX_MANIFESTS:
        found.set_aside.append(f"{plain(paths[MAX_MANIFESTS])}:1: and {len(paths) - MAX_MANIFESTS - 1} more: only "
                               f"{MAX_MANIFESTS} manifests are read")
    return found


def components_in(path: str, content: bytes) -> Found:
    """The packages that the file `path` names. What can't be read is set aside, never raised."""
    found, name = Found(), plain(path)
    reader = _reader(PurePosixPath(path).name)
    if reader is None:
        return found
    try:
        text = content.decode("utf-8-sig")
        lines = _lines(text)
        for item in reader(text):
            if isinstance(item, MalformedError):
                _aside(found, f"{name}:{item.line or lines(item.text)}: {item}")
            elif len(found.components) < MAX_COMPONENTS:
                found.components.append(replace(item, file=path, line=item.line or lines(_name(item.package))))
            else:
                raise MalformedError(f"more than {MAX_COMPONENTS:,} packages", 1)
    except MalformedError as error:
        _aside(found, f"{name}:{error.line or 1}: {error}")
    except json.JSONDecodeError as error:
        _aside(found, f"{name}:{error.lineno}: no JSON: {error.msg}")
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        _aside(found, f"{name}:{line[1] if line else 1}: no TOML: {plain(str(error))}")
    except UnicodeDecodeError as error:
        _aside(found, f"{name}:{content[: error.start].count(LINE_END) + 1}: no UTF-8")
    except (RecursionError, ValueError) as error:  # nested too deep; numbers of more digits than Python reads
        _aside(found, f"{name}:1: {plain(str(error))}")
    return found


def _aside(found: Found, text: str) -> None:
    if len(found.set_aside) < MAX_ASIDE:
        found.set_aside.append(text)


def _reader(name: str) -> Callable[[str], Items] | None:
    exact = {"pyproject.toml": _pyproject, "uv.lock": _toml_lock, "poetry.lock": _toml_lock, "package.json": _package_json,
             "package-lock.json": _package_lock, "npm-shrinkwrap.json": _package_lock, "go.mod": _go_mod}
    return exact.get(name) or (_requirements if re.fullmatch(r"requirements[\w.-]*\.(txt|lock)", name) else None)


def _lines(text: str) -> Callable[[str], int]:
    """Finds the line that first quotes something that begins with a name."""
    places: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        for quoted in re.findall(r"\"([^\"]+)\"|'([^']+)'", line):
            places.setdefault(_first_word("".join(quoted)), number)

    return lambda name: places.get(_first_word(name), 1)


def _first_word(text: str) -> str:
    return canonicalize_name(re.split(r"(?<=.)[\s<>=!~;\[(@]", text.rpartition("node_modules/")[2], maxsplit=1)[0])


def _name(package: str) -> str:
    found = PackageURL.from_string(package)
    return f"{found.namespace}/{found.name}" if found.namespace else found.name


def _pypi(name: str, version: str | None = None) -> str:
    return str(PackageURL("pypi", None, canonicalize_name(name), version).to_string())


def _npm(name: str) -> str:
    scope, _, last = name.rpartition("/")
    return str(PackageURL("npm", scope or None, last).to_string())


def _requirement(text: str, scope: str, line: int = 0, kind: str = "manifest") -> Component | MalformedError:
    """A PEP 508 requirement."""
    try:
        found = Requirement(text)
    except (InvalidRequirement, RecursionError):
        return MalformedError("no requirement", line, text)
    exact = [item.version for item in found.specifier if item.operator in ("==", "===") and "*" not in item.version]
    version = plain(exact[0], 200) if len(exact) == 1 else ""
    return Component(_pypi(found.name), version, plain(str(found.specifier)) or None, kind, scope, line)


def _listed(texts: Any, scope: str) -> Items:
    return (_requirement(text, scope) for text in (texts if isinstance(texts, list) else []) if isinstance(text, str))


def _toml(text: str) -> dict[str, Any]:
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > MAX_LINE:
            raise MalformedError(f"longer than {MAX_LINE:,} characters", number)
    return tomllib.loads(text)


def _pyproject(text: str) -> Items:
    content = _toml(text)
    project = _mapping(content.get("project"))
    yield from _listed(project.get("dependencies"), "runtime")
    for texts in _mapping(project.get("optional-dependencies")).values():
        yield from _listed(texts, "optional")
    for texts in _mapping(content.get("dependency-groups")).values():
        yield from _listed(texts, "development")
    yield from _listed(_mapping(content.get("build-system")).get("requires"), "build")
    poetry = _mapping(_mapping(content.get("tool")).get("poetry"))
    groups = {"runtime": poetry.get("dependencies"), "development": poetry.get("dev-dependencies")}
    for scope, named in groups.items():
        for name, needs in _mapping(named).items():
            if name.lower() != "python":
                wanted = needs.get("version") if isinstance(needs, dict) else needs
                yield Component(_pypi(name), "", plain(wanted) if isinstance(wanted, str) else None, "manifest", scope)


def _toml_lock(text: str) -> Items:
    for item in _toml(text).get("package", []):
        if isinstance(item, dict) and isinstance(item.get("name"), str) and isinstance(item.get("version"), str):
            yield Component(_pypi(item["name"]), plain(item["version"], 200), None, "lock", "runtime")


def _requirements(text: str) -> Items:
    """pip's requirements file format: comments, continued lines, options, hashes."""
    kind = "lock" if "--hash=" in text else "manifest"
    for number, line in _joined(text):
        if egg := re.search(r"#egg=([A-Za-z0-9._-]+)", line):
            yield Component(_pypi(egg[1]), "", None, kind, "runtime", number)
            continue
        wanted = re.split(r"(?:^|\s)#|\s--", line, maxsplit=1)[0].strip()
        if wanted and not wanted.startswith("-"):  # that would be an option, which names no package
            yield _requirement(wanted, "runtime", number, kind)


def _joined(text: str) -> Iterator[tuple[int, str]]:
    """Lines with those that they go on in; the number is the first one's."""
    begin, parts = 1, list[str]()
    for number, line in enumerate(text.splitlines(), 1):
        begin = begin if parts else number
        parts.append(line.removesuffix("\\"))
        if not line.endswith("\\"):
            yield begin, "".join(parts)
            parts = []
    if parts:
        yield begin, "".join(parts)


def _package_json(text: str) -> Items:
    content = _json(text)
    scopes = {"dependencies": "runtime", "peerDependencies": "runtime", "optionalDependencies": "optional",
              "devDependencies": "development"}
    for key, scope in scopes.items():
        for name, needs in _mapping(content.get(key)).items():
            if not isinstance(needs, str):
                yield MalformedError(f"{key}: no range", text=name)
                continue
            other = re.fullmatch(r"npm:(@?[^@]+)(?:@(.*))?", needs)
            named, wanted = (other[1], other[2] or "*") if other else (name, needs)
            yield _component(named, "", plain(wanted), "manifest", scope)


def _package_lock(text: str) -> Items:
    content = _json(text)
    if isinstance(content.get("packages"), dict):
        for path, item in content["packages"].items():
            if "node_modules/" in path and isinstance(item, dict) and not item.get("link"):
                yield _locked(item.get("name") or path.rpartition("node_modules/")[2], item)
        return
    waiting = [_mapping(content.get("dependencies"))]
    while waiting:
        for name, item in waiting.pop().items():
            if isinstance(item, dict):
                yield _locked(name, item)
                waiting.append(_mapping(item.get("dependencies")))


def _locked(name: Any, item: Mapping[str, Any]) -> Component | MalformedError:
    scope = "development" if item.get("dev") else "optional" if item.get("optional") else "runtime"
    return _component(name, item.get("version"), None, "lock", scope)


def _component(name: Any, version: Any, needs: str | None, kind: str, scope: str) -> Component | MalformedError:
    if not isinstance(version, str) or not isinstance(name, str) or not re.fullmatch(NPM_NAME, name, re.ASCII):
        return MalformedError("no package with a version", text=str(name))
    return Component(_npm(name), plain(version, 200), needs, kind, scope)


def _go_mod(text: str) -> Items:
    """go.mod (go.dev/ref/mod): what `require` names, and what `replace` puts in its place."""
    required: dict[str, Component] = {}
    block = ""
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("//")[0].replace('"', "").split()
        if block and words == [")"]:
            block = ""
        elif len(words) == 2 and words[1] == "(":
            block = words[0]
        elif words:
            verb, rest = (block, words) if block else (words[0], words[1:])
            if verb == "require" and not (len(rest) == 2 and re.fullmatch(r"v\d[\w.+-]*", rest[1], re.ASCII)):
                yield MalformedError("no requirement", number, line)
            elif verb == "require":
                required[rest[0]] = _module(rest[0], rest[1], number)
            elif verb == "replace" and "=>" in rest and rest[0] in required:
                new = rest[rest.index("=>") + 1 :]
                here = not new or new[0].startswith((".", "/"))
                required[rest[0]] = (replace(required[rest[0]], version="") if here else
                                     _module(new[0], new[1] if len(new) > 1 else "", number))
    yield from required.values()


def _module(path: str, version: str, line: int) -> Component:
    namespace, _, name = path.rpartition("/")
    package = str(PackageURL("golang", namespace or None, name).to_string())
    return Component(package, plain(version, 200), f"^{version[1:]}" if version else None, "manifest", "runtime", line)


def _json(text: str) -> dict[str, Any]:
    return _mapping(json.loads(text))


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
