"""Candidates side by side: who is out, who ranks where, how safe that is, and what would change it. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from include.parts.solutions import Candidate, Need
from include.solution_evaluation import topsis
from include.solution_evaluation.facts import Fact, Facts, compared, complete, knocked_out, table, unshown
from include.solution_evaluation.sensitivity import Room, room
from include.solution_evaluation.topsis import Criterion, Standing


@dataclass(frozen=True)
class Row:
    """One candidate: its facts by name, why it is `out`, which knock-out criteria it was not shown to meet, and how it stands.

    `chances`: what a missing fact would have to be, by its name, for the candidate to come first.
    """

    candidate: Candidate
    facts: Facts
    out: tuple[str, ...]
    unshown: tuple[str, ...]
    standing: Standing | None
    chances: Mapping[str, float]


@dataclass(frozen=True)
class Comparison:
    """The candidates of a need, best first and those that are out last; the room of each weight (`below`, `above`: places in
    `rows`)."""

    need: Need
    criteria: tuple[Criterion, ...]
    shares: tuple[float, ...]
    rows: tuple[Row, ...]
    rooms: tuple[Room, ...]

    @property
    def left(self) -> list[Row]:
        """The candidates that are not out, best first."""
        return [row for row in self.rows if row.standing]

    @property
    def first(self) -> list[Row]:
        """Who ranks first; several where they are equal."""
        return [row for row in self.left if row.standing and row.standing.rank == 1]


def compare(need: Need, gathered: Sequence[Mapping[str, Fact]], allowed: Collection[str], at: datetime) -> Comparison:
    """Compare the candidates of `need`; `gathered` has the facts of each, `allowed` are the policy's licences.

    Raises InputError for facts that can't be compared.
    """
    everyone = []
    for candidate, found in zip(need.candidates, gathered, strict=True):
        facts = complete(candidate, need, found, allowed, at)
        everyone.append((candidate, facts, knocked_out(candidate, need, facts)))
    left = sorted((one for one in everyone if not one[2]), key=lambda one: need.candidates.index(one[0]))
    criteria = compared(need)
    values = table(need, [facts for _, facts, _ in left])
    standings = topsis.rank(values, criteria) if left else []
    order = sorted(range(len(left)), key=lambda place: (standings[place].rank, place))
    rows = [_row(need, left[i][0], left[i][1], standings[i], _chances(values, criteria, i, standings[i])) for i in order]
    rows += [Row(candidate, facts, tuple(out), tuple(unshown(candidate, need, facts)), None, {})
             for candidate, facts, out in everyone if out]
    rooms = room([values[i] for i in order], criteria) if left else []
    return Comparison(need, tuple(criteria), tuple(float(share) for share in topsis.weights_of(criteria)), tuple(rows),
                      tuple(rooms))


def _row(need: Need, candidate: Candidate, facts: Facts, standing: Standing, chances: Mapping[str, float]) -> Row:
    return Row(candidate, facts, (), tuple(unshown(candidate, need, facts)), standing, chances)


def _chances(values: list[list[float | None]], criteria: list[Criterion], row: int, standing: Standing) -> dict[str, float]:
    if standing.rank == 1 or standing.best_rank > 1:
        return {}
    needed = ((criterion.name, topsis.needed(values, criteria, row, j)) for j, criterion in enumerate(criteria))
    return {name: value for name, value in needed if value is not None}
