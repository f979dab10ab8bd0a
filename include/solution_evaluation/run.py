"""Step 6: compare candidates and ask, record what a person decided, and look at decided solutions again."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, select, update

from include.artifacts import Artifacts
from include.connection import Connections
from include.errors import InputError
from include.ledger import trail
from include.ledger.engine import reading, upsert
from include.ledger.runs import Result, Run, finish, result_of
from include.ledger.signals import Found, resolve, settle
from include.ledger.tables import decisions, signals, solutions
from include.markup import plain
from include.parts.solutions import NONE_OF_THESE, Need
from include.product import Product
from include.solution_evaluation import pages, store
from include.solution_evaluation.changes import Change, changes
from include.solution_evaluation.comparison import Comparison, compare
from include.solution_evaluation.facts import complete
from include.solution_evaluation.gather import Sources

KIND = "solution"


@dataclass(frozen=True)
class _Asked:
    """A question to ask: the comparison, and what changed since it was decided last."""

    comparison: Comparison
    digest: str
    changed: tuple[Change, ...]


def evaluate(engine: Engine, product: Product, run: Run, connections: Connections, home: Path, again: bool = True,
             by_hand: bool = False) -> Result:
    """Compare the candidates of each need that waits for a decision; `again`: look at decided solutions again, too.

    A question is asked once: anew only where the need reads differently, its solution changed, or `by_hand`. Returns
    `questions` (each with `solution`, `need`, `subject`, `body` in Markdown, `options`), `signals` (fingerprints of new changes),
    `publish` (the product, where there are any), `looked` (decided solutions that were looked at again) and `missing` (facts
    that could not be had). Raises InputError where a source's connection is missing or facts can't be compared.
    """
    if known := result_of(engine, run):
        return known
    with reading(engine) as connection:
        waiting = [(need, store.known(connection, product.name, need)) for need in product.solutions.needs
                   if store.waits(connection, product.name, need)]
    asked: list[_Asked] = []
    raised: list[tuple[Need, dict[str, Any], Change]] = []
    with Sources(product.solutions.sources, connections, home) as sources:
        for need, state in waiting:
            changed = _changes(need, state, product, sources, run.at) if again else []
            raised += [(need, state.decided, change) for change in changed if state.decided]
            if _to_ask(state.newest, digest := _digest(need, product), changed, by_hand):
                gathered = [sources.facts(candidate, run.at) for candidate in need.candidates]
                asked.append(_Asked(compare(need, gathered, product.compliance.licences, run.at), digest, tuple(changed)))
    looked = sum(again and state.decided is not None for _, state in waiting)
    return finish(engine, run, lambda connection: _evaluated(connection, product, run, asked, raised) | {"looked": looked})


def record(engine: Engine, product: Product, run: Run, artifacts: Artifacts, question: dict[str, Any],
           answer: dict[str, Any]) -> Result:
    """Record the answer `{"chosen": option, "by": str, "note": str}` to a `question` of `evaluate`, with its ADR.

    The decision before is superseded, and the signals about it are resolved. Returns `solution`, `chosen`, `adr` (the artifact's
    name) and `publish`: the product, or nothing where the question was asked anew meanwhile. Raises InputError where the
    option was not among those asked.
    """
    run = replace(run, phase=f"solution_evaluation.record.{question['need']}")
    if known := result_of(engine, run):
        return known
    with reading(engine) as connection:
        row = store.one(connection, solutions.c.id == question["solution"])
        if row is None or row["product"] != product.name or answer["chosen"] not in question["options"]:
            raise InputError(f"{plain(str(answer['chosen']), 100)!r} is no answer to question {question['solution']!r}")
        before = store.decision(connection, product.name, row["need"])
        comparison = store.comparison_of(connection, row)
    if row["status"] != "asked":
        return finish(engine, run, lambda _: {"solution": row["id"], "chosen": None, "adr": None, "publish": []})
    said = pages.Decision(row["id"], row["story_id"], None if answer["chosen"] == NONE_OF_THESE else answer["chosen"],
                          plain(answer["by"], 250), plain(answer["note"], 2000), run.at, before["adr"] if before else None)
    name = _written(artifacts, product, row, comparison, said)
    return finish(engine, run, lambda connection: _recorded(connection, product, run, row, said, name))


def _digest(need: Need, product: Product) -> str:
    """How the need reads, the policy for licences included."""
    text = json.dumps([need.model_dump(mode="json"), sorted(product.compliance.licences)], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _to_ask(newest: dict[str, Any] | None, digest: str, changed: Sequence[Change], by_hand: bool) -> bool:
    if newest is None or newest["digest"] != digest:
        return True
    return not {change.what for change in changed} <= set(newest["changes"]) or (
        by_hand and newest["status"] in {"asked", "declined"})


def _changes(need: Need, state: store.Known, product: Product, sources: Sources, at: datetime) -> list[Change]:
    """What changed about the solution that was decided. What is no candidate any longer is asked anew anyway."""
    chosen = state.decided and state.decided["chosen"]
    candidate = next((candidate for candidate in need.candidates if candidate.name == chosen), None)
    if candidate is None:
        return []
    now = complete(candidate, need, sources.facts(candidate, at), product.compliance.licences, at)
    return changes(candidate, state.facts, now, product.solutions.abandoned_after_days)


def _evaluated(connection: Connection, product: Product, run: Run, asked: Iterable[_Asked],
               raised: Iterable[tuple[Need, dict[str, Any], Change]]) -> Result:
    questions, lost = [], 0
    for item in asked:
        questions.append(_ask(connection, product, run, item))
        lost += sum(fact.value is None for row in item.comparison.rows for fact in row.facts.values())
    opened = settle(connection, product, run, KIND, dict(_found(product, *each) for each in raised), over=()).opened
    return {"questions": questions, "signals": opened, "missing": lost, "publish": [product.name] if opened else []}


def _ask(connection: Connection, product: Product, run: Run, item: _Asked) -> dict[str, Any]:
    need, why = item.comparison.need, [change.text for change in item.changed]
    id = f"SOL-{hashlib.sha256(f'{product.name} {need.id} {run.run_id}'.encode()).hexdigest()[:10]}"
    store.keep(connection, run, id, item.comparison, item.digest, [change.what for change in item.changed], why)
    return {"solution": id, "need": need.id, "subject": pages.subject(item.comparison, product.title),
            "body": pages.question(item.comparison, why), "options": pages.options(item.comparison)}


def _found(product: Product, need: Need, decided: dict[str, Any], change: Change) -> tuple[str, Found]:
    """The cause and the signal of a change."""
    return f"{need.id} {decided['chosen']} {change.kind} {change.what}", Found(
        change.severity, f"{product.title}: {decided['chosen']}, chosen for “{need.question}”: {change.text}",
        {"need": need.id, "solution": decided["id"], "change": change.kind, "what": change.what})


def _written(artifacts: Artifacts, product: Product, row: dict[str, Any], comparison: Comparison, said: pages.Decision) -> str:
    """Write the ADR, and into the one before that it is superseded; returns the artifact's name."""
    name = f"decisions/{product.name}/{row['need']}-{row['id']}.md"
    artifacts.write(name, pages.adr(comparison, said, row["comparison"]["why"]).encode())
    if said.supersedes:
        text = artifacts.read(said.supersedes).decode()
        artifacts.write(said.supersedes, pages.superseded(text, name).encode())
    return name


