"""What is broken becomes a signal, hence a voice and a story: once, until it is mended."""

import hashlib
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, select

from include.compliance_checks.policy import Judged
from include.ledger.engine import upsert
from include.ledger.runs import Run
from include.ledger.tables import signals
from include.ledger.trail import event, record
from include.markup import plain
from include.product import Product

KIND = "compliance"


def signal(connection: Connection, product: Product, run: Run, release: str, broken: Sequence[Judged]) -> list[str]:
    """Open a signal for each rule of `broken` that has none; where `run` is about what runs, resolve the product's others.

    Returns the fingerprints of those that are new.
    """
    known = {row["fingerprint"]: row for row in connection.execute(select(signals).where(
        signals.c.product == product.name, signals.c.kind == KIND).order_by(signals.c.fingerprint)).mappings()}
    rows = {_fingerprint(product, item): item for item in broken}
    new = [_row(product, run, release, item, mark) for mark, item in rows.items()
           if mark not in known or known[mark]["status"] != "open"]
    over = [dict(row) | {"status": "resolved", "last_at": run.at} for mark, row in known.items()
            if run.key.version is None and row["status"] == "open" and mark not in rows]
    upsert(connection, signals, [*new, *over])
    record(connection, run, [
        *(event(run, "incident.detected", row["fingerprint"], _incident(product, row["title"])) for row in new),
        *(event(run, "incident.resolved", row["fingerprint"], _incident(product, f"Mended: {row['title']}")) for row in over)])
    return [row["fingerprint"] for row in new]


def _fingerprint(product: Product, item: Judged) -> str:
    return hashlib.sha256(f"{product.name} {KIND} {item.rule.id}".encode()).hexdigest()[:16]


def _row(product: Product, run: Run, release: str, item: Judged, fingerprint: str) -> dict[str, Any]:
    rule, waiver = item.rule, item.waiver
    lapsed = f"; the waiver by {waiver['owner']} lapsed after {waiver['until']}" if waiver else ""
    title = plain(f"{product.title} does not keep the rule {rule.id} ({rule.title}): {item.finding.detail}{lapsed}", 500)
    detail = {"rule": rule.id, "serves": rule.cited, "outcome": item.finding.outcome, "remedy": rule.remedy, "waiver": waiver}
    return {"fingerprint": fingerprint, "product": product.name, "kind": KIND, "severity": rule.severity, "title": title,
            "detail": detail, "status": "open", "release": release, "first_at": run.at, "last_at": run.at,
            "acknowledged_by": None, "acknowledged_at": None}


def _incident(product: Product, description: str) -> dict[str, Any]:
    name = product.deployment.environment if product.deployment else "none"
    return {"description": description, "environment": {"id": name}, "service": {"id": product.name}}
