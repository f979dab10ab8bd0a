"""Step 12, customer support: tickets are triaged, timed, watched for spikes, and answers are suggested."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine

from include.artifacts import Artifacts
from include.connection import Connections, no_connections
from include.customer_support import escalation, models, signalled, store
from include.customer_support.hours import Hours
from include.customer_support.intake import Heard, Intake, Opened, Reader
from include.customer_support.sla import NEXT, Clock, Targets, Times, standing_clocks
from include.customer_support.spikes import spikes
from include.customer_support.tickets import GIVEN, MODEL, PERSON, RESOLVED, RULE, WAITING
from include.customer_support.triage import all_categories, matching, routed
from include.errors import InputError
from include.ledger import trail
from include.ledger.engine import upsert
from include.ledger.models import write as write_models
from include.ledger.runs import Result, Run, finish, lease, result_of
from include.ledger.signals import Found, settle
from include.ledger.tables import cursors, quarantine, suggestions, ticket_clocks, ticket_events, tickets
from include.markup import plain
from include.parts.calendar import DAYS
from include.parts.desk import Promise, Support, minutes
from include.product import Product

if TYPE_CHECKING:  # what learns costs a second to import, and most looks at the clocks have nothing to learn
    from include.customer_support.answers import Source

TAUGHT = 20_000  # resolved tickets with a category that are learnt from: the newest ones are enough
ANSWERS = 5_000  # resolved tickets among which an answer is looked for
SHOWN = 20  # ids that the result names
TICKET_TYPES = {"fault": "bug", "wish": "enhancement"}  # CDEvents' names; all others are questions
Row = dict[str, Any]


def attend(engine: Engine, product: Product, run: Run, artifacts: Artifacts, author_key: bytes, opened: Opened,
           connections: Connections = no_connections) -> Result:
    """Take in what is new in the ticket sources of `product`, triage it, set its clocks, and suggest answers.

    `opened` opens a source (see `include.voc_aggregation.sources`). Returns `publish` (the product, where there are new
    tickets, new marks of content customers or new signals), `sources` (name to counts), `triage` (how many by whom),
    `needs_person` (tickets that nobody but a person can place), `model` (the version that placed tickets, and its held-out
    scores, where one did), `clocks` (how many stand how), `signals` and `suggestions`. Raises InputError when there are sources
    and all of them failed.
    """
    result = result_of(engine, run)
    if result is None:
        if product.support is None:
            return finish(engine, run, lambda _: {"publish": [], "sources": {}})
        with lease(engine, f"support:{product.name}", run.run_id):
            result = _Desk(engine, product, product.support, run, artifacts).attend(Reader(
                engine, product, run, author_key, opened, connections))
    if product.support and product.support.escalate_by:
        with lease(engine, f"support:{product.name}", run.run_id):
            escalation.tell(engine, product, run, connections)
    errors = [source["error"] for source in result["sources"].values() if source["error"]]
    if errors and len(errors) == len(result["sources"]):
        raise InputError("no ticket source could be read:\n" + "\n".join(errors))
    return result


def hours_of(support: Support) -> Hours:
    """When the desk of a product file is there."""
    said = support.hours
    week = tuple((minutes(span[:5]), minutes(span[6:])) if (span := said.week.get(day)) else None for day in DAYS)
    return Hours(ZoneInfo(said.zone), week, tuple(said.holidays), frozenset(said.closed))


def _targets(promise: Promise | None) -> Targets:
    given = promise or Promise()
    values = (given.first_response_hours, given.next_response_hours, given.resolution_hours)
    return Targets(*(None if value is None else timedelta(hours=value) for value in values))


def _text(ticket: Row) -> str:
    return f"{ticket['subject']}\n{ticket['body']}".strip()


class _Desk:
    """One run at the desk of one product."""

    def __init__(self, engine: Engine, product: Product, support: Support, run: Run, artifacts: Artifacts) -> None:
        self.engine, self.product, self.support, self.run, self.artifacts = engine, product, support, run, artifacts
        self.events: list[Row] = []

    def attend(self, reader: Reader) -> Result:
        found = [reader.read(source) for source in self.support.sources]
        heard = reader.heard
        there = store.unresolved(self.engine, self.product.name)
        model, learnt = self._triage(heard, there)
        self._follow(heard)
        everybody = there | heard.tickets
        clocks = self._clocks(everybody)
        knowledge = store.knowledge(self.engine, self.product.name)
        news = knowledge != store.known_then(self.engine, self.product.name)
        asked = [row for name, row in sorted(everybody.items())
                 if row["status"] != RESOLVED and (news or name in heard.tickets)]
        answered = [row for row in heard.tickets.values() if row["status"] == RESOLVED and row["answer"]]
        proposed = self._suggestions(asked, answered)

        def write(connection: Connection) -> Result:
            self._write(connection, found, heard, clocks, proposed)
            write_models(connection, learnt)
            upsert(connection, cursors, [{"name": store.knowledge_name(self.product.name), "value": {"knowledge": knowledge}}])
            opened, over = self._signals(connection)
            rated = [row for name, row in heard.tickets.items() if row["csat"] != ((heard.before[name] or {}).get("csat"))]
            fresh = [row for name, row in heard.tickets.items() if heard.before[name] is None]
            return {
                "publish": [self.product.name] if fresh or rated or opened else [],
                "sources": {intake.source: intake.counts() for intake in found},
                "triage": dict(sorted(Counter(row["triage"] for row in heard.tickets.values()).items())),
                "needs_person": sorted(name for name, row in everybody.items()
                                       if row["triage"] == PERSON and row["status"] != RESOLVED)[:SHOWN],
                "model": model, "clocks": dict(sorted(Counter(row["state"] for row in clocks).items())),
                "signals": {"opened": opened, "over": over}, "suggestions": len(proposed)}

        return finish(self.engine, self.run, write)

    def _triage(self, heard: Heard, there: dict[str, Row]) -> tuple[Row | None, list[Row]]:
        """Give each new ticket its category, area and team; and each that waits for a person, where there are new ones.

        Returns the model that did, where one did, and the rows of `models` to write.
        """
        waiting = {name: dict(row) for name, row in there.items()
                   if heard.tickets and row["triage"] == PERSON and name not in heard.tickets}
        rows = [row for row in (*heard.tickets.values(), *waiting.values()) if row["triage"] == PERSON]
        categories = all_categories(self.support.categories)
        model, learnt = self._model(heard, categories) if rows else (None, [])
        texts = [_text(row) for row in rows]
        verdicts = model.triager.categories(texts) if model else [matching(text, categories) for text in texts]
        for row, verdict in zip(rows, verdicts, strict=True):
            row |= {"category": verdict.category, "confidence": verdict.confidence,
                    "triage": (MODEL if model else RULE) if verdict.sure else PERSON}
        for name, row in waiting.items():
            if row != there[name]:
                heard.tickets[name], heard.before[name] = row, there[name]
        for name, row in heard.tickets.items():
            self._route(row, heard.before[name])
        return ({"version": model.version} | model.scores if model else None), learnt

    def _model(self, heard: Heard, categories: dict[str, list[str]]) -> tuple[models.Running | None, list[Row]]:
        known = {row["id"]: row for row in store.taught(self.engine, self.product.name, TAUGHT)}
        for name, row in heard.tickets.items():
            if row["triage"] == GIVEN and row["status"] == RESOLVED:
                before = known.get(name, {})
                same = before.get("category") == row["category"]
                known[name] = row | {"taught_at": before["taught_at"] if same else self.run.at}
        taught = [{"text": _text(row), "category": row["category"], "taught_at": row["taught_at"]}
                  for row in sorted(known.values(), key=lambda row: (row["created_at"], row["id"]))]
        now = models.running(self.engine, self.product.name, self.artifacts)
        return models.learnt(self.engine, self.run, self.artifacts, now, taught, categories, self.support.accuracy)

    def _route(self, row: Row, before: Row | None) -> None:
        row["area"] = matching(_text(row), self.support.areas).category
        sure = row["category"] if row["triage"] != PERSON else None
        if before is None or before["category"] != row["category"] or row["team"] is None:
            given = row["team"] if row["team"] != (before or {}).get("team") else None
            row["team"] = given or routed(self.support.routes, self.product.owner, sure, row["area"], row["language"])

    def _follow(self, heard: Heard) -> None:
        """What happened to the tickets since they were seen last."""
        for name, row in heard.tickets.items():
            before = heard.before[name]
            if before is None:
                self._event(name, "created", "", row["created_at"], {"source": row["source"], "priority": row["priority"]})
            for change in heard.changes.get(name, []):
                self._event(name, "status", change.new, change.at, {"from": change.old})
            if before is None or (row["team"], row["category"]) != (before["team"], before["category"]):
                self._event(name, "routed", row["team"], self.run.at, {
                    "category": row["category"], "by": row["triage"], "confidence": row["confidence"]})

    def _event(self, ticket: str, kind: str, what: str, at: Any, detail: Row) -> None:
        self.events.append({"ticket_id": ticket, "kind": kind, "what": what, "at": at, "detail": detail})

    def _clocks(self, everybody: dict[str, Row]) -> list[Row]:
        """The clocks that stand otherwise than before."""
        hours, ids = hours_of(self.support), sorted(everybody)
        known = store.clocks(self.engine, ids)
        changes = store.waiting(self.engine, ids)
        for item in (event for event in self.events if event["kind"] == "status"):
            there = changes.setdefault(item["ticket_id"], [])
            if all((item["at"], item["what"]) != (one["at"], one["what"]) for one in there):
                there.append(item)
                there.sort(key=lambda event: event["at"])
        running: dict[str, list[Row]] = {}
        for old in known.values():
            if old["stopped_at"] is None:
                running.setdefault(old["ticket_id"], []).append(old)
        rows: list[Row] = []
        for name in ids:
            ticket = everybody[name]
            targets = _targets(self.support.sla.get(ticket["priority"]))
            asked = [old["started_at"] for old in running.get(name, []) if old["clock"] == NEXT]
            standing = [self._clock(ticket, clock) for clock in standing_clocks(
                _times(ticket, changes.get(name, [])), asked, targets, hours, self.run.at, self.support.warn_at)]
            kept = {(row["clock"], row["started_at"]) for row in standing}
            standing += [old | {"state": "dropped", "due_at": None, "stopped_at": self.run.at} for old in running.get(name, [])
                         if (old["clock"], old["started_at"]) not in kept]
            for row in standing:
                before = known.get((name, row["clock"], row["started_at"]))
                if row != before:
                    rows.append(row)
                    self._escalate(row, before["state"] if before else None)
        return rows

    def _clock(self, ticket: Row, clock: Clock) -> Row:
        used = clock.used / timedelta(minutes=1) if clock.stopped else None
        return {"ticket_id": ticket["id"], "clock": clock.name, "started_at": clock.started, "product": self.product.name,
                "priority": ticket["priority"], "state": clock.state, "target_minutes": clock.target / timedelta(minutes=1),
                "due_at": clock.due, "stopped_at": clock.stopped, "used_minutes": used}

    def _escalate(self, clock: Row, before: str | None) -> None:
        if clock["state"] in {"warned", "breached"} and clock["state"] != before:
            due = clock["due_at"].isoformat() if clock["due_at"] else None
            self._event(clock["ticket_id"], clock["state"], clock["clock"], self.run.at, {"due": due})
            if self.support.escalate_to:
                self._event(clock["ticket_id"], "escalated", clock["clock"], self.run.at, {
                    "to": self.support.escalate_to, "because": clock["state"]})

    def _suggestions(self, asked: Sequence[Row], answered: Sequence[Row]) -> list[Row]:
        """What could be answered to the tickets `asked` and was not suggested yet; `answered` are those of this run."""
        if not asked:
            return []
        from include.customer_support.answers import suggest

        sources = self._sources(answered)
        known = store.suggested(self.engine, [row["id"] for row in asked])
        found = suggest([_text(row) for row in asked], sources)
        return [{"ticket_id": row["id"], "kind": item.source.kind, "source_id": item.source.id, "rank": rank,
                 "score": item.score, "text": item.source.answer, "status": "proposed", "at": self.run.at}
                for row, items in zip(asked, found, strict=True) for rank, item in enumerate(items, 1)
                if (row["id"], item.source.kind, item.source.id) not in known]

    def _sources(self, answered: Sequence[Row]) -> "list[Source]":
        from include.customer_support.answers import Source, unnamed

        name = self.product.name
        tickets = {row["id"]: row for row in (*store.answered(self.engine, name, ANSWERS), *answered)}
        return [
            *(Source("ticket", row["id"], _text(row), unnamed(row["answer"])) for row in tickets.values()),
            *(Source("theme", row["id"], "\n".join([row["name"], *row["texts"]]),
                     f"{row['size']} customers told us of this since {row['first_seen']:%Y-%m-%d}: “{plain(row['name'])}” "
                     f"({row['status']})") for row in store.known_themes(self.engine, name)),
            *(Source("story", row["id"], f"{row['title']}\n{row['want']}", f"In version {row['version']}: {plain(row['title'])}")
              for row in store.shipped(self.engine, name))]

    def _write(self, connection: Connection, found: Iterable[Intake], heard: Heard, clocks: list[Row],
               proposed: list[Row]) -> None:
        upsert(connection, quarantine, list(heard.quarantine.values()), keep=True)
        upsert(connection, tickets, list(heard.tickets.values()), where=tickets.c.erased_at.is_(None))
        upsert(connection, ticket_events, self.events, keep=True)
        upsert(connection, ticket_clocks, clocks)
        upsert(connection, suggestions, proposed, keep=True)
        upsert(connection, cursors, [{"name": store.cursor_name(self.product.name, intake.source), "value": intake.cursor}
                                     for intake in found if intake.cursor])
        trail.record(connection, self.run, list(self._documents(heard)))

    def _documents(self, heard: Heard) -> Iterable[Row]:
        for name, row in heard.tickets.items():
            before = heard.before[name]
            content = {"summary": plain(row["subject"] or row["body"], 120), "creator": self.run.phase,
                       "ticketType": TICKET_TYPES.get(row["category"] or "", "question"),
                       "uri": f"/closed-loop/{self.product.name}/tickets/{name}"}
            if before is None:
                yield trail.event(self.run, "ticket.created", name, content, row["created_at"])
            if row["status"] == RESOLVED and (before is None or before["status"] != RESOLVED):
                yield trail.event(self.run, "ticket.closed", name, content | {"resolution": "completed"}, row["resolved_at"])

    def _signals(self, connection: Connection) -> tuple[list[str], list[str]]:
        late = signalled.late(self.product, store.late(connection, self.product.name))
        found = {"sla": late, "spike": self._spikes(connection)}
        done = [settle(connection, self.product, self.run, kind, causes, renew=True) for kind, causes in found.items()]
        return [mark for each in done for mark in each.opened], [mark for each in done for mark in each.resolved]

    def _spikes(self, connection: Connection) -> dict[str, Found]:
        """Categories of which there are more tickets than usual, once there are two whole windows that say what is usual."""
        said, name = self.support.spikes, self.product.name
        window = timedelta(days=said.window_days)
        start = self.run.at - window
        first = store.first_created(connection, name)
        whole = min(said.windows_before, max(0, (start - first) // window)) if first else 0
        if whole < 2:
            return {}
        recent = store.by_category(connection, name, start, self.run.at)
        before = store.by_category(connection, name, start - whole * window, start)
        return signalled.spiking(self.product, spikes(recent, before, whole, said.false_alarms), said.window_days)


def _times(ticket: Row, changes: Iterable[Row]) -> Times:
    """What happened to a ticket, its stretches of waiting from its changes of status."""
    stretches: list[tuple[Any, Any]] = []
    for change in changes:
        if stretches and stretches[-1][1] is None:
            stretches[-1] = (stretches[-1][0], max(stretches[-1][0], change["at"]))
        if change["what"] == WAITING:
            stretches.append((change["at"], None))
    times = Times(ticket["created_at"], ticket["first_response_at"], ticket["customer_replied_at"], ticket["agent_replied_at"],
                  ticket["resolved_at"])
    return replace(times, waiting=tuple(stretches))