def _recorded(connection: Connection, product: Product, run: Run, row: dict[str, Any], said: pages.Decision, name: str) -> Result:
    status = "decided" if said.chosen else "declined"
    of_need = (solutions.c.product == product.name) & (solutions.c.need == row["need"])
    connection.execute(update(solutions).where(of_need, solutions.c.status == "decided").values(status="superseded"))
    connection.execute(update(solutions).where(solutions.c.id == row["id"]).values(
        status=status, chosen=said.chosen, decided_by=said.by, note=said.note, adr=name, decided_at=run.at))
    upsert(connection, decisions, [{"subject": row["id"], "gate": KIND, "decision": said.chosen or "none", "by": said.by,
                                    "note": said.note, "at": run.at}])
    uri, word = f"/closed-loop/{product.name}/solutions/{row['id']}", "approved" if said.chosen else "rejected"
    about = connection.execute(select(signals).where(
        signals.c.product == product.name, signals.c.kind == KIND, signals.c.status == "open").order_by(signals.c.fingerprint))
    resolve(connection, product, run, [signal for signal in about.mappings() if signal["detail"]["need"] == row["need"]])
    trail.record(connection, run, [
        trail.event(run, "solution.decided", row["id"], {"need": row["need"], "story": row["story_id"], "chosen": said.chosen,
                                                         "adr": name}),
        trail.event(run, "approval.closed", row["id"], {
            "approvalDetailsUrl": uri, "resourceTargetUrl": uri, "decision": word, "status": word,
            "responder": f"urn:closed-loop:person:{quote(said.by, safe='')}"})])
    return {"solution": row["id"], "chosen": said.chosen, "adr": name, "publish": [product.name]}
