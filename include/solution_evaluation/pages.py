"""What a person reads: the comparison as Markdown, the question, and the decision as an ADR. Whatever comes from outside is
escaped."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from include.markup import markdown, plain
from include.parts.solutions import NONE_OF_THESE
from include.solution_evaluation.comparison import Comparison, Row
from include.solution_evaluation.facts import Fact
from include.solution_evaluation.sensitivity import Room

_SHOWN_DETAIL = 10


@dataclass(frozen=True)
class Decision:
    """What was decided: `chosen` is a candidate's name, or None for none of them. `supersedes`: the ADR that it replaces."""

    id: str
    story: str | None
    chosen: str | None
    by: str
    note: str
    at: datetime
    supersedes: str | None = None


def options(comparison: Comparison) -> list[str]:
    """What a person may choose from: the candidates that are not out, best first, and none of them."""
    return [row.candidate.name for row in comparison.left] + [NONE_OF_THESE]


def subject(comparison: Comparison, title: str) -> str:
    """One line."""
    return f"{plain(title, 80)}: {plain(comparison.need.question, 200)}"


def question(comparison: Comparison, why: Sequence[str]) -> str:
    """The question's body in Markdown; `why` says why it is asked again."""
    again = [f"It is asked again: {markdown('; '.join(why), 1000)}.", ""] if why else []
    story = [f"For story {markdown(comparison.need.story)}.", ""] if comparison.need.story else []
    return "\n".join([*again, *story, *_ranking(comparison), "", "### What would change it", "", *_changeable(comparison), "",
                      "### Facts", "", *_facts(comparison, short=True)]) + "\n"


def adr(comparison: Comparison, decision: Decision, why: Sequence[str]) -> str:
    """The decision as a Markdown Architectural Decision Record (MADR 4.0, adr.github.io/madr)."""
    need = comparison.need
    title = f"{markdown(need.question, 300)} {markdown(decision.chosen or 'None of the candidates')}"
    story = f" It answers story {markdown(decision.story)}." if decision.story else ""
    again = f" It was looked at again: {markdown('; '.join(why), 1000)}." if why else ""
    return "\n".join([
        "---", f'status: "{"accepted" if decision.chosen else "rejected"}"', f"date: {decision.at:%Y-%m-%d}",
        f"decision-makers: {_quoted(decision.by)}", "---", "", f"# {title}", "",
        "## Context and Problem Statement", "", f"{markdown(need.question, 300)}{story}{again}", "",
        "## Decision Drivers", "", *_drivers(comparison), "",
        "## Considered Options", "", *(f"* {markdown(row.candidate.name)}" for row in comparison.rows), "",
        "## Decision Outcome", "", _outcome(comparison, decision), "",
        "### Confirmation", "", "Its facts are fetched anew each night: a new advisory, another licence or its abandonment "
        "becomes a signal, and the question is asked again.", "",
        "## Pros and Cons of the Options", "", *_ranking(comparison), "", *_pros(comparison),
        "## More Information", "", "### What would change it", "", *_changeable(comparison), "", "### Facts", "",
        *_facts(comparison), *_superseded(decision)]) + "\n"


def superseded(text: str, by: str) -> str:
    """An ADR that another one replaces."""
    return text.replace('status: "accepted"', f'status: "superseded by {by}"', 1)


def _quoted(text: str) -> str:
    escaped = plain(text, 250).replace("\\", "\\\\").replace('"', '\\"')
    return f'["{escaped}"]'


def _superseded(decision: Decision) -> list[str]:
    return ["", f"It supersedes {markdown(decision.supersedes)}."] if decision.supersedes else []


def _drivers(comparison: Comparison) -> list[str]:
    return [f"* {markdown(item.fact)}: weight {share:.1%}, {criterion.better} is better{_limits(item.at_least, item.at_most)}"
            for item, criterion, share in zip(comparison.need.criteria, comparison.criteria, comparison.shares, strict=True)]


def _limits(at_least: float | None, at_most: float | None) -> str:
    return (f"; below {at_least:g} is out" if at_least is not None else "") + (
        f"; above {at_most:g} is out" if at_most is not None else "")


def _outcome(comparison: Comparison, decision: Decision) -> str:
    note = f" They said: {markdown(decision.note, 2000)}" if decision.note else ""
    by = f"{markdown(decision.by)} decided.{note}"
    if not decision.chosen:
        return f"None of the options was chosen. {by}"
    row = next(row for row in comparison.rows if row.candidate.name == decision.chosen)
    of = f"it ranks {_place(row)} of {len(comparison.left)} by TOPSIS"
    return f'Chosen option: "{markdown(decision.chosen)}"; {of}. {by}'


def _place(row: Row) -> str:
    standing = row.standing
    if standing is None:
        return "nowhere: it is out"
    if standing.best_rank == standing.worst_rank:
        return f"{standing.rank}"
    return f"{standing.rank} (between {standing.best_rank} and {standing.worst_rank}, by what is missing)"


