"""What the ledger knows of needs and their solutions, and a comparison as the ledger keeps it."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, select, update

from include.ledger.engine import upsert
from include.ledger.runs import Run
from include.ledger.tables import solution_facts, solutions, stories
from include.parts.solutions import Need
from include.solution_evaluation.comparison import Comparison, Row
from include.solution_evaluation.facts import Fact, compared
from include.solution_evaluation.sensitivity import Room
from include.solution_evaluation.topsis import Standing

ASKED_OF = ("scoped",)  # stories: what is not in the scope needs no solution yet


@dataclass(frozen=True)
class Known:
    """What is known of a need: its newest question, the decision that holds, and the facts of what was chosen then."""

    newest: dict[str, Any] | None
    decided: dict[str, Any] | None
    facts: dict[str, Fact]


def known(connection: Connection, product: str, need: Need) -> Known:
    """What the ledger knows of `need`."""
    newest = one(connection, (solutions.c.product == product) & (solutions.c.need == need.id) & (solutions.c.status != "dropped"))
    decided = decision(connection, product, need.id)
    facts = facts_of(connection, decided["id"])[decided["chosen"]] if decided else {}
    return Known(newest, decided, facts)


def waits(connection: Connection, product: str, need: Need) -> bool:
    """Whether the need is due: it has no story, its story is in the scope, or it was decided before."""
    return need.story is None or decision(connection, product, need.id) is not None or connection.scalar(
        select(stories.c.id).where(stories.c.id == need.story, stories.c.product == product,
                                   stories.c.status.in_(ASKED_OF))) is not None


def decision(connection: Connection, product: str, need: str) -> dict[str, Any] | None:
    """The decision that holds for a need."""
    return one(connection, (solutions.c.product == product) & (solutions.c.need == need) & (solutions.c.status == "decided"))


def one(connection: Connection, where: ColumnElement[bool]) -> dict[str, Any] | None:
    """The newest solution `where`."""
    query = select(solutions).where(where).order_by(solutions.c.asked_at.desc(), solutions.c.id).limit(1)
    found = connection.execute(query).mappings().first()
    return dict(found) if found else None


def facts_of(connection: Connection, solution: str) -> dict[str, dict[str, Fact]]:
    """The facts that a question was based on, by candidate and name."""
    found: dict[str, dict[str, Fact]] = defaultdict(dict)
    rows = connection.execute(select(solution_facts).where(solution_facts.c.solution_id == solution)
                              .order_by(solution_facts.c.candidate, solution_facts.c.fact))
    for row in rows:
        found[row.candidate][row.fact] = Fact(row.fact, row.value, row.at, row.source, row.who, row.why, tuple(row.detail))
    return found


def keep(connection: Connection, run: Run, id: str, comparison: Comparison, digest: str, changed: Sequence[str],
         why: Sequence[str]) -> None:
    """Write a question, which drops the one before that nobody answered."""
    need = comparison.need
    connection.execute(update(solutions).where(solutions.c.product == run.product, solutions.c.need == need.id,
                                               solutions.c.status == "asked").values(status="dropped"))
    upsert(connection, solutions, [{
        "id": id, "product": run.product, "need": need.id, "story_id": need.story, "question": need.question, "status": "asked",
        "digest": digest, "changes": sorted(changed), "comparison": _plain(comparison, why), "chosen": None, "decided_by": None,
        "note": None, "adr": None, "asked_at": run.at, "decided_at": None}])
    upsert(connection, solution_facts, [
        {"solution_id": id, "candidate": row.candidate.name, "fact": fact.name, "value": fact.value, "detail": list(fact.detail),
         "source": fact.source, "who": fact.who, "why": fact.why, "at": fact.at}
        for row in comparison.rows for fact in row.facts.values()])


def _plain(comparison: Comparison, why: Sequence[str]) -> dict[str, Any]:
    """A comparison without its facts, as plain JSON."""
    return {"need": comparison.need.model_dump(mode="json"), "why": list(why), "shares": list(comparison.shares),
            "rooms": [asdict(room) for room in comparison.rooms],
            "rows": [{"candidate": row.candidate.name, "out": list(row.out), "unshown": list(row.unshown),
                      "standing": asdict(row.standing) if row.standing else None, "chances": dict(row.chances)}
                     for row in comparison.rows]}


def comparison_of(connection: Connection, solution: dict[str, Any]) -> Comparison:
    """The comparison as it was asked."""
    kept, facts = solution["comparison"], facts_of(connection, solution["id"])
    need = Need.model_validate(kept["need"])
    candidates = {candidate.name: candidate for candidate in need.candidates}
    rows = [Row(candidates[row["candidate"]], facts[row["candidate"]], tuple(row["out"]), tuple(row["unshown"]),
                Standing(**row["standing"]) if row["standing"] else None, row["chances"]) for row in kept["rows"]]
    rooms = tuple(Room(**room) for room in kept["rooms"])
    return Comparison(need, tuple(compared(need)), tuple(kept["shares"]), tuple(rows), rooms)
