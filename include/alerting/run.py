"""What the alerting DAG calls: a look at the loop itself, and at what is known of incidents."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine

from include.alerting import store
from include.alerting.incidents import Incident, grouped, opening
from include.alerting.late import over
from include.alerting.postmortem import as_html, as_markdown, draft, figures_of
from include.alerting.telling import GIVE_UP
from include.alerting.watch import silent, stuck
from include.artifacts import Artifacts
from include.ledger.engine import reading, upsert
from include.ledger.runs import Result, Run, finish, lease, result_of
from include.ledger.signals import GATE, LATE, SILENT, settle
from include.ledger.tables import incidents
from include.product import Product

Row = Mapping[str, Any]


def stirs(engine: Engine, product: Product, at: datetime) -> bool:
    """Whether a look at `product`, or telling what it found, would come to anything at the time `at`.

    One task asks this of all products every few minutes, so that those about which there is nothing to say take none.
    """
    if (settings := product.alerts) is None:
        return False
    with reading(engine) as connection:
        if store.unsettled(connection, product, at - GIVE_UP):
            return True
        closed = store.closed(connection, product)
        return bool(silent(product, store.heard(connection, product, at), settings.silent_hours)
                    or stuck(product, store.waiting(connection, product), at, settings.gate_hours)
                    or any(opening(row) not in closed for row in store.grave(connection, product, at)))


def look(engine: Engine, product: Product, run: Run, artifacts: Artifacts) -> Result:
    """Open and resolve the signals about the loop itself, and bring the incidents of `product` up to date.

    The result tells how many signals `opened` and were `resolved`, by kind, and the ids of the `incidents` that are new or of
    which more is known. It `rests` where the product declares no alerts.
    """
    if (settings := product.alerts) is None:
        return {"publish": [], "rests": "the product declares no alerts"}
    if (known := result_of(engine, run)) is not None:
        return known
    with lease(engine, f"incidents:{product.name}", f"{run.run_id} {run.key}"):
        with reading(engine) as connection:
            found = {SILENT: silent(product, store.heard(connection, product, run.at), settings.silent_hours),
                     GATE: stuck(product, store.waiting(connection, product), run.at, settings.gate_hours), LATE: {}}
            ended = {LATE: over(connection, product)}
            rows = _incidents(connection, product, run, artifacts)

        def write(connection: Connection) -> Result:
            done = {kind: settle(connection, product, run, kind, causes, ended.get(kind)) for kind, causes in found.items()}
            upsert(connection, incidents, rows)
            return {"publish": [], "opened": {kind: len(item.opened) for kind, item in done.items() if item.opened},
                    "resolved": {kind: len(item.resolved) for kind, item in done.items() if item.resolved},
                    "incidents": [row["id"] for row in rows]}

        return finish(engine, run, write)


def _incidents(connection: Connection, product: Product, run: Run, artifacts: Artifacts) -> list[dict[str, Any]]:
    """The rows of the incidents that are new, or of which more is known."""
    before = store.open_incidents(connection, product)
    signals, closed = store.grave(connection, product, run.at), store.closed(connection, product)
    found = grouped([_incident(row, product) for row in before.values()], [row for row in signals if opening(row) not in closed])
    rows = [_row(connection, product, run, artifacts, item, signals) for item in found]
    return [row for row in rows if not _same(row, before.get(row["id"]))]


def _same(row: Row, before: Row | None) -> bool:
    return before is not None and all(row[name] == before[name] for name in row if name != "at")


def _incident(row: Row, product: Product) -> Incident:
    return Incident(row["id"], row["cause"], row["severity"], row["title"], tuple(row["signals"]), row["opened_at"],
                    row["resolved_at"], None if row["owner"] == product.owner else row["owner"])


def _row(connection: Connection, product: Product, run: Run, artifacts: Artifacts, item: Incident,
         signals: Sequence[Row]) -> dict[str, Any]:
    own = [row for row in signals if opening(row) in item.signals]
    facts = store.facts(connection, product, item, own)
    release = next((row["release"] for row in own if row["release"]), None) if item.cause.startswith("deployment ") else None
    made = draft(product, item, facts, [figure for row in own for figure in figures_of(row["detail"])],
                 store.brought(connection, product, release) if release else [])
    return {"id": item.id, "product": product.name, "cause": item.cause, "severity": item.severity, "title": item.title,
            "signals": list(item.signals), "status": "resolved" if item.resolved_at else "open",
            "owner": item.owner or product.owner, "opened_at": item.opened_at, "resolved_at": item.resolved_at,
            "timeline": [fact.plain() for fact in facts], "postmortem": artifacts.keep(as_markdown(made).encode(), ".md")[0],
            "page": artifacts.keep(as_html(made).encode(), ".html")[0], "at": run.at}
