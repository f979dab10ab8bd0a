"""`python -m include.deployment plan|check|verdicts PRODUCT [--ledger URL]`: look at an environment without touching it.

plan: what the next deployment would change, since the product's file differs from what runs; secrets are compared with the
connections in the variables AIRFLOW_CONN_<NAME>. check: whether the ledger, HAProxy
and the target agree. Both print one line a difference and end with 1 where there is one. verdicts: what the newest deployment
was judged by, as a Markdown table.
"""

import argparse
import sys

from sqlalchemy import Engine, select

from include.connection import from_environment
from include.deployment.question import table
from include.deployment.reconcile import drift, plan
from include.errors import InputError
from include.ledger.engine import connect, reading
from include.ledger.tables import deployment_verdicts, deployments
from include.product import home, product_named


def verdicts(engine: Engine, product: str) -> str:
    """The newest deployment of `product` that was judged: what it came to, and its verdicts."""
    with reading(engine) as connection:
        judged = select(deployment_verdicts.c.deployment_id)
        newest = connection.execute(select(deployments).where(deployments.c.product == product, deployments.c.id.in_(judged))
                                    .order_by(deployments.c.started_at.desc(), deployments.c.id)).first()
        if newest is None:
            return f"{product}: no deployment was judged yet"
        rows = connection.execute(select(deployment_verdicts).where(deployment_verdicts.c.deployment_id == newest.id)
                                  .order_by(deployment_verdicts.c.step, deployment_verdicts.c.metric)).mappings().all()
    head = f"{product} {newest.version}, {newest.kind}, {newest.status}{': ' if newest.reason else ''}{newest.reason or ''}"
    return f"{head}\n\n{table(dict(row) for row in rows)}"


def main(arguments: list[str] | None = None) -> int:
    """Print what was asked for; 1 where something differs. Wrong input ends with a message."""
    parser = argparse.ArgumentParser(prog="python -m include.deployment", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["plan", "check", "verdicts"])
    parser.add_argument("product")
    parser.add_argument("--ledger", default=f"sqlite:///{home() / 'ledger.db'}", help="SQLAlchemy URL (else the embedded one)")
    options = parser.parse_args(arguments)
    try:
        product = product_named(options.product)
        engine = connect(options.ledger)
        if options.what == "verdicts":
            sys.stdout.write(verdicts(engine, product.name) + "\n")
            return 0
        found = plan(engine, product, from_environment) if options.what == "plan" else drift(engine, product)
    except InputError as error:
        sys.exit(str(error))
    sys.stdout.write("".join(f"{item}\n" for item in found) or f"{product.name}: nothing differs\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
