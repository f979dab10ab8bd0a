"""Policy rules: what a rule says, and what becomes of it. A fact that is missing never passes, nor does a check that breaks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from include import safe_yaml
from include.compliance_checks.regions import laws
from include.errors import InputError
from include.markup import plain
from include.parts.compliance import RuleId
from include.product import Product, beside

PACKS = Path(__file__).parent / "packs"
Outcome = Literal["pass", "fail", "not_shown", "error"]
Severity = Literal["low", "medium", "high", "critical"]
SEVERITIES: tuple[Severity, ...] = ("low", "medium", "high", "critical")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Provision(_Part):
    """The article of a law, or the control of a standard, that a rule serves."""

    source: Annotated[str, Field(min_length=1, description="The official title.")]
    article: Annotated[str, Field(min_length=1)]
    title: str | None = Field(None, description="The article's own heading.")
    says: str | None = Field(None, description="What it asks for, in a line.")
    url: Annotated[str, Field(pattern="^https://")] | None = None

    def __str__(self) -> str:
        return f"{self.source} {self.article}" + (f" ({self.title})" if self.title else "")


class Example(_Part):
    """Facts with which the rule comes to `outcome`; the tests run it."""

    outcome: Outcome
    facts: dict[str, Any]


class Rule(_Part):
    """One rule. `needs` names the facts, `check` the function that judges them, with `parameters`."""

    id: RuleId
    title: str
    severity: Severity
    serves: Annotated[list[Provision], Field(min_length=1)]
    needs: Annotated[list[str], Field(min_length=1)]
    check: str
    parameters: dict[str, Any] = {}
    remedy: str
    examples: Annotated[list[Example], Field(min_length=2)]

    @property
    def cited(self) -> str:
        """The articles and controls that it serves, in one line."""
        return "; ".join(map(str, self.serves))


@dataclass(frozen=True)
class Finding:
    """What became of a rule, and why."""

    outcome: Outcome
    detail: str


@dataclass(frozen=True)
class Missing:
    """A fact that is not known, and why."""

    why: str


@dataclass(frozen=True)
class Judged:
    """A rule, what became of it, the facts that this rests on, and its waiver (`owner`, `reason`, `until`, `in_force`)."""

    rule: Rule
    finding: Finding
    facts: dict[str, Any]
    waiver: dict[str, Any] | None

    @property
    def waived(self) -> bool:
        """Whether it need not be kept now. An error is no finding that anybody could waive."""
        return bool(self.waiver and self.waiver["in_force"]) and self.finding.outcome in {"fail", "not_shown"}

    @property
    def lapsed(self) -> bool:
        """Whether it is broken, and its waiver over."""
        return bool(self.waiver and not self.waiver["in_force"]) and self.finding.outcome != "pass"

    def blocks(self, least: Severity) -> bool:
        """Whether it stops a release of a product that lets severities below `least` go."""
        return (self.finding.outcome != "pass" and not self.waived
                and SEVERITIES.index(self.rule.severity) >= SEVERITIES.index(least))


Check = Callable[..., Finding]


class Applies(_Part):
    """When a pack applies without being named: people live there whose personal data is held (see `regions.law`)."""

    regions: list[Literal["EU", "KR", "US-CA", "JP"]] = []


class Pack(_Part):
    """A set of rules. `name` is the file's."""

    title: str
    applies: Applies = Applies()
    rules: Annotated[list[Rule], Field(min_length=1)]


def read_packs(folder: Path) -> dict[str, Pack]:
    """The packs of `folder` by name. Raises InputError naming the file where one is malformed, or a rule's id stands twice."""
    packs = {path.stem: _pack(path) for path in sorted(folder.glob("*.yaml"))}
    ids = [rule.id for pack in packs.values() for rule in pack.rules]
    if twice := sorted({id for id in ids if ids.count(id) > 1}):
        raise InputError(f"{folder}: rules that stand twice: {', '.join(twice)}")
    return packs


def _pack(path: Path) -> Pack:
    try:
        pack = Pack.model_validate(safe_yaml.load_with_aliases(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise InputError(f"{path}: {error}") from error
    for rule in pack.rules:
        if rule.check == "attested" and not {"statement", "days"} <= set(rule.parameters):
            raise InputError(f"{path}: {rule.id}: what is attested needs the parameters statement and days")
        missing = {"pass", "fail" if rule.check != "attested" else "not_shown"} - {item.outcome for item in rule.examples}
        if missing:
            raise InputError(f"{path}: {rule.id}: no example with the outcome {', '.join(sorted(missing))}")
    return pack.model_copy(update={"rules": [_placed(rule, path.parent) for rule in pack.rules]})


def _placed(rule: Rule, folder: Path) -> Rule:
    """The rule with the path of its Rego file, which lies beside the pack."""
    policy = rule.parameters.get("policy")
    return rule.model_copy(update={"parameters": rule.parameters | {"policy": str(folder / policy)}}) if policy else rule


def applying(product: Product) -> tuple[list[Rule], set[str]]:
    """The rules that `product` must keep, and the ids of all that there are.

    Those of the packs that it names, of its own, and of the laws of the people whose data it holds. Raises InputError where it
    names a pack that there is none of, or a pack is malformed.
    """
    house = read_packs(PACKS)
    settings = product.compliance
    if unknown := [name for name in settings.packs if name not in house]:
        raise InputError(f"compliance.packs: no pack {unknown[0]!r}; there are: {', '.join(house)}")
    there = laws(settings)
    chosen = [pack for name, pack in house.items() if name in settings.packs or there & set(pack.applies.regions)]
    own = _own(product)
    if twice := sorted({rule.id for pack in own.values() for rule in pack.rules}
                       & {rule.id for pack in house.values() for rule in pack.rules}):
        raise InputError(f"compliance.own_packs: rules that a pack of the house has too: {', '.join(twice)}")
    known = {rule.id for pack in (*house.values(), *own.values()) for rule in pack.rules}
    return [rule for pack in (*chosen, *own.values()) for rule in pack.rules], known


def _own(product: Product) -> dict[str, Pack]:
    if (folder := own_packs(product)) is None:
        return {}
    if not folder.is_dir():
        raise InputError(f"compliance.own_packs: {folder} is no folder")
    return read_packs(folder)


def own_packs(product: Product) -> Path | None:
    """The folder of the product's own packs."""
    return beside(product, product.compliance.own_packs) if product.compliance.own_packs else None


def judge(rule: Rule, facts: Mapping[str, Callable[[], Any]], checks: Mapping[str, Check]) -> tuple[Finding, dict[str, Any]]:
    """Judge one rule. `facts` finds each fact by name (`Missing` or None: not known). Returns the finding and its facts."""
    found: dict[str, Any] = {}
    try:
        found.update((name, facts[name]()) for name in rule.needs)
        missing = {name: fact for name, fact in found.items() if fact is None or isinstance(fact, Missing)}
        found.update(dict.fromkeys(missing))
        if missing:
            return Finding("not_shown", plain("; ".join(map(_unknown, missing.items())), 500)), found
        return checks[rule.check](**found, **rule.parameters), found
    except Exception as error:  # whatever breaks in a check or a scanner, the rule was not kept: never a pass
        return Finding("error", plain(f"{type(error).__name__}: {error}", 500)), found


def _unknown(fact: tuple[str, Missing | None]) -> str:
    name, missing = fact
    return f"nothing is known about {name}" + (f": {missing.why}" if missing else "")
