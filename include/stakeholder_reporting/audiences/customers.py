"""Customers: what is new? A changelog that anybody may read: no numbers of complaints, no flaw that others could still use."""

from sqlalchemy import select

from include.ledger.tables import commit_stories, commits
from include.stakeholder_reporting.model import Answer, Figure, Section, Table
from include.stakeholder_reporting.view import View, released, shipped


def sections(view: View) -> tuple[Section, ...]:
    """The report's question, answered at its time."""
    found, came = shipped(view), released(view)
    told = [item for item in found if item.wish]
    tied = select(commit_stories.c.sha).where(commit_stories.c.product == view.name)
    fixes = view.count(commits.c.product == view.name, commits.c.kind == "fix", commits.c.sha.not_in(tied),
                       commits.c.release.in_([f"{view.name}|{row.version}" for row in came]))
    name = "news" if told else "news_small" if came else "news_none"
    return (Section("news", Answer(name, {"releases": len(came), "improvements": len(told)}), (
        Figure("releases", len(came)), Figure("improvements", len(told)), Figure("fixes", fixes),
        Figure("security", sum(item.category == "security" for item in found))), (
        Table.of("news", ("title", "version", "on"), [
            {name: value for name, value in item.row().items() if name != "customers"} for item in told], standing=False),
        Table.of("releases", ("title", "on"), [
            {"id": row.version, "title": row.version, "on": row.finished_at.isoformat()} for row in came],
                 standing=False))),)
