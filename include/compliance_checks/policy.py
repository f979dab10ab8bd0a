"""Policy rules: what a rule says, and what becomes of it. A fact that is missing never passes, nor does a check that breaks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from include.errors import InputError
from include.markup import plain

PACKS = Path(__file__).parent / "packs"
Outcome = Literal["pass", "fail", "not_shown", "error"]
Severity = Literal["low", "medium", "high", "critical"]
BLOCKING: tuple[Severity, ...] = ("high", "critical")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Provision(_Part):
    """The article of a law, or the control of a standard, that a rule serves."""

    source: str
    article: str
    url: Annotated[str, Field(pattern="^https://")]

    def __str__(self) -> str:
        return f"{self.source} {self.article}"


class Example(_Part):
    """Facts with which the rule comes to `outcome`; the tests run it."""

    outcome: Outcome
    facts: dict[str, Any]


class Rule(_Part):
    """One rule. `needs` names the facts, `check` the function that judges them, with `parameters`."""

    id: Annotated[str, Field(pattern="^[a-z][a-z0-9-]{0,62}$")]
    title: str
    severity: Severity
    serves: Annotated[list[Provision], Field(min_length=1)]
    needs: Annotated[list[str], Field(min_length=1)]
    check: str
    parameters: dict[str, Any] = {}
    remedy: str
    examples: Annotated[list[Example], Field(min_length=2)]


@dataclass(frozen=True)
class Finding:
    """What became of a rule, and why."""

    outcome: Outcome
    detail: str


@dataclass(frozen=True)
class Missing:
    """A fact that is not known, and why."""

    why: str


Check = Callable[..., Finding]


def read_pack(name: str) -> list[Rule]:
    """The rules of one pack. Raises InputError when there is no such pack, or a rule is malformed."""
    path = PACKS / f"{name}.yaml"
    if path.parent != PACKS or not path.is_file():
        known = ", ".join(sorted(pack.stem for pack in PACKS.glob("*.yaml")))
        raise InputError(f"compliance.packs: no pack {name!r}; there are: {known}")
    try:
        return [Rule.model_validate(item) for item in yaml.safe_load(path.read_text(encoding="utf-8"))]
    except (yaml.YAMLError, ValidationError, TypeError) as error:
        raise InputError(f"{path}: {error}") from error


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
