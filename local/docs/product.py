"""What a product file may say, from its JSON Schema (include/products/schema.json)."""

import json
import re
from collections import deque
from collections.abc import Iterator
from typing import Any

from include.product import SCHEMA
from local.docs.markdown import cell, code, heading, page, paragraph, table

Node = dict[str, Any]
INTRO = """# The product file

One YAML file a product in `include/products/` (or in the folders that `CLOSED_LOOP_PRODUCTS` names), called like the product. A
field without a default has to be there; a field that is none of these is an error with its file, line and column. `${NAME}` and
`${NAME:-default}` come from the environment. Editors complete the file with `include/products/schema.json`."""
LIMITS = {"minimum": "≥ {}", "exclusiveMinimum": "> {}", "maximum": "≤ {}", "exclusiveMaximum": "< {}", "pattern": "as {}",
          "maxLength": "at most {} characters", "maxItems": "at most {}"}


def product_page() -> str:
    """The page: a section for each model, in the order in which a reader meets them, titled by where it stands."""
    schema: Node = json.loads(SCHEMA.read_text(encoding="utf-8"))
    models = places(schema)
    sections = [_section(name, schema["$defs"], found) for name, found in models.items()]
    return page(INTRO, _fields(schema, schema["$defs"]), *sections)


def places(schema: Node) -> dict[str, list[str]]:
    """The paths at which each model stands, breadth first within each field of the product."""
    found: dict[str, list[str]] = {}
    for name, part in schema["properties"].items():
        todo = deque(_refs(part, name))
        while todo:
            model, path = todo.popleft()
            known = found.setdefault(model, [])
            if path not in known:
                known.append(path)
                if len(known) == 1:
                    todo += [inner for field, value in schema["$defs"][model]["properties"].items()
                             for inner in _refs(value, f"{path}.{field}")]
    return found


def _refs(node: Node, path: str) -> Iterator[tuple[str, str]]:
    if "$ref" in node:
        yield node["$ref"].rpartition("/")[2], path
    for inner in (*node.get("anyOf", ()), *node.get("oneOf", ())):
        yield from _refs(inner, path)
    if isinstance(node.get("items"), dict):
        yield from _refs(node["items"], f"{path}[]")
    for inner in (node.get("additionalProperties"), *node.get("patternProperties", {}).values()):
        if isinstance(inner, dict):
            yield from _refs(inner, f"{path}.NAME")


def _section(name: str, models: Node, places: list[str]) -> str:
    model = models[name]
    kind = model["properties"].get("kind", {}).get("const")
    title = f"{code(places[0])}{f', kind {code(kind)}' if kind else ''}"
    also = f"Also at {', '.join(code(place) for place in places[1:])}." if len(places) > 1 else ""
    level = 2 if "." not in places[0] else 3
    return page(heading(level, title, name.lower()), paragraph(model.get("description", "")), also, _fields(model, models))


def _fields(model: Node, models: Node) -> str:
    needed = set(model.get("required", ()))
    return table(["field", "value", "default", "what it says"],
                 ([code(name), _type(node), "" if name in needed else _default(node), cell(_about(node, models))]
                  for name, node in model["properties"].items()))


def _about(node: Node, models: Node) -> str:
    """What a field says of itself, or else the first sentence of the model that it bears."""
    if text := node.get("description", ""):
        return str(text)
    refs = {name for name, _ in _refs(node, "")}
    return str(models[refs.pop()].get("description", "")).partition(". ")[0] if len(refs) == 1 else ""


def _default(node: Node) -> str:
    value = node.get("default")
    if value is None:
        return "none"
    if isinstance(value, dict) and value:
        return "its defaults"
    return code(json.dumps(value, ensure_ascii=False)) if len(json.dumps(value)) < 60 else "see its values"


def _type(node: Node) -> str:
    """What a value may be, in words."""
    if "$ref" in node:
        name = node["$ref"].rpartition("/")[2]
        return f"[{_words(name)}](#{name.lower()})"
    if choices := node.get("anyOf") or node.get("oneOf"):
        return " or ".join(dict.fromkeys(_type(inner) for inner in choices if inner.get("type") != "null"))
    if "const" in node:
        return code(node["const"])
    if "enum" in node:
        return ", ".join(code(value) for value in node["enum"])
    limits = [shape.format(code(node[key]) if key == "pattern" else node[key]) for key, shape in LIMITS.items() if key in node]
    return ", ".join([_plain_type(node), *limits])


def _plain_type(node: Node) -> str:
    kind = str(node.get("type", "anything"))
    if kind == "array":
        if "prefixItems" in node:
            return f"list of {len(node['prefixItems'])}: {', '.join(_type(item) for item in node['prefixItems'])}"
        return f"list of {_type(node['items'])}" if node.get("items") else "list"
    if kind == "object":
        inner = node.get("additionalProperties") or next(iter(node.get("patternProperties", {}).values()), None)
        return f"map of names to {_type(inner)}" if isinstance(inner, dict) else "map"
    kind = str(node.get("format", kind)).removesuffix("-time")
    return {"string": "text", "integer": "whole number", "boolean": "true or false"}.get(kind, kind)


def _words(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()
