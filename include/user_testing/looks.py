"""A night's look at a product's experiments: what was counted, what may be said, in the ledger. That one is decided is a signal,
which `alerting` tells, until the experiment is taken out of the product's file."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Engine, select

from include.errors import InputError
from include.ledger.engine import reading, upsert
from include.ledger.runs import Result, Run, finish, result_of
from include.ledger.signals import EXPERIMENT, Found, settle
from include.ledger.tables import experiment_looks, signals
from include.markup import plain
from include.parts.testing import Experiment
from include.product import Product, home
from include.user_testing.experiments import Judged, judged, people_needed
from include.user_testing.tally import Tally, count, read


def look(engine: Engine, product: Product, run: Run) -> Result:
    """Look at every experiment of the product that is not decided yet; what was decided stands. Returns `publish` (nothing),
    `decisions` (experiment to decision), `unused` (rows that could not be counted) and `failed` (experiments whose file can't be
    read, and why: the others are looked at all the same); or `rests`: why there is nothing to look at."""
    if known := result_of(engine, run):
        return known
    with reading(engine) as connection:
        over = decided(connection, product.name)
        if not product.user_testing.experiments and not _told(connection, product.name):
            return {"publish": [], "rests": "the product has no experiments"}
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
        settle(connection, product, run, EXPERIMENT, _decisions(connection, product))
        return {"publish": [], "decisions": {name: item.decision for name, (_, item, _) in found.items()},
                "unused": {name: dict(tally.unused) for name, (_, _, tally) in found.items() if tally.unused}, "failed": failed}

    return finish(engine, run, write)


def counted(experiment: Experiment, run: Run) -> Tally:
    """What the experiment's file tells. Raises InputError where it can't be read."""
    tally = Tally()
    return count(read(home() / experiment.path, tally), experiment, run.at, tally)


def decided(connection: Connection, product: str) -> dict[str, tuple[str, str]]:
    """The experiments that are over, with what was decided, and why."""
    rows = connection.execute(select(experiment_looks.c.experiment, experiment_looks.c.decision, experiment_looks.c.why).where(
        experiment_looks.c.product == product, experiment_looks.c.decision != "running"))
    return {row.experiment: (row.decision, row.why) for row in rows}


def _decisions(connection: Connection, product: Product) -> dict[str, Found]:
    """What to tell of the decided experiments that the product's file still names."""
    names = [item.name for item in product.user_testing.experiments]
    return {name: Found("medium", f"Experiment {name} of {product.title} is decided: {why}", {"decision": decision, "why": why})
            for name, (decision, why) in decided(connection, product.name).items() if name in names}


def _told(connection: Connection, product: str) -> bool:
    """Whether a decision's signal is open still."""
    return connection.scalar(select(signals.c.fingerprint).where(
        signals.c.product == product, signals.c.kind == EXPERIMENT, signals.c.status == "open")) is not None


def _rows(product: str, run: Run, experiment: Experiment, item: Judged) -> list[dict[str, Any]]:
    planned = people_needed(experiment)
    return [asdict(found) | {"product": product, "experiment": experiment.name, "run_id": run.run_id, "planned": planned,
                             "decision": item.decision, "why": item.why, "at": run.at} for found in item.found]
