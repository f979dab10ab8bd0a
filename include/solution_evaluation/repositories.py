"""Facts of a repository: its activity (GitHub's REST API), and its OpenSSF Scorecard."""

from datetime import datetime
from typing import Any

from include.solution_evaluation.answers import days, moment
from include.solution_evaluation.facts import Fact, missing
from include.solution_evaluation.site import FactSite

ACTIVITY = ("days_since_push", "open_issues", "stars", "archived")


def activity(site: FactSite, repository: str, at: datetime) -> dict[str, Fact]:
    """Facts from GET /repos/<owner>/<name>; `repository` is host/owner/name."""
    _, owner, name = repository.split("/")
    document, source = site.get("repos", owner, name), f"{site.url}: {repository}"
    pushed = moment(document.get("pushed_at"))
    found = [Fact("days_since_push", days(at - pushed), at, source, detail=(f"{pushed:%Y-%m-%d}",)) if pushed else
             missing("days_since_push", at, source, "the answer has no pushed_at"),
             _number("open_issues", document.get("open_issues_count"), at, source),
             _number("stars", document.get("stargazers_count"), at, source)]
    archived = document.get("archived")
    found.append(Fact("archived", archived, at, source) if isinstance(archived, bool) else
                 missing("archived", at, source, "the answer doesn't say whether it is archived"))
    return {fact.name: fact for fact in found}


def scorecard(site: FactSite, repository: str, at: datetime) -> dict[str, Fact]:
    """The aggregate score, 0 to 10, from GET /projects/<host>/<owner>/<name>; -1 (inconclusive) is missing. Its date is the
    day on which the score was made."""
    document = site.get("projects", *repository.split("/"))
    made = moment(document.get("date")) or at
    return {"scorecard": _number("scorecard", document.get("score"), min(made, at), f"{site.url}: {repository}", 10)}


def _number(name: str, value: Any, at: datetime, source: str, most: float = 1e12) -> Fact:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        return missing(name, at, source, f"the answer is no number from 0 on, but {str(value)[:40]!r}")
    return Fact(name, float(value), at, source)
