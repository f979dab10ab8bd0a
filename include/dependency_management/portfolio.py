"""What the products need of one another, and what is wrong with it: cycles, contradictions, products that there are none of."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from include.dependency_management.graph import cycles, from_root, knots, turned
from include.errors import InputError
from include.manifests import Component
from include.product import Product
from include.ranges import Range, clash

MAX_TOLD = 10  # of a contradiction's needs, and of a path's ends


@dataclass(frozen=True, order=True)
class Need:
    """`product` needs versions `needs` of the product `on`; `said` is where that is written."""

    product: str
    on: str
    needs: str
    said: str


@dataclass(frozen=True, order=True)
class Problem:
    """Something wrong with what is needed: which `products` it concerns, and in words."""

    kind: Literal["cycle", "contradiction", "missing", "lock"]
    products: tuple[str, ...]
    text: str


def needs_of(portfolio: Iterable[Product], components: Mapping[str, Sequence[Component]]) -> list[Need]:
    """What products need of one another: `depends_on` in their files, and packages in their manifests that another provides.

    `components` are what each product's repository names.
    """
    portfolio = list(portfolio)
    provided = {package: product.name for product in portfolio for package in product.provides}
    found = {Need(product.name, item.product, item.needs, "depends_on") for product in portfolio for item in product.depends_on}
    for name, items in components.items():
        for item in items:
            on = provided.get(item.package)
            if on and on != name and item.kind == "manifest":
                found.add(Need(name, on, wanted(item), f"{item.file}:{item.line}"))
    return sorted(found)


def graph_of(needs: Iterable[Need]) -> dict[str, set[str]]:
    """The needs as a graph: each product and the products that it needs."""
    found: dict[str, set[str]] = defaultdict(set)
    for need in needs:
        found[need.product].add(need.on)
    return found


def in_cycles(needs: Iterable[Need]) -> set[tuple[str, str]]:
    """The pairs (product, on) that lie in one cycle: neither can wait for the other, or both would wait for ever."""
    graph = graph_of(needs)
    return {(name, other) for knot in knots(graph) for name in knot for other in graph[name] if other in knot}


def wanted(component: Component) -> str:
    """What a manifest asks for as a range of semantic versions; `*` where it says none, or one that can't be said so."""
    text = component.needs or "*"
    try:
        text = _semantic(text) if component.package.startswith("pkg:pypi/") else text
        return Range.parse(text).text
    except (InputError, InvalidSpecifier):
        return "*"


def _semantic(text: str) -> str:
    """A PEP 440 specifier as a range: `~=1.4.2` is `>=1.4.2 <1.5`; what it excludes (`!=`) is left out."""
    if text[:1] in "^*":  # Poetry writes them as npm does
        return text
    words = []
    for item in SpecifierSet(text):
        if item.operator == "~=":
            release = Version(item.version).release[:-1]
            words += [f">={item.version}", f"<{'.'.join(map(str, [*release[:-1], release[-1] + 1]))}"]
        elif item.operator != "!=":
            words.append(f"{item.operator.replace('===', '=').replace('==', '=')}{item.version}")
    return " ".join(words) or "*"


def problems(needs: Sequence[Need], known: Iterable[str], components: Mapping[str, Sequence[Component]]) -> list[Problem]:
    """Everything that is wrong, in order. `known` are the names of the products that have a file that can be read."""
    return [*_cycles(needs), *_missing(needs, set(known)), *_contradictions(needs), *_locks(components)]


def _cycles(needs: Sequence[Need]) -> list[Problem]:
    return [Problem("cycle", tuple(cycle[:-1]), f"{' needs '.join(cycle)}: none of them can wait for the others")
            for cycle in cycles(graph_of(needs))]


def _missing(needs: Sequence[Need], known: set[str]) -> list[Problem]:
    return [Problem("missing", (need.product, need.on),
                    f"{need.product} needs {need.on} {need.needs} ({need.said}), but no product file for {need.on} can be read")
            for need in needs if need.on not in known]


def _contradictions(needs: Sequence[Need]) -> list[Problem]:
    """Products of which no version suits all that need them; each need is told with its path from whoever needs it first."""
    users, by_target = turned(graph_of(needs)), defaultdict(list)
    for need in needs:
        by_target[need.on].append(need)
    found = []
    for target, several in sorted(by_target.items()):
        if places := clash([Range.parse(need.needs) for need in several]):
            told = [several[place] for place in places[-MAX_TOLD:]]
            text = " but ".join(f"{_way(users, need)} {need.needs} ({need.said})" for need in told)
            found.append(Problem("contradiction", (target, *sorted({need.product for need in told})),
                                 f"no version of {target} suits all: {text}"))
    return found


def _way(users: Mapping[str, Sequence[str]], need: Need) -> str:
    """`root needs … needs product needs target`: from a product that nobody needs, where one leads here."""
    way = [*from_root(users, need.product), need.on]
    return " needs ".join(way if len(way) <= MAX_TOLD * 2 else [*way[:MAX_TOLD], "…", *way[-MAX_TOLD:]])


def _locks(components: Mapping[str, Sequence[Component]]) -> list[Problem]:
    """Lock files, and exact pins in different files, that don't keep what a manifest of the same folder asks for."""
    found = []
    for product, items in sorted(components.items()):
        pinned = defaultdict(list)
        for item in items:
            if item.version and not item.package.startswith("pkg:golang/"):
                pinned[_folder(item), item.package].append(item)
        for item in items:
            pins = pinned[_folder(item), item.package] if item.kind == "manifest" and item.needs else []
            if pins and not any(_keeps(pin, item) for pin in pins):
                pin = pins[0]
                found.append(Problem("lock", (product,), f"{product}: {item.file}:{item.line} asks for {item.package} "
                                                         f"{item.needs}, but {pin.file}:{pin.line} has {pin.version}"))
    return found


def _folder(item: Component) -> str:
    return item.file.rpartition("/")[0]


def _keeps(pin: Component, asked: Component) -> bool:
    """Whether a pinned version is in the range asked for; true where either can't be read."""
    try:
        if pin.package.startswith("pkg:pypi/") and (asked.needs or "")[:1] not in "^*":
            return SpecifierSet(asked.needs or "").contains(Version(pin.version), prereleases=True)
        return pin.version in Range.parse(asked.needs or "*")
    except (InputError, InvalidSpecifier, InvalidVersion, ValueError, TypeError):
        return True
