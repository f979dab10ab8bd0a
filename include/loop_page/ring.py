"""The ring: each phase of the cycle for a product, when it ran, what it published, and what waits for whom."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Select, func, select

from include.ledger.tables import (
    deployments,
    outcomes,
    phase_runs,
    releases,
    signals,
    solutions,
    stories,
    story_blocks,
    themes,
    tickets,
)
from include.loop_metrics import LIVE
from include.loop_page import shapes
from include.product import Product

# The phases as the ring has them: the step's number, and whom of the ring each wakes (`include/cycle.py` says by which assets).
PHASES: dict[str, tuple[int | None, tuple[str, ...]]] = {
    "voc_aggregation": (1, ("story_writing", "outcome_review")),
    "story_writing": (2, ("dependency_management",)),
    "dependency_management": (5, ("scope_planning",)),
    "scope_planning": (3, ("scope_planning", "build_and_test", "solution_evaluation")),
    "solution_evaluation": (6, ("voc_aggregation", "alerting")),
    "build_and_test": (7, ("compliance_checks", "user_testing", "deployment")),
    "compliance_checks": (10, ("deployment", "voc_aggregation", "alerting")),
    "user_testing": (8, ("deployment",)),
    "deployment": (9, ("monitoring_rollups", "dependency_management", "story_writing", "stakeholder_reporting",
                       "voc_aggregation", "alerting")),
    "monitoring_rollups": (11, ("voc_aggregation", "alerting")),
    "stakeholder_reporting": (4, ()),
    "customer_support": (12, ("voc_aggregation", "alerting")),
    "outcome_review": (None, ()),
    "alerting": (None, ()),
}
BESIDE = {"alerting"}  # it watches the loop, and tells people: no turn goes through it
# What asks a person, and what is there once they answered.
ASKED = {"scope_planning.propose": "scope_planning", "user_testing.ask": "user_testing",
         "compliance_checks.ask": "compliance_checks.attest"}
RUNS, RELEASES, IDS = 5, 5, 50  # newest runs of a phase and releases of a product that are looked at; ids of a wait


def state(connection: Connection, product: Product) -> shapes.ProductState:
    """Where the loop of a product stands."""
    keys = [product.name, *connection.scalars(select(releases.c.key).where(releases.c.product == product.name)
                                              .order_by(releases.c.at.desc()).limit(RELEASES))]
    running = connection.scalar(select(deployments.c.version)
                                .where(deployments.c.product == product.name, deployments.c.status == "succeeded")
                                .order_by(deployments.c.started_at.desc()).limit(1))
    live = connection.scalar(select(func.count()).select_from(themes)
                             .where(themes.c.product == product.name, themes.c.status.in_(LIVE), themes.c.kind != "praise"))
    return shapes.ProductState(
        name=product.name, title=product.title, owner=product.owner, running=running, themes=live or 0,
        phases=[_phase(connection, name, step, wakes, keys) for name, (step, wakes) in PHASES.items()],
        waits=sorted(waits(connection, product.name, keys), key=_urgency))


def runs_query(phase: str, key: str) -> Select[Any]:
    """The newest runs of a phase for one key."""
    return (select(phase_runs).where(phase_runs.c.phase == phase, phase_runs.c.key == key)
            .order_by(phase_runs.c.at.desc()).limit(RUNS))


def _newest(connection: Connection, phase: str, keys: Iterable[str]) -> Sequence[Mapping[Any, Any]]:
    """The newest runs of a phase for a product or its releases."""
    rows = [row for key in keys for row in connection.execute(runs_query(phase, key)).mappings()]
    return sorted(rows, key=lambda row: row["at"], reverse=True)[:RUNS]


def _phase(connection: Connection, name: str, step: int | None, wakes: tuple[str, ...], keys: list[str]) -> shapes.PhaseState:
    runs = _newest(connection, name, keys)
    last = runs[0] if runs else None
    return shapes.PhaseState(
        dag_id=name, step=step, wakes=list(wakes), beside=name in BESIDE,
        last=shapes.LastRun(run_id=last["run_id"], key=last["key"], at=last["at"], published=_published(last)) if last else None,
        published_at=next((run["at"] for run in runs if _published(run)), None))


def _published(run: Mapping[Any, Any]) -> list[str]:
    return [str(key) for key in run["result"].get("publish") or []]


def waits(connection: Connection, product: str, keys: list[str]) -> list[shapes.Wait]:
    """Everything of a product that waits for a person, for another product or story, or for data."""
    return [*_unanswered(connection, keys), *_asked(connection, product), *_stopped(connection, product),
            *_drafts(connection, product), *_blocked(connection, product), *_signals(connection, product),
            *_tickets(connection, product), *_too_early(connection, product)]


def _urgency(wait: shapes.Wait) -> tuple[int, datetime]:
    return ("person", "product", "story", "data").index(wait.on), wait.since or datetime.max.replace(tzinfo=UTC)


def _unanswered(connection: Connection, keys: list[str]) -> list[shapes.Wait]:
    """Questions of a form in Airflow: a run asked, and no answer of the same run is there."""
    found = []
    for asking, answer in ASKED.items():
        for run in _newest(connection, asking, keys)[:1]:
            answered = select(phase_runs.c.at).where(phase_runs.c.phase == answer, phase_runs.c.run_id == run["run_id"],
                                                     phase_runs.c.key == run["key"])
            if run["result"].get("ask") and connection.scalar(answered) is None:
                found.append(shapes.Wait(dag_id=answer.partition(".")[0], on="person", what="answer", since=run["at"],
                                         text=run["result"].get("subject") or run["key"], run_id=run["run_id"]))
    return found


def _asked(connection: Connection, product: str) -> list[shapes.Wait]:
    rows = connection.execute(select(solutions.c.id, solutions.c.question, solutions.c.asked_at).where(
        solutions.c.product == product, solutions.c.status == "asked").order_by(solutions.c.asked_at).limit(IDS))
    return [shapes.Wait(dag_id="solution_evaluation", on="person", what="decision", text=row.question, since=row.asked_at,
                        ids=[row.id]) for row in rows]


def _stopped(connection: Connection, product: str) -> list[shapes.Wait]:
    row = connection.execute(select(deployments).where(deployments.c.product == product)
                             .order_by(deployments.c.started_at.desc()).limit(1)).first()
    if row is None or row.status != "asked":
        return []
    return [shapes.Wait(dag_id="deployment", on="person", what="deployment", text=row.version, since=row.started_at,
                        run_id=row.id.partition("/")[2] or None, ids=[row.id])]


def _drafts(connection: Connection, product: str) -> list[shapes.Wait]:
    return _counted(connection.execute(
        select(stories.c.id, stories.c.title.label("text"), stories.c.updated_at.label("since")).where(
            stories.c.product == product, stories.c.status == "draft")
        .order_by(stories.c.updated_at)).all(), dag_id="story_writing", on="person", what="draft")


def _blocked(connection: Connection, product: str) -> list[shapes.Wait]:
    rows = connection.execute(
        select(story_blocks.c.story_id, story_blocks.c.on_product, story_blocks.c.reason, story_blocks.c.since, stories.c.title)
        .join(stories, stories.c.id == story_blocks.c.story_id)
        .where(story_blocks.c.product == product, story_blocks.c.until.is_(None), stories.c.status != "dropped")
        .order_by(story_blocks.c.since).limit(IDS))
    return [shapes.Wait(dag_id="dependency_management", on="product" if row.on_product else "story", what="blocked",
                        text=f"{row.title}: {row.reason}", since=row.since, ids=[row.story_id]) for row in rows]


def _signals(connection: Connection, product: str) -> list[shapes.Wait]:
    return _counted(connection.execute(
        select(signals.c.fingerprint.label("id"), signals.c.title.label("text"), signals.c.first_at.label("since")).where(
            signals.c.product == product, signals.c.status == "open", signals.c.acknowledged_by.is_(None))
        .order_by(signals.c.first_at)).all(), dag_id="monitoring_rollups", on="person", what="signal")


def _tickets(connection: Connection, product: str) -> list[shapes.Wait]:
    return _counted(connection.execute(
        select(tickets.c.id, tickets.c.subject.label("text"), tickets.c.created_at.label("since")).where(
            tickets.c.product == product, tickets.c.status == "open", tickets.c.triage == "needs_person")
        .order_by(tickets.c.created_at)).all(), dag_id="customer_support", on="person", what="ticket")


def _too_early(connection: Connection, product: str) -> list[shapes.Wait]:
    """Verdicts that need more data: the soonest that will be known."""
    rows = connection.execute(
        select(outcomes.c.story_id.label("id"), stories.c.title.label("text"), outcomes.c.known_by)
        .join_from(stories, outcomes, outcomes.c.story_id == stories.c.id)
        .where(stories.c.product == product, stories.c.status == "released", outcomes.c.verdict == "too early")).all()
    known = [row.known_by for row in rows if row.known_by]
    return [shapes.Wait(dag_id="outcome_review", on="data", what="too_early", text=rows[0].text, count=len(rows),
                        until=min(known, default=None), ids=sorted({row.id for row in rows})[:IDS])] if rows else []


def _counted(rows: Any, **wait: Any) -> list[shapes.Wait]:
    """Many of a sort as one wait, which names the oldest."""
    return [shapes.Wait(**wait, text=rows[0].text, since=rows[0].since, count=len(rows),
                        ids=[row.id for row in rows[:IDS]])] if rows else []
