"""Every source of a product, read from where its cursor stands."""

import logging
from typing import Any

from sqlalchemy import Engine, select

from include.connection import Connections
from include.errors import InputError
from include.http_client import Client, secrets
from include.ledger.runs import Run
from include.ledger.tables import cursors
from include.monitoring_rollups.sources import openmetrics, prometheus_api, tables
from include.monitoring_rollups.sources.reading import Reading
from include.parts.monitoring import MetricSource, TableSource
from include.product import Product, beside

log = logging.getLogger(__name__)


def cursor_name(product: Product, source: str) -> str:
    """What a source's cursor is called in the ledger."""
    return f"metrics:{product.name}:{source}"


def read_all(engine: Engine, product: Product, run: Run, connections: Connections) -> dict[str, Reading]:
    """What is new in each source, by its name. One that can't be read says why in `problem`, and its cursor stays."""
    names = {cursor_name(product, source.name): source for source in product.monitoring.sources}
    with engine.connect() as connection:
        known = {row.name: row.value for row in connection.execute(select(cursors).where(cursors.c.name.in_(sorted(names))))}
    found = dict[str, Reading]()
    for name, source in names.items():
        try:
            found[source.name] = _read(source, product, run, known.get(name), connections)
        except InputError as error:
            found[source.name] = Reading(known.get(name), problem=str(error))
        if problem := found[source.name].problem:
            log.warning("%s: source %s: %s", product.name, source.name, problem)
    return found


def _read(source: MetricSource, product: Product, run: Run, known: dict[str, Any] | None, connections: Connections) -> Reading:
    if isinstance(source, TableSource):
        return tables.read(source, beside(product, source.path), known)
    told = secrets(source.auth, connections(source.auth.connection)) if source.auth else {}
    with Client(source, told) as client:
        if source.kind == "prometheus":
            return prometheus_api.read(source, client, known, run)
        return openmetrics.read(source, client, known, run)
