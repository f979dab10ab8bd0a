"""Step 5: what waits for what, kept when stories change and when a release is deployed."""

from collections.abc import Sequence

from sqlalchemy import Engine

from include.artifacts import Artifacts
from include.ledger.runs import Result, Run, finish, result_of
from include.product import Product


def manage(engine: Engine, product: Product, run: Run, artifacts: Artifacts, portfolio: Sequence[Product]) -> Result:
    """Pass a product's changed stories on to its scope."""
    if known := result_of(engine, run):
        return known
    return finish(engine, run, lambda _: {"publish": [product.name] if run.key.version is None else []})
