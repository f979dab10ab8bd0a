"""What no machine can show: a person attests it, for a time; after that it is not shown again."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, select

from include.compliance_checks.policy import Rule, applying
from include.errors import InputError
from include.ledger.engine import reading, upsert
from include.ledger.runs import Result, Run, finish, result_of
from include.ledger.tables import attestations, decisions, releases
from include.markup import markdown, plain
from include.product import Product

NOBODY = frozenset({"automatic", "timeout", "unknown"})
EXCEPT = "except"  # the form's field: ids of what a person does not attest


def known(connection: Connection, product: str, at: datetime) -> list[dict[str, Any]]:
    """The newest attestation of each rule of `product`: `rule`, `statement`, `by`, and `days_ago` from the time `at`."""
    rows = connection.execute(select(attestations).where(attestations.c.product == product).order_by(
        attestations.c.at, attestations.c.run_id)).mappings()
    newest = {row["rule"]: row for row in rows}
    return [{"rule": row["rule"], "statement": row["statement"], "by": row["by"], "days_ago": max(0, (at - row["at"]).days)}
            for _, row in sorted(newest.items())]


def ask(engine: Engine, product: Product, run: Run) -> Result:
    """The question about a candidate, as `include.approval.Decision` takes it, and `rules`: what is to be attested.

    `ask` is false for what runs already, where nothing is missing or lapsed, or where the product asks no person. `rests` where
    there is nothing to check: nothing runs yet.
    """
    run = replace(run, phase="compliance_checks.ask")
    if (before := result_of(engine, run)) is not None:
        return before
    with reading(engine) as connection:
        if run.key.version is None and not _runs(connection, product.name):
            return finish(engine, run, lambda _: {"rests": "nothing is deployed", "publish": []})
        missing = _missing(applying(product)[0], known(connection, product.name, run.at))
    settings = product.compliance.attestation
    asked = bool(missing) and settings.by == "person" and run.key.version is not None
    answer: Result = {
        "ask": asked, **settings.terms, "rules": [rule.id for rule in missing], "publish": [],
        "subject": f"{plain(product.title, 80)} {run.key.version}: what no machine can show",
        "body": _body(missing) if asked else ""}
    return finish(engine, run, lambda _: answer)


def _runs(connection: Connection, product: str) -> bool:
    return connection.scalar(select(releases.c.key).where(
        releases.c.product == product, releases.c.status == "deployed").limit(1)) is not None


def _missing(rules: Sequence[Rule], there: Sequence[dict[str, Any]]) -> list[Rule]:
    lasting = {(item["rule"], item["statement"]): item["days_ago"] for item in there}
    return [rule for rule in rules if rule.check == "attested" and lasting.get(
        (rule.id, rule.parameters["statement"]), rule.parameters["days"]) >= rule.parameters["days"]]


def _body(missing: Sequence[Rule]) -> str:
    lines = [f"- **{markdown(rule.id)}**: {markdown(rule.parameters['statement'], 500)} ({markdown(rule.cited, 500)}; "
             f"for {rule.parameters['days']} days)" for rule in missing]
    return "\n".join(["Accept, and you attest in your name that each of these is so. Name those that you don't attest below; "
                      "reject to attest none.", "", *lines])


def attest(engine: Engine, product: Product, run: Run, question: Result, decision: dict[str, Any]) -> Result:
    """Keep what a person attested. Returns `attested`, the rules' ids. Raises InputError where it excepts what wasn't asked."""
    run = replace(run, phase="compliance_checks.attest")
    if (before := result_of(engine, run)) is not None:
        return before
    fields = decision.get("fields") or {}
    excepted = {word for word in (fields.get(EXCEPT) or "").replace(",", " ").split() if word}
    if unknown := sorted(excepted - set(question["rules"])):
        raise InputError(f"not among what was asked: {plain(', '.join(unknown))}")
    said = decision["accepted"] and decision["by"] not in NOBODY
    rules = [rule for rule in applying(product)[0] if said and rule.id in question["rules"] and rule.id not in excepted]
    return finish(engine, run, lambda connection: _kept(connection, run, rules, question, decision))


def _kept(connection: Connection, run: Run, rules: Sequence[Rule], question: Result, decision: dict[str, Any]) -> Result:
    by, note = plain(decision["by"], 250), plain(decision["note"], 2000)
    upsert(connection, attestations, [
        {"product": run.product, "rule": rule.id, "run_id": run.run_id, "statement": rule.parameters["statement"], "by": by,
         "note": note, "at": run.at} for rule in rules])
    if question["ask"]:
        word = "attested" if rules else "not attested"
        upsert(connection, decisions, [{"subject": str(run.key), "gate": "attestation", "decision": word, "by": by, "note": note,
                                        "at": run.at}])
    return {"attested": [rule.id for rule in rules], "publish": []}
