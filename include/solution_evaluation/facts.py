"""What is known of a candidate, with its date and source; what is missing says why."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time

from include import spdx
from include.parts.solutions import GATHERED, Candidate, FactCriterion, Need, Told
from include.solution_evaluation.topsis import Criterion

Value = float | str | bool
OF_REPOSITORIES = {"days_since_push", "open_issues", "stars", "archived", "scorecard"}


@dataclass(frozen=True)
class Fact:
    """One fact: its `value` as of `at`, from `source`; `who` entered it, where a person did. Where the value is None, `why`
    says why it is missing. `detail` names what was counted, such as the ids of advisories, or
    the day that days are counted from."""

    name: str
    value: Value | None
    at: datetime
    source: str
    who: str | None = None
    why: str | None = None
    detail: tuple[str, ...] = ()

    @property
    def number(self) -> float | None:
        """The value to compare by: a number, or 1 and 0 for yes and no."""
        return None if self.value is None or isinstance(self.value, str) else float(self.value)


Facts = Mapping[str, Fact]


def missing(name: str, at: datetime, source: str, why: str) -> Fact:
    """A fact that could not be had."""
    return Fact(name, None, at, source, why=why)


def told(candidate: Candidate) -> dict[str, Fact]:
    """What people entered by hand about a candidate."""
    return {name: Fact(name, item.value, _day(item), item.source or "entered by hand", item.who)
            for name, item in candidate.facts.items()}


def _day(item: Told) -> datetime:
    return datetime.combine(item.at, time(), UTC)


def complete(candidate: Candidate, need: Need, gathered: Facts, allowed: Collection[str], at: datetime) -> dict[str, Fact]:
    """All facts of a candidate by name: those gathered, those entered by hand (which go first), whether its licence is allowed,
    and a missing one for each criterion that nobody knows anything about."""
    facts = dict(gathered) | told(candidate)
    if "licence_allowed" not in facts:
        facts["licence_allowed"] = licence_allowed(facts.get("licence"), allowed, at)
    for criterion in need.criteria:
        if criterion.fact not in facts:
            facts[criterion.fact] = missing(criterion.fact, at, "", _nobody(candidate, criterion.fact))
        elif (found := facts[criterion.fact]).value is not None and found.number is None:
            facts[criterion.fact] = replace(found, value=None, why="is text, and can't be compared")
    return dict(sorted(facts.items()))


def _nobody(candidate: Candidate, name: str) -> str:
    if name not in GATHERED:
        return "nobody entered it"
    named = candidate.repository if name in OF_REPOSITORIES else candidate.package
    return "its source is not set (solutions.sources)" if named else "the candidate names nothing that tells it"


def licence_allowed(licence: Fact | None, allowed: Collection[str], at: datetime) -> Fact:
    """Whether the licence keeps to the product's policy; unknown where the licence is, or is no SPDX expression."""
    name, source = "licence_allowed", "the product's policy (compliance.licences)"
    if licence is None or licence.value is None:
        return missing(name, at, source, (licence and licence.why) or "the licence is not known")
    try:
        return Fact(name, spdx.allows(allowed, str(licence.value)), licence.at, source)
    except ValueError as error:
        return missing(name, at, source, f"the licence is no SPDX expression: {error}")


def compared(need: Need) -> list[Criterion]:
    """The need's criteria, as TOPSIS takes them."""
    found = []
    for item in need.criteria:
        better, natural = GATHERED.get(item.fact, ("higher", None))
        low, high = item.range or natural or (None, None)
        found.append(Criterion(item.fact, item.weight, item.better or better, low, high))
    return found


def knocked_out(candidate: Candidate, need: Need, facts: Facts) -> list[str]:
    """Why a candidate is out. What is missing knocks nobody out; `unshown` tells it."""
    found = [reason for item in need.criteria if (reason := _broken(item, facts[item.fact].number))]
    if _bound_by_policy(candidate) and facts["licence_allowed"].value is False:
        found.append(f"the licence {facts['licence'].value} is not in the product's policy" if "licence" in facts else
                     "the licence is not in the product's policy")
    return found


def unshown(candidate: Candidate, need: Need, facts: Facts) -> list[str]:
    """The knock-out criteria that a candidate was not shown to meet."""
    found = [item.fact for item in need.criteria
             if (item.at_least is not None or item.at_most is not None) and facts[item.fact].number is None]
    if _bound_by_policy(candidate) and facts["licence_allowed"].value is None and "licence_allowed" not in found:
        found.append("licence_allowed")
    return found


def _bound_by_policy(candidate: Candidate) -> bool:
    """What is bought comes with a contract; what is open comes with its licence."""
    return candidate.kind == "open_source"


def _broken(item: FactCriterion, number: float | None) -> str | None:
    if number is not None and item.at_least is not None and number < item.at_least:
        return f"{item.fact} is {number:g}, at least {item.at_least:g} must be"
    if number is not None and item.at_most is not None and number > item.at_most:
        return f"{item.fact} is {number:g}, at most {item.at_most:g} may be"
    return None


def table(need: Need, facts: Sequence[Facts]) -> list[list[float | None]]:
    """The numbers of each candidate by criterion, as TOPSIS takes them."""
    return [[of[item.fact].number for item in need.criteria] for of in facts]
