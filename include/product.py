"""What a product's YAML may say, and errors that name file, line, column and field.

One file a product in `include/products/`; its name is the product's. `python -m include.product` writes the JSON Schema
that editors use (`include/products/schema.json`).
"""

import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError, model_validator

from include.errors import InputError
from include.parts.alerts import Alerts
from include.parts.channels import KINDS
from include.parts.compliance import Compliance
from include.parts.dependencies import Contract, DependsOn, Package
from include.parts.deployment import Deployment
from include.parts.desk import Support
from include.parts.monitoring import Monitoring
from include.parts.outcome import Outcome
from include.parts.part import Name, Part
from include.parts.planning import Planning
from include.parts.reports import Reports
from include.parts.repository import Repository
from include.parts.solutions import Solutions
from include.parts.stories import Stories
from include.parts.testing import UserTesting
from include.parts.voices import Voices
from include.product_files import PRODUCTS, folders, product_files
from include.safe_yaml import checked

MAX_BYTES = 1_000_000
SCHEMA = PRODUCTS / "schema.json"


class Product(Part):
    """One product, as its file says."""

    name: Name = Field(description="The file's name, without .yaml.")
    title: str
    owner: str = Field(description="The team that answers for it.")
    voices: Voices = Voices()
    stories: Stories = Stories()
    planning: Planning = Planning()
    repository: Repository | None = None
    user_testing: UserTesting = UserTesting()
    compliance: Compliance = Compliance()
    deployment: Deployment | None = None
    slo: str | None = Field(None, description="Path of an OpenSLO YAML file; relative paths start at the product file.")
    monitoring: Monitoring = Monitoring()
    alerts: Alerts | None = None
    outcome: Outcome = Outcome()
    reports: Reports = Reports()
    support: Support | None = None
    solutions: Solutions = Solutions()
    depends_on: list[DependsOn] = Field([], description="The products that this one needs.")
    provides: list[Package] = Field([], description="The packages that it publishes, as package URLs (pkg:npm/pay-client): whose "
                                                    "manifest names one depends on this product.")
    contracts: list[Contract] = Field([], description="The interface files that others rely on.")

    @model_validator(mode="after")
    def _sources_differ(self) -> "Product":
        names = [source.name for source in self.voices.sources]
        taken = {name for name in names if names.count(name) > 1 or name in {"operations", "intake", "support"}}
        if twice := sorted(taken):
            raise ValueError(f"voices.sources: names taken twice or reserved: {', '.join(twice)}")
        return self

    @model_validator(mode="after")
    def _scenarios_can_run(self) -> "Product":
        if self.user_testing.scenarios and (self.repository is None or self.deployment is None):
            raise ValueError("user_testing.scenarios: needs repository and deployment, which say how a release is started")
        return self

    @model_validator(mode="after")
    def _needs_others_once(self) -> "Product":
        needed = [item.product for item in self.depends_on]
        if self.name in needed or len(needed) != len(set(needed)):
            raise ValueError("depends_on: a product is named twice, or needs itself")
        return self


@dataclass(frozen=True)
class Broken:
    """A product file that can't be used, and why."""

    path: Path
    error: InputError


def home() -> Path:
    """The folder of everything that Closed Loop writes: CLOSED_LOOP_HOME, or `.loop` beside `include`."""
    return Path(os.environ.get("CLOSED_LOOP_HOME") or Path(__file__).resolve().parents[1] / ".loop")


def products(files: Iterable[Path] | None = None) -> tuple[list[Product], list[Broken]]:
    """All products that can be read, by name, or those of `files`; and the files that can't: one broken file spoils no other."""
    good: dict[str, Product] = {}
    broken: list[Broken] = []
    for path in product_files() if files is None else files:
        try:
            product = read_product(path)
            if product.name in good:
                raise InputError(f"{path}:1:1: name: another file describes {product.name!r} too")
            good[product.name] = product
        except InputError as error:
            broken.append(Broken(path, error))
    return list(good.values()), broken


def product_named(name: str) -> Product:
    """The product called `name`. Raises InputError when there is no such file or it is broken."""
    for path in product_files():
        if path.stem == name:
            return read_product(path)
    raise InputError(f"unknown product {name!r}: no {name}.yaml in {', '.join(map(str, folders()))}")


