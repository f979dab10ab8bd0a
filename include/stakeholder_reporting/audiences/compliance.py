"""Compliance: what is open, what is waived, and what lapses soon?"""

from datetime import date, timedelta
from typing import Any

from semver import Version
from sqlalchemy import func, select

from include.ledger.tables import attestations, checks, decisions, erasures, releases
from include.stakeholder_reporting.model import Answer, Figure, Section, Table, text
from include.stakeholder_reporting.view import View

SOON = timedelta(days=30)
SEVERITIES = ("high", "medium", "low")


def sections(view: View) -> tuple[Section, ...]:
    """The report's questions, answered at its time."""
    rows = _checked(view)
    return _open(view, rows), _waived(view, rows), _lapsing(view), _shown(view)


def _checked(view: View) -> list[dict[str, Any]]:
    """The rules of the release that runs (or else the newest one checked), as its last check found them."""
    known = view.connection.execute(select(releases.c.key, releases.c.version, releases.c.status).where(
        releases.c.product == view.name, releases.c.key.in_(select(checks.c.key)), releases.c.at <= view.at)).all()
    if not known:
        return []
    key = max(known, key=lambda row: (row.status == "deployed", Version.parse(row.version))).key
    last = select(func.max(checks.c.at)).where(checks.c.key == key, checks.c.at <= view.at).scalar_subquery()
    rows = view.connection.execute(select(checks).where(checks.c.key == key, checks.c.at == last)
                                   .order_by(checks.c.run_id)).mappings()
    newest = {row["rule"]: dict(row) for row in rows}
    return [newest[rule] for rule in sorted(newest)]


def _in_force(row: dict[str, Any], view: View) -> bool:
    return bool(row["waiver"]) and view.at.date() <= date.fromisoformat(row["waiver"]["until"])


def _open(view: View, rows: list[dict[str, Any]]) -> Section:
    found = [row for row in rows if row["outcome"] != "pass" and not _in_force(row, view)]
    found.sort(key=lambda row: (SEVERITIES.index(row["severity"]) if row["severity"] in SEVERITIES else 9, row["rule"]))
    lines = [{"id": row["rule"], "title": row["rule"], "outcome": row["outcome"], "severity": row["severity"],
              "detail": text(row["detail"]), "serves": text(row["serves"])} for row in found]
    high = sum(row["severity"] == "high" for row in found)
    name = "open" if lines else "open_none" if rows else "open_unknown"
    return Section("open", Answer(name, {"rules": len(rows), "open": len(lines), "high": high}), (
        Figure("rules", len(rows)), Figure("passed", sum(row["outcome"] == "pass" for row in rows), better="higher"),
        Figure("open", len(lines), better="lower"), Figure("open_high", high, better="lower")),
        (Table.of("open", ("title", "outcome", "severity", "detail", "serves"), lines, "outcome"),))


def _waived(view: View, rows: list[dict[str, Any]]) -> Section:
    lines = [{"id": row["rule"], "title": row["rule"], "owner": text(row["waiver"]["owner"]),
              "reason": text(row["waiver"]["reason"]), "until_day": row["waiver"]["until"]}
             for row in rows if row["outcome"] != "pass" and _in_force(row, view)]
    return Section("waived", Answer("waived" if lines else "waived_none", {"waived": len(lines)}),
                   (Figure("waived", len(lines), better="lower"),),
                   (Table.of("waived", ("title", "owner", "reason", "until_day"), lines, "until_day"),))


def _lapsing(view: View) -> Section:
    today = view.at.date()
    found = sorted((waiver for waiver in view.product.compliance.waivers if waiver.until <= today + SOON),
                   key=lambda waiver: (waiver.until, waiver.rule))
    lines: list[dict[str, Any]] = [
        {"id": waiver.rule, "title": waiver.rule, "owner": text(waiver.owner), "until_day": waiver.until.isoformat(),
         "lapse": "lapsed" if waiver.until < today else "soon"} for waiver in found]
    over = sum(line["lapse"] == "lapsed" for line in lines)
    return Section("lapsing", Answer("lapsing" if lines else "lapsing_none", {"soon": len(lines) - over, "over": over}), (
        Figure("lapsing", len(lines) - over, better="lower"), Figure("lapsed", over, better="lower")),
        (Table.of("lapsing", ("title", "owner", "until_day", "lapse"), lines, "lapse"),))


def _shown(view: View) -> Section:
    """What people decided and attested, and what was erased."""
    attested = _attested(view)
    decided = view.connection.execute(
        select(decisions).where(decisions.c.at > view.since, decisions.c.at <= view.at,
                                decisions.c.subject.startswith(f"{view.name}|", autoescape=True))
        .order_by(decisions.c.at.desc(), decisions.c.subject, decisions.c.gate)).all()
    erased = view.connection.scalar(select(func.count()).where(
        erasures.c.product == view.name, erasures.c.at > view.since, erasures.c.at <= view.at)) or 0
    people = sum(row.by not in ("automatic", "timeout") for row in decided)
    return Section("shown", Answer("shown", {"decisions": len(decided), "people": people}), (
        Figure("decided", len(decided), standing=False), Figure("by_people", people, standing=False),
        Figure("attested", len(attested)), Figure("erased", erased, standing=False)),
        (Table.of("decided", ("title", "gate", "decision", "by", "on"), [
            {"id": f"{row.subject} {row.gate}", "title": row.subject.partition("|")[2], "gate": row.gate,
             "decision": row.decision, "by": text(row.by), "on": row.at.isoformat()} for row in decided], standing=False),
         Table.of("attested", ("title", "statement", "by", "on"), attested)))


def _attested(view: View) -> list[dict[str, Any]]:
    rows = view.connection.execute(select(attestations).where(
        attestations.c.product == view.name, attestations.c.at <= view.at).order_by(attestations.c.at, attestations.c.run_id))
    newest = {row.rule: {"id": row.rule, "title": row.rule, "statement": text(row.statement), "by": text(row.by),
                         "on": row.at.isoformat()} for row in rows}
    return [newest[rule] for rule in sorted(newest)]
