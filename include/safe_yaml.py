"""YAML from outside: no tags that make objects, no endless nesting, and no aliases, a few lines of which make gigabytes."""

from typing import Any

import yaml

MAX_DEPTH = 100
MAX_NODES = 100_000  # of a document with aliases, each counted as often as it stands


def checked(text: str, aliases: bool = False) -> str:
    """`text` itself. Raises yaml.YAMLError, with its place, where it is no YAML, nests deeper than MAX_DEPTH, or has `aliases`
    that aren't allowed."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH or (isinstance(event, yaml.AliasEvent) and not aliases):
            why = "nested too deep" if depth > MAX_DEPTH else "aliases are not allowed"
            raise yaml.MarkedYAMLError(problem=why, problem_mark=event.start_mark)  # type: ignore[arg-type]  # the C parser's own
    return text


def load(text: str) -> Any:
    """The plain values of one document. Raises as `checked` does."""
    return yaml.load(checked(text), Loader=yaml.CSafeLoader)


def load_all(text: str) -> list[Any]:
    """The plain values of each document. Raises as `checked` does."""
    return list(yaml.load_all(checked(text), Loader=yaml.CSafeLoader))


def load_with_aliases(text: str) -> Any:
    """The plain values of one document that may repeat itself by aliases, up to MAX_NODES. Raises as `checked` does."""
    root = yaml.compose(checked(text, aliases=True), Loader=yaml.CSafeLoader)
    if root is not None and _size(root, {}) > MAX_NODES:
        raise yaml.MarkedYAMLError(problem="its aliases make it too large", problem_mark=root.start_mark)
    return yaml.load(text, Loader=yaml.CSafeLoader)


def _size(node: yaml.Node, known: dict[int, int]) -> int:
    """How many nodes stand there once every alias is written out; a node that holds itself has no end."""
    if id(node) not in known:
        known[id(node)] = MAX_NODES + 1
        inner = [item for pair in node.value for item in pair] if isinstance(node, yaml.MappingNode) else node.value
        known[id(node)] = 1 + sum(_size(item, known) for item in inner if isinstance(item, yaml.Node))
    return known[id(node)]