def slo_file(product: Product) -> Path | None:
    """The product's OpenSLO file. Raises InputError where the product's file is gone."""
    return None if product.slo is None else beside(product, product.slo)


def beside(product: Product, name: str) -> Path:
    """A path that the product's file names: a relative one starts at that file. Raises InputError where the file is gone."""
    if (path := Path(name)).is_absolute():
        return path
    for file in product_files():
        if file.stem == product.name:
            return file.parent / path
    raise InputError(f"{name!r} starts at the product file, but there is no {product.name}.yaml")


def read_product(path: Path) -> Product:
    """Read one product file.

    `${NAME}` and `${NAME:-default}` in values are replaced from the environment; CLOSED_LOOP_HOME always has a value.
    Raises InputError with one `file:line:column: field: message` a line.
    """
    try:
        text = path.read_bytes()[: MAX_BYTES + 1].decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}:1:1: cannot be read: {error}") from error
    if len(text) > MAX_BYTES:
        raise InputError(f"{path}:1:1: larger than {MAX_BYTES:,} bytes")
    try:
        root = yaml.compose(checked(text), Loader=yaml.CSafeLoader)
        value = _plain(root) if root is not None else None
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{mark.line + 1}:{mark.column + 1}" if mark else "1:1"
        raise InputError(f"{path}:{place}: no YAML: {getattr(error, 'problem', None) or error}") from error
    try:
        product = Product.model_validate(value)
    except ValidationError as error:
        lines = [f"{path}:{_place(root, loc)}: {'.'.join(map(str, loc)) or 'file'}: {item['msg']}"
                 for item in error.errors() for loc in [_fields(item["loc"])]]
        raise InputError("\n".join(lines)) from error
    if product.name != path.stem:
        raise InputError(f"{path}:{_place(root, ('name',))}: name: is {product.name!r}, but the file is {path.name}")
    return product


_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


def _expanded(text: str, mark: Any) -> str:
    def value(match: re.Match[str]) -> str:
        found = str(home()) if match[1] == "CLOSED_LOOP_HOME" else os.environ.get(match[1], match[2])
        if found is None:
            raise yaml.MarkedYAMLError(problem=f"environment variable {match[1]} is not set", problem_mark=mark)
        return found

    return _VARIABLE.sub(value, text)


def _plain(node: yaml.Node) -> Any:
    """A composed node as plain values, variables replaced. Repeated fields are refused."""
    constructor = yaml.CSafeLoader("")

    def build(node: yaml.Node) -> Any:
        if isinstance(node, yaml.SequenceNode):
            return [build(item) for item in node.value]
        if isinstance(node, yaml.MappingNode):
            fields: dict[str, Any] = {}
            for key, item in node.value:
                if key.value in fields:
                    raise yaml.MarkedYAMLError(problem=f"field {key.value!r} stands twice", problem_mark=key.start_mark)
                fields[key.value] = build(item)
            return fields
        expanded = _expanded(node.value, node.start_mark)
        if expanded == node.value:
            return constructor.construct_object(node)
        return int(expanded) if expanded.isdecimal() and not getattr(node, "style", None) else expanded

    return build(node)


def _fields(loc: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """`loc` as the file has it: without the kind that pydantic puts after a source's number."""
    return tuple(step for place, step in enumerate(loc) if not (step in KINDS and loc[place - 1 : place] and
                                                                isinstance(loc[place - 1], int)))


def _place(node: yaml.Node | None, loc: tuple[int | str, ...]) -> str:
    """`line:column` of the field at `loc`, or of its nearest parent that the file has."""
    mark = node.start_mark if node else None
    for step in loc:
        child = next((item for item in _children(node, step)), None)
        if child is None:
            break
        mark, node = child[0].start_mark, child[1]
    return f"{mark.line + 1}:{mark.column + 1}" if mark else "1:1"


def _children(node: yaml.Node | None, step: int | str) -> Iterator[tuple[yaml.Node, yaml.Node]]:
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int):
        yield from ((item, item) for item in node.value[step : step + 1])
    if isinstance(node, yaml.MappingNode):
        yield from ((key, item) for key, item in node.value if key.value == step)


def json_schema() -> str:
    """The JSON Schema (2020-12) of a product file."""
    return json.dumps(Product.model_json_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    SCHEMA.write_text(json_schema(), encoding="utf-8")
