"""What the nightly run calls: does what runs agree with what is declared? What differs is one signal until it is over."""

import time
from dataclasses import replace

from sqlalchemy import Connection, Engine

from include.connection import Connections, no_connections
from include.deployment.reconcile import Difference, drift, plan
from include.deployment.record import running_release
from include.ledger.runs import Result, Run, finish, lease, result_of
from include.ledger.signals import Found, settle
from include.product import Product

KIND = "drift"
LOOKS, PAUSE = 5, 2.0  # what is over by itself within some seconds is no drift


def check(engine: Engine, product: Product, run: Run, connections: Connections = no_connections) -> Result:
    """Compare the product's file and the ledger with what runs, where `run` is about the product.

    The result's `publish` is the product where a difference was found that no open signal tells of. Nothing is changed: the next
    deployment mends what it can (`plan`), and `ensure_running` brings back what is gone.
    """
    run = replace(run, phase="deployment.drift")
    if known := result_of(engine, run):
        return known
    if product.deployment is None or run.key.version is not None:
        return {"publish": [], "status": "rests"}
    with lease(engine, f"deployment:{product.name}", f"{run.phase} {run.run_id}"):  # half of a deployment is no drift
        found = _lasting(engine, product, connections)
    return finish(engine, run, lambda connection: _told(connection, product, run, found))


def _lasting(engine: Engine, product: Product, connections: Connections) -> list[Difference]:
    release = running_release(engine, product.name)
    for look in range(LOOKS):
        if not (found := plan(engine, product, connections) if release else drift(engine, product)):
            return []
        if look < LOOKS - 1:
            time.sleep(PAUSE)
    return found


def _told(connection: Connection, product: Product, run: Run, found: list[Difference]) -> Result:
    lines = [str(item) for item in found]
    more = f" (and {len(lines) - 1} more)" if lines[1:] else ""
    causes = {"environment": Found("medium", f"What runs of {product.title} is not what is declared: {lines[0]}{more}",
                                   {"differences": lines})} if lines else {}
    settled = settle(connection, product, run, KIND, causes)
    return {"publish": [product.name] if settled.opened else [], "status": "differs" if lines else "agrees", "differences": lines,
            "resolved": settled.resolved}
