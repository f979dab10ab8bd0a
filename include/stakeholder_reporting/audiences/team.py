"""The team: what hurts most now, how does what runs do, and what is next?"""

from datetime import timedelta
from typing import Any

from sqlalchemy import func, select

from include.ledger.tables import signals, slo_status, stories, story_blocks, themes, ticket_clocks, tickets
from include.loop_metrics import LIVE
from include.stakeholder_reporting.model import SHOWN, Answer, Chart, Figure, Section, Table, text
from include.stakeholder_reporting.view import View, customers, weeks

BARS, DAY = 8, timedelta(days=1)


def sections(view: View) -> tuple[Section, ...]:
    """The report's questions, answered at its time."""
    return _hurts(view), _runs(view), _next(view)


def _hurts(view: View) -> Section:
    live = (themes.c.product == view.name, themes.c.status.in_(LIVE), themes.c.kind != "praise")
    total = view.count(*live)
    rows = view.connection.execute(
        select(themes.c.id, themes.c.name, themes.c.kind, themes.c.per_week, themes.c.size, themes.c.status).where(*live)
        .order_by(func.coalesce(themes.c.per_week, 0).desc(), themes.c.size.desc(), themes.c.id).limit(SHOWN)).all()
    lines: list[dict[str, Any]] = [
        {"id": row.id, "title": text(row.name), "kind": row.kind, "per_week": row.per_week, "voices": row.size,
         "theme_status": row.status} for row in rows]
    answer = (Answer("hurts", {"theme": lines[0]["title"], "per_week": lines[0]["per_week"]}) if lines and lines[0]["per_week"]
              else Answer("hurts_unrated", {"themes": total}) if lines else Answer("hurts_nothing"))
    heard = view.heard(view.since, view.at)
    bars = tuple({"label": line["title"], "value": line["per_week"]} for line in lines[:BARS] if line["per_week"])
    return Section("hurts", answer, (
        Figure("complaints", heard, standing=False),
        Figure("complaints_rate", round(heard / max((view.at - view.since) / DAY, 1) * 7, 2), better="lower"),
        Figure("live_themes", total, better="lower"),
        Figure("emerging", view.count(*live, themes.c.emerging_since.is_not(None)), better="lower")),
        (Table("themes", ("title", "kind", "voices", "per_week", "theme_status"), tuple(lines), total, "theme_status"),),
        Chart("themes", "bars", bars) if bars else weeks(view))


def _runs(view: View) -> Section:
    open_ = view.connection.execute(select(signals).where(signals.c.product == view.name, signals.c.status == "open")
                                    .order_by(signals.c.first_at, signals.c.fingerprint)).all()
    lines = [{"id": row.fingerprint, "title": text(row.title), "severity": row.severity, "on": row.first_at.isoformat(),
              "owned": "yes" if row.acknowledged_by else "no"} for row in open_]
    budgets = _budgets(view)
    least = min((row["budget_left"] for row in budgets if row["budget_left"] is not None), default=None)
    return Section("runs", Answer("runs_badly" if lines else "runs_well", {"signals": len(lines)}), (
        Figure("open_signals", len(lines), better="lower"), Figure("budget_left", least, "share", "higher"),
        Figure("open_tickets", view.count(tickets.c.product == view.name, tickets.c.status != "resolved"), better="lower"),
        Figure("breached", view.count(ticket_clocks.c.product == view.name, ticket_clocks.c.stopped_at.is_(None),
                                      ticket_clocks.c.state == "breached"), better="lower")),
        (Table.of("signals", ("title", "severity", "on", "owned"), lines, "owned"),
         Table.of("slos", ("title", "target", "sli", "budget_left"), budgets)))


def _budgets(view: View) -> list[dict[str, Any]]:
    """Each objective as it stood last."""
    newest = (select(slo_status.c.slo, func.max(slo_status.c.at).label("at"))
              .where(slo_status.c.product == view.name, slo_status.c.at <= view.at).group_by(slo_status.c.slo).subquery())
    rows = view.connection.execute(
        select(slo_status).join(newest, (newest.c.slo == slo_status.c.slo) & (newest.c.at == slo_status.c.at))
        .where(slo_status.c.product == view.name).order_by(slo_status.c.slo, slo_status.c.run_id))
    found = {row.slo: {"id": row.slo, "title": text(row.slo), "target": row.target, "sli": row.sli,
                       "budget_left": row.budget_left} for row in rows}
    return [*found.values()]


def _next(view: View) -> Section:
    rows = view.connection.execute(select(stories).where(stories.c.product == view.name, stories.c.status == "scoped")
                                   .order_by(stories.c.id)).all()
    asked = customers(view, [row.id for row in rows])
    lines: list[dict[str, Any]] = [{"id": row.id, "title": text(row.title), "customers": asked.get(row.id, 0),
                                    "effort_days": row.effort_days} for row in rows]
    lines.sort(key=lambda line: (-line["customers"], line["id"]))
    blocked = view.connection.scalar(select(func.count(story_blocks.c.story_id.distinct())).where(
        story_blocks.c.product == view.name, story_blocks.c.until.is_(None))) or 0
    return Section("next", Answer("next" if lines else "next_nothing", {"stories": len(lines)}), (
        Figure("planned", len(lines)), Figure("effort", sum(line["effort_days"] or 0 for line in lines), "days"),
        Figure("blocked", blocked, better="lower")),
        (Table.of("next", ("title", "customers", "effort_days"), lines),))
