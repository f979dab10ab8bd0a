"""A run of a phase that has not come to its end in time becomes a signal, by Airflow's deadline alert."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, or_, select

from include.errors import InputError
from include.key import Key
from include.ledger.runs import Run, finish
from include.ledger.signals import LATE, Found, settle
from include.ledger.tables import phase_runs, signals
from include.markup import plain
from include.product import Product, product_named


def note(engine: Engine, context: dict[str, Any], hours: float, usual: float) -> dict[str, Any]:
    """Open the signal that the run of `context` (`dag_run`, as a deadline's callback gets it) is not over within `hours`.

    It rests where the run's product gives the phase another time, by its `alerts.phase_hours` or as is `usual`. One a phase and
    key, however many of its runs are late. A run about no known product has nobody to tell.
    """
    late = context["dag_run"]
    phase, at = late["dag_id"], _time(context["deadline"]["deadline_time"])
    try:
        key = Key.parse(late["partition_key"])
        product = product_named(key.product)
    except InputError as error:
        return {"publish": [], "rests": str(error)}
    if hours != (allowed := (product.alerts and product.alerts.hours_of(phase)) or usual):
        return {"publish": [], "rests": f"it may take {long(allowed)}"}
    title = f"{plain(product.title, 100)}: {phase} of {key} is not over within {long(hours)}"
    detail = {"phase": phase, "key": str(key), "run": late["dag_run_id"], "began": _time(late["run_after"]).isoformat()}
    release = str(key) if key.version else None
    run = Run("alerting.late", f"{phase} {late['dag_run_id']}", key, at)

    def write(connection: Connection) -> dict[str, Any]:
        if connection.scalar(select(phase_runs.c.at).where(
                phase_runs.c.phase == phase, phase_runs.c.run_id == late["dag_run_id"], phase_runs.c.key == str(key))):
            return {"publish": [], "rests": "it is over"}
        done = settle(connection, product, run, LATE, {f"{phase} {key}": Found("medium", title, detail, release)}, over=())
        return {"publish": [], "signals": done.opened}

    return finish(engine, run, write)


def over(connection: Connection, product: Product) -> list[str]:
    """The causes of open signals of late runs, which, or later ones of the same phase and product, came to their end."""
    rows = connection.scalars(select(signals.c.detail).where(
        signals.c.product == product.name, signals.c.kind == LATE, signals.c.status == "open")).all()
    return [f"{row['phase']} {row['key']}" for row in rows if _came_to_its_end(connection, product, row)]


def _came_to_its_end(connection: Connection, product: Product, late: dict[str, Any]) -> bool:
    table = phase_runs.c
    about = or_(table.key == product.name, table.key.startswith(f"{product.name}|", autoescape=True))
    return connection.scalar(select(table.at).where(table.phase == late["phase"], about, or_(
        table.run_id == late["run"], table.at > _time(late["began"]))).limit(1)) is not None


def long(hours: float) -> str:
    """So many hours, in words."""
    return f"{hours:g} hours" if hours < 72 else f"{hours / 24:g} days"


def _time(text: str | datetime) -> datetime:
    return text if isinstance(text, datetime) else datetime.fromisoformat(text)
