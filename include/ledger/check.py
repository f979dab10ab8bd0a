"""`python -m include.ledger.check`: whether a ledger is still one truth. It exits with 1 where it is not, and says why."""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Engine

from include.artifacts import Artifacts
from include.ledger.engine import connect, reading
from include.ledger.invariants import INVARIANTS, Invariant, artifacts_are_whole
from include.product import home

MOST = 20  # lines that are printed of what breaks one invariant


@dataclass(frozen=True)
class Broken:
    """An invariant that does not hold: what it `states`, and each row that breaks it."""

    invariant: str
    states: str
    rows: tuple[str, ...]


def broken(engine: Engine, artifacts: Artifacts | None = None) -> list[Broken]:
    """The invariants that do not hold in one consistent view of the ledger, in their order; artifacts are read where given."""
    return [item for item in _each(engine, artifacts) if item.rows]


def _each(engine: Engine, artifacts: Artifacts | None) -> Iterator[Broken]:
    with reading(engine) as connection:
        for invariant in INVARIANTS:
            yield Broken(invariant.__name__, invariant.__doc__ or "", tuple(invariant(connection)))
        if artifacts:
            stored: Invariant = partial(artifacts_are_whole, artifacts=artifacts)
            yield Broken(artifacts_are_whole.__name__, artifacts_are_whole.__doc__ or "", tuple(stored(connection)))


def main(arguments: list[str] | None = None) -> int:
    """Print a line for each invariant; returns how many do not hold, at most 1."""
    parser = argparse.ArgumentParser("python -m include.ledger.check", description=__doc__)
    parser.add_argument("--ledger", default=f"sqlite:///{home() / 'ledger.db'}", help="a SQLAlchemy URL")
    parser.add_argument("--artifacts", help="the folder or URL of the artifacts; not read where it is not given")
    given = parser.parse_args(arguments)
    failed = 0
    for item in _each(connect(given.ledger), Artifacts(given.artifacts) if given.artifacts else None):
        failed |= bool(item.rows)
        sys.stdout.write(f"{'BROKEN' if item.rows else 'holds '} {item.invariant}: {item.states}\n")
        sys.stdout.writelines(f"       {row}\n" for row in item.rows[:MOST])
        if len(item.rows) > MOST:
            sys.stdout.write(f"       and {len(item.rows) - MOST} more\n")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
