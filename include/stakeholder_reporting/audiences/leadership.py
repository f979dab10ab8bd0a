"""Leadership: is the loop getting faster, and does it help?"""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select

from include.ledger.tables import delivery_metrics, outcomes, stories
from include.loop_metrics import LoopMetrics, days_to_relief, loop_metrics
from include.stakeholder_reporting.model import Answer, Figure, Section, Table, Unit, text
from include.stakeholder_reporting.view import View, weeks

_UNITS: dict[str, Unit] = {"deployment_frequency": "per_week", "lead_time": "hours", "change_fail_rate": "share",
                           "recovery_time": "hours"}
VERDICTS = ("relieved", "unchanged", "worse", "too early")


def sections(view: View) -> tuple[Section, ...]:
    """The report's questions, answered at its time."""
    loop = loop_metrics(view.connection, view.name, view.at)
    return _faster(view, loop), _helps(view, loop)


def _faster(view: View, now: LoopMetrics) -> Section:
    then, _ = days_to_relief(view.connection, view.name, view.since)
    delivery, before = _delivery(view, view.at), _delivery(view, view.since)
    answer = (_compared("relief", then, now.days_to_relief)
              or _compared("lead_time", before.get("lead_time"), delivery.get("lead_time"))
              or Answer("faster_unknown"))
    waits = now.oldest["days"] if now.oldest else None
    return Section("faster", answer, (
        Figure("days_to_relief", now.days_to_relief, "days", "lower"),
        Figure("oldest_days", waits, "days", "lower"),
        Figure("answered_share", now.answered_share, "share", "higher"),
        Figure("lead_time", delivery.get("lead_time"), "hours", "lower"),
        Figure("deployment_frequency", delivery.get("deployment_frequency"), "per_week", "higher")), chart=weeks(view))


def _helps(view: View, loop: LoopMetrics) -> Section:
    delivery = _delivery(view, view.at)
    rows = _measured(view)
    counts = {verdict: sum(row.verdict == verdict for row in rows) for verdict in VERDICTS}
    known = len(rows) - counts["too early"]
    answer = (Answer("helps", {"relieved": counts["relieved"], "measured": known, "worse": counts["worse"]}) if known
              else Answer("helps_unknown", {"waiting": counts["too early"]}))
    return Section("helps", answer, (
        Figure("relieved", counts["relieved"], better="higher"), Figure("worse", counts["worse"], better="lower"),
        Figure("too_early", counts["too early"]),
        Figure("predicted", loop.predicted, "share"), Figure("realised", loop.realised, "share", "higher"),
        Figure("told", loop.told), Figure("change_fail_rate", delivery.get("change_fail_rate"), "share", "lower"),
        Figure("recovery_time", delivery.get("recovery_time"), "hours", "lower")),
        (Table.of("outcomes", ("title", "version", "before_voices", "after_voices", "effect", "verdict"), [
            {"id": f"{row.story_id} {row.theme_id} {row.release}", "title": text(row.title),
             "version": row.release.partition("|")[2], "before_voices": row.before_voices, "after_voices": row.after_voices,
             "effect": row.effect, "verdict": row.verdict} for row in rows], "verdict"),))


def _compared(name: str, before: float | None, now: float | None) -> Answer | None:
    if before is None or now is None:
        return None
    way = "same" if before == now else "faster" if now < before else "slower"
    return Answer(f"{name}_{way}", {"now": now, "before": before})


def _delivery(view: View, at: datetime) -> dict[str, float | None]:
    """DORA's metrics as they were last taken at the time `at`."""
    newest = (select(func.max(delivery_metrics.c.at))
              .where(delivery_metrics.c.product == view.name, delivery_metrics.c.at <= at).scalar_subquery())
    rows = view.connection.execute(select(delivery_metrics.c.metric, delivery_metrics.c.value).where(
        delivery_metrics.c.product == view.name, delivery_metrics.c.at == newest, delivery_metrics.c.metric.in_(_UNITS)))
    return {row.metric: row.value for row in rows}


def _measured(view: View) -> list[Row[Any]]:
    """What came of each theme of the shipped stories, by the newest release that brought them; the newest first."""
    rows = view.connection.execute(
        select(outcomes, stories.c.title).join(stories, stories.c.id == outcomes.c.story_id)
        .where(stories.c.product == view.name, outcomes.c.at <= view.at)
        .order_by(outcomes.c.at, outcomes.c.release, outcomes.c.story_id, outcomes.c.theme_id)).all()
    newest = {(row.story_id, row.theme_id): row for row in rows}
    return [*reversed(newest.values())]
