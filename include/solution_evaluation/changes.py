"""What changed about a solution since it was chosen, and matters: new advisories, abandonment, another licence. Pure.

What could not be seen this time is no change.
"""

from dataclasses import dataclass

from include.parts.solutions import Candidate
from include.solution_evaluation.facts import Fact, Facts


@dataclass(frozen=True)
class Change:
    """One change: its `kind`, `what` tells it from others of its kind, `text` says it, `severity` is high or medium."""

    kind: str
    what: str
    text: str
    severity: str = "high"


def changes(candidate: Candidate, before: Facts, now: Facts, abandoned_after_days: int) -> list[Change]:
    """What changed from `before` (when the candidate was chosen) to `now`."""
    return [*_advisories(before, now), *_licence(candidate, before, now), *_abandoned(before, now, abandoned_after_days)]


def _known(facts: Facts, name: str) -> Fact | None:
    found = facts.get(name)
    return found if found and found.value is not None else None


def _advisories(before: Facts, now: Facts) -> list[Change]:
    found, known = _known(now, "advisories"), _known(before, "advisories")
    if found is None:
        return []
    version = _known(now, "version")
    of = f" its newest version {version.value}" if version else " it"
    return [Change("advisory", item, f"advisory {item} affects{of}") for item in found.detail
            if item not in (known.detail if known else ())]


def _licence(candidate: Candidate, before: Facts, now: Facts) -> list[Change]:
    found, known = _known(now, "licence"), _known(before, "licence")
    if found is None or known is None or found.value == known.value:
        return []
    allowed = _known(now, "licence_allowed")
    out = candidate.kind == "open_source" and allowed is not None and allowed.value is False
    policy = ", which the product's policy does not allow" if out else ""
    return [Change("licence", str(found.value), f"its licence is {found.value} now, no longer {known.value}{policy}",
                   "high" if out else "medium")]


def _abandoned(before: Facts, now: Facts, after_days: int) -> list[Change]:
    found = []
    for name, text in (("archived", "its repository was archived"), ("deprecated", "its newest version is deprecated")):
        known = _known(before, name)
        if (fact := _known(now, name)) and fact.value is True and not (known and known.value is True):
            found.append(Change("abandonment", name, text, "medium"))
    if _still(now, after_days) and not _still(before, after_days):
        last = _last(now)
        found.append(Change("abandonment", f"silent since {last}", f"nothing was pushed or released since {last}", "medium"))
    return found


def _activity(facts: Facts) -> list[Fact]:
    return [fact for name in ("days_since_push", "days_since_release") if (fact := _known(facts, name))]


def _still(facts: Facts, after_days: int) -> bool:
    """Whether all signs of life that can be seen are too old."""
    signs = _activity(facts)
    return bool(signs) and all((sign.number or 0) > after_days for sign in signs)


def _last(facts: Facts) -> str:
    return max(day for fact in _activity(facts) for day in fact.detail)
