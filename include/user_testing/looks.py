"""A night's look at a product's experiments: what was counted, what may be said, in the ledger."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Engine, select

from include.errors import InputError
from include.ledger.engine import reading, upsert
from include.ledger.runs import Result, Run, finish, result_of
from include.ledger.tables import experiment_looks
from include.markup import plain
from include.parts.testing import Experiment
from include.product import Product, home
from include.user_testing.experiments import Judged, judged, people_needed
from include.user_testing.tally import Tally, count, read


def look(engine: Engine, product: Product, run: Run) -> Result:
    """Look at every experiment of the product that is not decided yet; what was decided stands. Returns `publish` (nothing),
    `decisions` (experiment to decision), `unused` (rows that could not be counted) and `failed` (experiments whose file can't be
    read, and why: the others are looked at all the same)."""
    if known := result_of(engine, run):
        return known
    with reading(engine) as connection:
        over = decided(connection, product.name)
    open_ = [item for item in product.user_testing.experiments if item.name not in over and run.at >= item.start]
    found: dict[str, tuple[Experiment, Judged, Tally]] = {}
    failed: dict[str, str] = {}
    for experiment in open_:
        try:
            tally = counted(experiment, run)
        except InputError as error:
            failed[experiment.name] = plain(str(error))
            continue
        found[experiment.name] = (experiment, judged(experiment, tally), tally)

    def write(connection: Connection) -> Result:
        upsert(connection, experiment_looks, [row for name, (experiment, item, _) in found.items()
                                              for row in _rows(product.name, run, experiment, item)])
        return {"publish": [], "decisions": {name: item.decision for name, (_, item, _) in found.items()},
                "unused": {name: dict(tally.unused) for name, (_, _, tally) in found.items() if tally.unused}, "failed": failed}

    return finish(engine, run, write)


def counted(experiment: Experiment, run: Run) -> Tally:
    """What the experiment's file tells. Raises InputError where it can't be read."""
    tally = Tally()
    return count(read(home() / experiment.path, tally), experiment, run.at, tally)


def decided(connection: Connection, product: str) -> dict[str, str]:
    """The experiments that are over, with what was decided."""
    rows = connection.execute(select(experiment_looks.c.experiment, experiment_looks.c.decision).where(
        experiment_looks.c.product == product, experiment_looks.c.decision != "running"))
    return {row.experiment: row.decision for row in rows}


def _rows(product: str, run: Run, experiment: Experiment, item: Judged) -> list[dict[str, Any]]:
    planned = people_needed(experiment)
    return [asdict(found) | {"product": product, "experiment": experiment.name, "run_id": run.run_id, "planned": planned,
                             "decision": item.decision, "why": item.why, "at": run.at} for found in item.found]
