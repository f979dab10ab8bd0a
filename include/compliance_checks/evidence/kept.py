"""Which evidence the ledger knows: the result of each check names its folder and the head of its manifest."""

from collections.abc import Iterator

from sqlalchemy import ColumnElement, Engine, or_, select

from include.compliance_checks.evidence.chain import Link
from include.ledger.engine import reading
from include.ledger.runs import Run
from include.ledger.tables import phase_runs

PHASE = "compliance_checks"


def kept(engine: Engine, wanted: str | None = None) -> list[Link]:
    """The evidence of all checks, oldest first: of all products, of a product, or of a release (`product|version`)."""
    return [link for release, link in _all(engine, wanted.split("|")[0] if wanted else None)
            if wanted is None or "|" not in wanted or release == wanted]


def last_before(engine: Engine, run: Run) -> Link | None:
    """The newest evidence of the run's product that is older than the run."""
    query = (select(phase_runs.c.result).where(phase_runs.c.phase == PHASE, _of(run.product), phase_runs.c.at < run.at)
             .order_by(phase_runs.c.at.desc(), phase_runs.c.run_id))
    with reading(engine) as connection:
        return next((Link(**found) for result in connection.scalars(query) if (found := result.get("evidence"))), None)


def _of(product: str) -> ColumnElement[bool]:
    return or_(phase_runs.c.key == product, phase_runs.c.key.startswith(f"{product}|", autoescape=True))


def _all(engine: Engine, product: str | None) -> Iterator[tuple[str, Link]]:
    query = select(phase_runs.c.result).where(phase_runs.c.phase == PHASE).order_by(phase_runs.c.at, phase_runs.c.run_id)
    with reading(engine) as connection:
        for result in connection.scalars(query if product is None else query.where(_of(product))):
            if found := result.get("evidence"):
                yield result["release"], Link(**found)
