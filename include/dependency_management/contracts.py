"""What changed between two versions of an interface file, and whether it breaks those who rely on it.

A change breaks where what was sent may now be refused, or where what comes back may be what nobody was told to expect. The rules
are those of oasdiff (https://github.com/oasdiff/oasdiff) for the commonest changes, for OpenAPI 3 and JSON Schema.
"""

import json
import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from include import safe_yaml
from include.markup import plain

MAX_BYTES = 5_000_000
MAX_CHANGES = 500
MAX_REFERENCES = 100
EMPTY: dict[str, Any] = {}
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")
UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")


class UnreadableError(Exception):
    """An interface file that can't be read; the message says where and why."""


@dataclass(frozen=True, order=True)
class Change:
    """One change at `place`: the `rule` that it falls under, whether it is `breaking`, and the reason in words."""

    place: str
    rule: str
    breaking: bool
    text: str


def load(content: bytes) -> dict[str, Any]:
    """A JSON or YAML document. Raises UnreadableError: too big, nested too deep, with aliases, or no such document."""
    if len(content) > MAX_BYTES:
        raise UnreadableError(f"1: larger than {MAX_BYTES:,} bytes")
    try:
        text = content.decode("utf-8-sig")
        document = json.loads(text) if text.lstrip()[:1] == "{" else _with_texts_as_keys(safe_yaml.load(text))
    except json.JSONDecodeError as error:
        raise UnreadableError(f"{error.lineno}: no JSON: {error.msg}") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise UnreadableError(f"{mark.line + 1 if mark else 1}: no YAML: {getattr(error, 'problem', error)}") from error
    except (RecursionError, ValueError) as error:
        raise UnreadableError(f"1: {plain(str(error))}") from error
    if not isinstance(document, dict):
        raise UnreadableError("1: no mapping")
    return document


def _with_texts_as_keys(value: Any) -> Any:
    """YAML reads the key `200:` as a number."""
    if isinstance(value, dict):
        return {str(key): _with_texts_as_keys(item) for key, item in value.items()}
    return [_with_texts_as_keys(item) for item in value] if isinstance(value, list) else value


def changes(old: Mapping[str, Any], new: Mapping[str, Any], kind: str) -> list[Change]:
    """What changed from `old` to `new`, in order, at most MAX_CHANGES; `kind` is openapi, request or response (`Contract`)."""
    found = _openapi(old, new) if kind == "openapi" else _schema(old, new, old, new, kind, "")
    kept: set[Change] = set()
    for change in found:
        kept.add(change)
        if len(kept) >= MAX_CHANGES:
            break
    return sorted(kept)


