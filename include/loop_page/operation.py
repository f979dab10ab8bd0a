"""How a product runs, and how well its loop turns."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, select

from include.ledger.tables import delivery_metrics, incidents, phase_runs, signals, slo_status
from include.loop_page import shapes

POINTS = 60  # of each objective and metric
SIGNALS, INCIDENTS = 100, 20

# The loop's own metrics, as include.loop_metrics takes them: unit and meaning.
LOOP = {
    "days_to_relief": ("days", "median days from a theme's first complaint (a reopened one's: since it was reopened) to its "
                               "verified relief, over the reliefs of the last 90 days"),
    "relieved": ("themes", "themes whose relief was verified in the last 90 days"),
    "heard": ("voices", "complaints of the last 90 days"),
    "understood": ("voices", "complaints of the last 90 days that are in a theme"),
    "planned": ("voices", "complaints of the last 90 days whose theme has a story"),
    "answered": ("voices", "complaints of the last 90 days whose story shipped"),
    "relieved_voices": ("voices", "complaints of the last 90 days whose theme is resolved"),
    "answered_share": ("share", "answered / heard"),
    "told": ("people", "customers who were told in the last 90 days what became of what they wrote"),
    "replied": ("people", "those of them who answered"),
    "predicted": ("share", "mean share of the complaint rate that stories were to take away, over all that were measured"),
    "realised": ("share", "mean share of the complaint rate that they did take away"),
    "error": ("share", "mean absolute difference of the two"),
}


def operation(connection: Connection, product: str) -> shapes.Operation:
    """Objectives, signals and incidents: what is open first, then what was over last."""
    slos: dict[str, shapes.Slo] = {}
    names = connection.scalars(select(slo_status.c.slo).where(slo_status.c.product == product).distinct())
    for name in sorted(names):
        rows = connection.execute(slo_query(product, name)).mappings().all()
        points = [shapes.SloPoint(**{field: row[field] for field in shapes.SloPoint.model_fields}) for row in reversed(rows)]
        slos[name] = shapes.Slo(name=name, target=rows[0]["target"], points=points)
    fields = tuple(signals.c[name] for name in shapes.Signal.model_fields)
    told = [shapes.Signal(**row) for row in connection.execute(
        select(*fields).where(signals.c.product == product).order_by(signals.c.last_at.desc()).limit(SIGNALS)).mappings()]
    known = tuple(incidents.c[name] for name in shapes.Incident.model_fields)
    happened = [shapes.Incident(**row) for row in connection.execute(
        select(*known).where(incidents.c.product == product).order_by(incidents.c.opened_at.desc()).limit(INCIDENTS)).mappings()]
    return shapes.Operation(slos=list(slos.values()), signals=sorted(told, key=lambda signal: signal.status != "open"),
                            incidents=sorted(happened, key=lambda incident: incident.status != "open"))


def slo_query(product: str, name: str) -> Select[Any]:
    """How an objective stood, newest first."""
    return (select(slo_status).where(slo_status.c.product == product, slo_status.c.slo == name)
            .order_by(slo_status.c.at.desc()).limit(POINTS))


def metrics(connection: Connection, product: str) -> shapes.Metrics:
    """DORA's metrics as monitoring wrote them down, and the loop's own as the review of outcomes did."""
    found: dict[str, shapes.Metric] = {}
    for row in reversed(connection.execute(metrics_query(product)).mappings().all()):
        metric = found.setdefault(row["metric"], shapes.Metric(name=row["metric"], unit=row["unit"], definition=row["definition"],
                                                               points=[]))
        metric.unit, metric.definition, metric.band, metric.band_of = row["unit"], row["definition"], row["band"], row["band_of"]
        metric.points.append(shapes.Point(at=row["at"], value=row["value"], n=row["n"]))
    turns = [(row.at, row.result["loop"]) for row in connection.execute(loop_query(product)) if "loop" in row.result]
    own = [shapes.Metric(name=name, unit=unit, definition=meaning, points=_points(turns, name))
           for name, (unit, meaning) in LOOP.items()] if turns else []
    return shapes.Metrics(delivery=list(found.values()), loop=own)


def metrics_query(product: str) -> Select[Any]:
    """The newest of DORA's five metrics, newest first."""
    columns = (delivery_metrics.c[name] for name in ("metric", "value", "unit", "n", "band", "band_of", "definition", "at"))
    return (select(*columns).where(delivery_metrics.c.product == product)
            .order_by(delivery_metrics.c.at.desc()).limit(5 * POINTS))


def loop_query(product: str) -> Select[Any]:
    """The newest reviews of a product, newest first."""
    return (select(phase_runs.c.at, phase_runs.c.result)
            .where(phase_runs.c.phase == "outcome_review", phase_runs.c.key == product)
            .order_by(phase_runs.c.at.desc()).limit(POINTS))


def _points(turns: list[tuple[datetime, dict[str, Any]]], name: str) -> list[shapes.Point]:
    over = {"days_to_relief": "relieved", "answered_share": "heard", "predicted": "measured", "realised": "measured",
            "error": "measured"}
    return [shapes.Point(at=at, value=told.get(name), n=told.get(over.get(name, name)) or 0) for at, told in reversed(turns)]