def _ranking(comparison: Comparison) -> list[str]:
    names = [markdown(item.fact) for item in comparison.need.criteria]
    head = [f"{name} ({share:.0%}, {criterion.better})"
            for name, share, criterion in zip(names, comparison.shares, comparison.criteria, strict=True)]
    lines = ["| rank | candidate | closeness | " + " | ".join(head) + " |", "|---|---|--:|" + "--:|" * len(head)]
    return lines + [_line(row, comparison) for row in comparison.rows]


def _line(row: Row, comparison: Comparison) -> str:
    cells = " | ".join(_value(row.facts[item.fact]) for item in comparison.need.criteria)
    unshown = f"; not shown: {markdown(', '.join(row.unshown))}" if row.unshown else ""
    name = f"{markdown(row.candidate.name)} ({row.candidate.kind.replace('_', ' ')}){unshown}"
    standing = row.standing
    if standing is None:
        return f"| out | {name}: {markdown('; '.join(row.out), 500)} | | {cells} |"
    span = f"{standing.closeness:.3f}" + (f" to {standing.at_best:.3f}" if standing.at_best > standing.closeness else "")
    return f"| {_place(row)} | {name} | {span} | {cells} |"


def _value(fact: Fact) -> str:
    if fact.value is None:
        return "_missing_"
    if isinstance(fact.value, bool):
        return "yes" if fact.value else "no"
    return f"{fact.value:.10g}" if isinstance(fact.value, float | int) else markdown(fact.value, 100)


def _facts(comparison: Comparison, short: bool = False) -> list[str]:
    """All facts with their date and source; `short`: those that decide."""
    lines = ["| candidate | fact | value | as of | source |", "|---|---|---|---|---|"]
    deciding = {item.fact for item in comparison.need.criteria} | {"licence", "licence_allowed", "version"}
    return lines + [f"| {markdown(row.candidate.name)} | {markdown(fact.name)} | {_value(fact)}{_detail(fact)} "
                    f"| {fact.at:%Y-%m-%d} | {_source(fact)} |" for row in comparison.rows for fact in row.facts.values()
                    if fact.name in deciding or not short]


def _detail(fact: Fact) -> str:
    more = f" and {len(fact.detail) - _SHOWN_DETAIL} more" if len(fact.detail) > _SHOWN_DETAIL else ""
    return f" ({markdown(', '.join(fact.detail[:_SHOWN_DETAIL]) + more, 500)})" if fact.detail else ""


def _source(fact: Fact) -> str:
    who = f", told by {markdown(fact.who)}" if fact.who else ""
    why = f"{markdown(fact.why, 300)}" if fact.why else ""
    source = markdown(fact.source, 300) + who
    return f"{source}: {why}" if source and why else source or why


def _pros(comparison: Comparison) -> list[str]:
    lines = []
    for row in comparison.rows:
        lines += [f"### {markdown(row.candidate.name)}", ""]
        lines += [f"* Bad, because {markdown(reason, 300)}" for reason in row.out]
        for item, criterion in zip(comparison.need.criteria, comparison.criteria, strict=True):
            lines.append(f"* {_judged(row, item.fact, criterion.better, comparison)}")
        lines.append("")
    return lines


def _judged(row: Row, name: str, better: str, comparison: Comparison) -> str:
    fact, known = row.facts[name], [x for other in comparison.rows if (x := other.facts[name].number) is not None]
    said = f"{markdown(name)} is {_value(fact)}"
    if fact.number is None:
        return f"Neutral, because {markdown(name)} is missing"
    best, worst = (max(known), min(known)) if better == "higher" else (min(known), max(known))
    if best != worst and fact.number == best:
        return f"Good, because {said}, the best of all"
    if best != worst and fact.number == worst:
        return f"Bad, because {said}, the worst of all"
    return f"Neutral, because {said}"


def _changeable(comparison: Comparison) -> list[str]:
    if not comparison.left:
        return ["* Every candidate is out."]
    if len(comparison.left) == 1:
        return ["* It is the only candidate that is not out."]
    first = ", ".join(markdown(row.candidate.name) for row in comparison.first)
    lines = [f"* Equal by all that is known: {first}."] if len(comparison.first) > 1 else []
    lines += [f"* {text}" for room in comparison.rooms if (text := _moved(room, comparison))]
    lines += [f"* {markdown(row.candidate.name)} would come first if its missing {markdown(name)} were at "
              f"{_bound(comparison, name)} {value:.4g}." for row in comparison.left for name, value in row.chances.items()]
    return lines or ["* No weight alone, and nothing that is missing."]


def _bound(comparison: Comparison, name: str) -> str:
    better: Mapping[str, str] = {criterion.name: criterion.better for criterion in comparison.criteria}
    return "least" if better[name] == "higher" else "most"


def _moved(room: Room, comparison: Comparison) -> str:
    found = []
    for edge, place, way in ((room.low, room.below, "below"), (room.high, room.above, "above")):
        if edge is not None and place is not None:
            found.append(f"{way} {edge:.1%} {markdown(comparison.left[place].candidate.name)} comes first")
    return f"Weight of {markdown(room.criterion)} (now {room.share:.1%}): {'; '.join(found)}." if found else ""