def _openapi(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    after = {_template(path): item for path, item in _mapping(new.get("paths")).items()}
    before = {_template(path): (path, item) for path, item in _mapping(old.get("paths")).items()}
    for key, (path, item) in before.items():
        if key not in after:
            yield _broke(path, "path removed", "whoever calls it is answered with 404")
            continue
        there, here = _mapping(after[key]), _mapping(item)
        for method in METHODS:
            place = f"{method.upper()} {path}"
            if method in here and method not in there:
                yield _broke(place, "operation removed", "whoever calls it is refused")
            elif method in here:
                yield from _operation(old, new, (here, _mapping(here[method])), (there, _mapping(there[method])), place)
            elif method in there:
                yield _fine(place, "operation added")
    yield from (_fine(key, "path added") for key in after if key not in before)


def _template(path: str) -> str:
    """A path whose parameters have no names: those may change freely."""
    return re.sub(r"\{[^}]*\}", "{}", path)


Item = tuple[Mapping[str, Any], Mapping[str, Any]]  # a path item, and one of its operations


def _operation(old: Mapping[str, Any], new: Mapping[str, Any], here: Item, there: Item, place: str) -> Iterator[Change]:
    yield from _parameters(old, new, here, there, place)
    before, after = _resolved(old, here[1].get("requestBody")), _resolved(new, there[1].get("requestBody"))
    if after.get("required") and not before.get("required"):
        yield _broke(place, "request body became required", "whoever sends none is refused")
    yield from _media(old, new, before, after, "request", f"{place} request")
    replies, others = _mapping(here[1].get("responses")), _mapping(there[1].get("responses"))
    for status, reply in replies.items():
        where = f"{place} {status}"
        if status in others:
            yield from _media(old, new, _resolved(old, reply), _resolved(new, others[status]), "response", where)
        elif str(status).startswith("2"):
            yield _broke(where, "success status removed", "whoever waits for it doesn't see it")
    if there[1].get("security") and not here[1].get("security", old.get("security")):
        yield _broke(place, "security added", "whoever sends no credentials is refused")


def _parameters(old: Mapping[str, Any], new: Mapping[str, Any], here: Item, there: Item, place: str) -> Iterator[Change]:
    before, after = _named(old, here), _named(new, there)
    for key, parameter in after.items():
        where = f"{place} {key[0]} {key[1]}".rstrip()
        was = before.get(key)
        if parameter.get("required") and key[0] != "path" and not (was and was.get("required")):
            rule = "parameter became required" if was else "required parameter added"
            yield _broke(where, rule, "whoever sends none is refused")
        elif was is None:
            yield _fine(where, "optional parameter added")
        if was is not None:
            yield from _schema(old, new, was.get("schema"), parameter.get("schema"), "request", where)
    for key in before:
        if key not in after and key[0] != "path":
            yield _fine(f"{place} {key[0]} {key[1]}", "parameter removed")


def _named(document: Mapping[str, Any], item: Item) -> dict[tuple[str, str], Mapping[str, Any]]:
    """Parameters by where they are and how they are called (those of a path by their order); an operation's go first."""
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    for parameters in (item[0].get("parameters"), item[1].get("parameters")):
        for number, entry in enumerate(parameters if isinstance(parameters, list) else []):
            parameter = _resolved(document, entry)
            where = str(parameter.get("in"))
            found[where, str(number) if where == "path" else str(parameter.get("name"))] = parameter
    return found


def _media(old: Mapping[str, Any], new: Mapping[str, Any], before: Mapping[str, Any], after: Mapping[str, Any], way: str,
           place: str) -> Iterator[Change]:
    there = _mapping(after.get("content"))
    for media, item in _mapping(before.get("content")).items():
        if media not in there:
            yield _broke(place, "media type removed", f"{media} is not {'taken' if way == 'request' else 'given'} any more")
        else:
            yield from _schema(old, new, _mapping(item).get("schema"), _mapping(there[media]).get("schema"), way, place)


def _schema(old: Mapping[str, Any], new: Mapping[str, Any], before: Any, after: Any, way: str, place: str) -> Iterator[Change]:
    """The changes of one schema and all that it leads to. Each pair of schemas is looked at once, so recursion in them ends."""
    waiting = deque([(before, after, place)])
    seen: set[tuple[int, int]] = set()
    while waiting:
        one, two, where = waiting.popleft()
        here, there = _resolved(old, one), _resolved(new, two)
        if (id(here), id(there)) in seen:
            continue
        seen.add((id(here), id(there)))
        yield from _types(here, there, way, where)
        yield from _values(here, there, way, where)
        yield from _bounds(here, there, way, where)
        yield from _fields(here, there, way, where)
        yield from _branches(here, there, way, where)
        waiting.extend(_inner(here, there, way, where))


def _inner(here: Mapping[str, Any], there: Mapping[str, Any], way: str, where: str) -> Iterator[tuple[Any, Any, str]]:
    """The pairs of schemas within a pair of schemas."""
    hidden = "readOnly" if way == "request" else "writeOnly"
    others = _mapping(there.get("properties"))
    for name, item in _mapping(here.get("properties")).items():
        if name in others and not (_mapping(item).get(hidden) and _mapping(others[name]).get(hidden)):
            yield item, others[name], f"{where}.{plain(name, 100)}"
    for key in ("items", "additionalProperties"):
        if isinstance(here.get(key), dict) and isinstance(there.get(key), dict):
            yield here[key], there[key], f"{where}[]"
    for key in ("allOf", "oneOf", "anyOf"):
        yield from ((one, two, where) for one, two in zip(_listed(here.get(key)), _listed(there.get(key)), strict=False))


def _types(here: Mapping[str, Any], there: Mapping[str, Any], way: str, where: str) -> Iterator[Change]:
    before, after = _kinds(here), _kinds(there)
    narrow, wide = (before, after) if way == "request" else (after, before)
    if wide and not (narrow and all(kind in wide or (kind == "integer" and "number" in wide) for kind in narrow)):
        text = f"{_said(before)} became {_said(after)}"
        yield _broke(where, "type narrowed" if way == "request" else "type widened", text)


def _said(kinds: set[str]) -> str:
    return " or ".join(sorted(kinds)) or "anything"


def _kinds(schema: Mapping[str, Any]) -> set[str]:
    kinds = schema.get("type")
    found = {str(kind) for kind in (kinds if isinstance(kinds, list) else [kinds] if kinds else [])}
    return found | ({"null"} if found and schema.get("nullable") else set())


def _values(here: Mapping[str, Any], there: Mapping[str, Any], way: str, where: str) -> Iterator[Change]:
    before, after = _enum(here), _enum(there)
    if way == "request" and after is not None and (lost := after if before is None else before - after):
        yield _broke(where, "values narrowed", f"only some are taken: {'only ' if before is None else 'no longer '}{_list(lost)}")
    if way == "response" and before is not None and (after is None or after - before):
        yield _broke(where, "values widened", f"there may be {'anything' if after is None else _list(after - before)}")


def _enum(schema: Mapping[str, Any]) -> set[str] | None:
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    return {json.dumps(value, default=str, ensure_ascii=False) for value in values} if isinstance(values, list) else None


def _list(values: set[str]) -> str:
    return plain(", ".join(sorted(values)), 200)


def _bounds(here: Mapping[str, Any], there: Mapping[str, Any], way: str, where: str) -> Iterator[Change]:
    one, two = (here, there) if way == "request" else (there, here)  # a bound that tightens from one to two breaks
    for key in (*UPPER, *LOWER):
        was, now = _number(one.get(key)), _number(two.get(key))
        if now is not None and (was is None or (now < was if key in UPPER else now > was)) and not (key in LOWER and now == 0 and
                                                                                                     was is None):
            yield _broke(where, "bound tightened" if way == "request" else "bound loosened",
                         f"{key}: {here.get(key, 'none')} became {there.get(key, 'none')}")
    if way == "request" and there.get("pattern") not in (None, here.get("pattern")):
        yield _broke(where, "pattern changed", "what was taken may be refused")


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _fields(here: Mapping[str, Any], there: Mapping[str, Any], way: str, where: str) -> Iterator[Change]:
    before, after = _mapping(here.get("properties")), _mapping(there.get("properties"))
    must, now_must = set(map(str, _listed(here.get("required")))), set(map(str, _listed(there.get("required"))))
    for name in sorted(before.keys() - after.keys()):
        if way == "response":
            promised = "was promised" if name in must else "may have been relied on"
            yield _broke(f"{where}.{plain(name, 100)}", "response field removed", f"it {promised}")
        elif there.get("additionalProperties") is False:
            yield _broke(f"{where}.{plain(name, 100)}", "request field removed", "no other fields are taken, so it is refused")
    if way == "request":
        for name in sorted(now_must - must):
            rule = "field became required" if name in before else "required field added"
            yield _broke(f"{where}.{plain(name, 100)}", rule, "whoever sends none is refused")
        if there.get("additionalProperties") is False and here.get("additionalProperties") is not False:
            yield _broke(where, "other fields refused", "additionalProperties became false")
    else:
        for name in sorted((must - now_must) & after.keys()):
            yield _broke(f"{where}.{plain(name, 100)}", "response field became optional", "it may be missing")
    yield from (_fine(f"{where}.{plain(name, 100)}", "field added") for name in sorted(after.keys() - before.keys() - now_must))


def _branches(here: Mapping[str, Any], there: Mapping[str, Any], way: str, where: str) -> Iterator[Change]:
    for key in ("oneOf", "anyOf"):
        before, after = len(_listed(here.get(key))), len(_listed(there.get(key)))
        if before and after and (after < before if way == "request" else after > before):
            rule = "alternative removed" if way == "request" else "alternative added"
            yield _broke(where, rule, f"{key}: {before} became {after}")
    if way == "request" and len(_listed(there.get("allOf"))) > len(_listed(here.get("allOf"))):
        yield _broke(where, "condition added", "allOf has one more")


def _resolved(document: Mapping[str, Any], item: Any) -> Mapping[str, Any]:
    """What an item stands for: a reference within the document is followed, at most MAX_REFERENCES times; others stay as they
    are."""
    for _ in range(MAX_REFERENCES):
        found = _mapping(item)
        pointer = found.get("$ref")
        if not isinstance(pointer, str) or not pointer.startswith("#/"):
            return found
        item = document
        for step in pointer[2:].split("/"):
            item = _mapping(item).get(step.replace("~1", "/").replace("~0", "~"))
    return EMPTY


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else EMPTY


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _broke(place: str, rule: str, text: str) -> Change:
    return Change(plain(place.strip() or "document", 250), rule, True, plain(text))


def _fine(place: str, rule: str) -> Change:
    return Change(plain(place.strip() or "document", 250), rule, False, "nobody has to know")
