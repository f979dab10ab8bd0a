"""Customers: what is new? A changelog that anybody may read: no numbers of complaints, no flaw that others could still use."""

from sqlalchemy import select

from include.ledger.tables import commits
from include.stakeholder_reporting.model import Answer, Figure, Section, Table
from include.stakeholder_reporting.view import View, released, shipped

QUIET = ("security", "debt")  # categories of stories that are counted, and not told


def sections(view: View) -> tuple[Section, ...]:
    """The report's question, answered at its time."""
    found, came = shipped(view), released(view)
    told = [item for item in found if item.category not in QUIET and item.kind != "operation"]
    fixes = view.connection.scalars(select(commits.c.sha).where(
        commits.c.product == view.name, commits.c.kind == "fix",
        commits.c.release.in_([f"{view.name}|{row.version}" for row in came]))).all()
    name = "news" if told else "news_small" if came else "news_none"
    return (Section("news", Answer(name, {"releases": len(came), "improvements": len(told)}), (
        Figure("releases", len(came)), Figure("improvements", len(told)), Figure("fixes", len(fixes)),
        Figure("security", sum(item.category == "security" for item in found))), (
        Table.of("news", ("title", "version", "on"), [
            {name: value for name, value in item.row().items() if name != "customers"} for item in told]),
        Table.of("releases", ("title", "on"), [
            {"id": row.version, "title": row.version, "on": row.finished_at.isoformat()} for row in came]))),)
