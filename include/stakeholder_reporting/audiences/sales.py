"""Sales: which customers' wishes shipped, what may be promised, and what may not be yet? Nobody is named."""

from datetime import timedelta
from typing import Any

from sqlalchemy import Row, select

from include.ledger.tables import releases, scope_items, scopes, stories, story_blocks
from include.stakeholder_reporting.model import Answer, Figure, Section, Table, text
from include.stakeholder_reporting.view import View, customers, shipped

WAITING = ("draft", "ready", "reopened")


def sections(view: View) -> tuple[Section, ...]:
    """The report's questions, answered at its time."""
    planned = _stories(view, ("scoped",))
    blocked = _blocked(view)
    asked = customers(view, [row.id for row in [*planned, *_stories(view, WAITING)]])
    return (_shipped(view), _promised(view, [row for row in planned if row.id not in blocked], asked),
            _waiting(view, planned, blocked, asked))


def _shipped(view: View) -> Section:
    found = [item for item in shipped(view) if item.wish]
    people = sum(item.customers for item in found)
    return Section("shipped", Answer("shipped" if found else "shipped_none", {"wishes": len(found), "customers": people}),
                   (Figure("wishes_shipped", len(found), standing=False), Figure("requests_answered", people, standing=False)),
                   (Table.of("shipped", ("title", "customers", "version", "on"), [item.row() for item in found],
                             standing=False),))


def _promised(view: View, rows: list[Row[Any]], asked: dict[str, int]) -> Section:
    """What may be promised: stories of the approved scope that nothing blocks."""
    plan = _plan(view)
    lines = [{"id": row.id, "title": text(row.title), "customers": asked.get(row.id, 0),
              "planned_for": _date(plan.get(row.id), view)} for row in rows]
    lines.sort(key=lambda line: (-int(line["customers"] or 0), str(line["id"])))
    return Section("promise", Answer("promise" if lines else "promise_none", {"stories": len(lines)}),
                   (Figure("promisable", len(lines)),
                    Figure("candidates", view.count(releases.c.product == view.name, releases.c.status == "candidate"))),
                   (Table.of("promise", ("title", "customers", "planned_for"), lines, "planned_for"),))


def _waiting(view: View, planned: list[Row[Any]], blocked: dict[str, str], asked: dict[str, int]) -> Section:
    rows = [*(row for row in planned if row.id in blocked), *_stories(view, WAITING)]
    lines: list[dict[str, Any]] = [{"id": row.id, "title": text(row.title), "customers": asked.get(row.id, 0),
                                    "story_status": "blocked" if row.id in blocked else row.status,
                                    "waits_for": blocked.get(row.id)} for row in rows]
    lines.sort(key=lambda line: (-line["customers"], line["id"]))
    return Section("not_yet", Answer("not_yet" if lines else "not_yet_none", {"stories": len(lines)}),
                   (Figure("not_promisable", len(lines)),),
                   (Table.of("not_yet", ("title", "customers", "story_status", "waits_for"), lines, "story_status"),))


def _stories(view: View, statuses: tuple[str, ...]) -> list[Row[Any]]:
    return list(view.connection.execute(select(stories).where(
        stories.c.product == view.name, stories.c.status.in_(statuses), stories.c.created_at <= view.at,
        stories.c.kind != "operation").order_by(stories.c.id)))


def _blocked(view: View) -> dict[str, str]:
    """For each blocked story, the product (with the version range) or the story that it waits for."""
    rows = view.connection.execute(select(story_blocks).where(
        story_blocks.c.product == view.name, story_blocks.c.until.is_(None)).order_by(story_blocks.c.since, story_blocks.c.id))
    return {row.story_id: " ".join(filter(None, (row.on_product or row.on_story, row.needs))) for row in rows}


def _plan(view: View) -> dict[str, Any]:
    """The place of each story in the newest approved scope."""
    newest = (select(scopes.c.id).where(scopes.c.product == view.name, scopes.c.status == "approved", scopes.c.at <= view.at)
              .order_by(scopes.c.at.desc(), scopes.c.id).limit(1).scalar_subquery())
    rows = view.connection.execute(select(scope_items.c.story_id, scope_items.c.iteration, scopes.c.at)
                                   .join(scopes, scopes.c.id == scope_items.c.scope_id)
                                   .where(scope_items.c.scope_id == newest, scope_items.c.iteration.is_not(None)))
    return {row.story_id: row for row in rows}


def _date(item: Any | None, view: View) -> str | None:
    """The end of the iteration that a story is planned for."""
    if item is None:
        return None
    found: str = (item.at + timedelta(days=view.product.planning.iteration_days * item.iteration)).isoformat()
    return found
