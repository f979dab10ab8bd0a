"""What is broken becomes a signal, hence a voice and a story: once, until it is mended."""

from collections.abc import Sequence

from sqlalchemy import Connection

from include.compliance_checks.policy import Judged
from include.ledger.runs import Run
from include.ledger.signals import Found, settle
from include.product import Product

KIND = "compliance"


def signal(connection: Connection, product: Product, run: Run, release: str, broken: Sequence[Judged]) -> list[str]:
    """Open a signal for each rule of `broken` that has none; where `run` is about what runs, resolve the product's others.

    Returns the fingerprints of those that are new.
    """
    found = {item.rule.id: _found(product, release, item) for item in broken}
    return settle(connection, product, run, KIND, found, over=() if run.key.version else None).opened


def _found(product: Product, release: str, item: Judged) -> Found:
    rule, waiver = item.rule, item.waiver
    lapsed = f"; the waiver by {waiver['owner']} lapsed after {waiver['until']}" if waiver else ""
    title = f"{product.title} does not keep the rule {rule.id} ({rule.title}): {item.finding.detail}{lapsed}"
    return Found(rule.severity, title, {"rule": rule.id, "serves": rule.cited, "outcome": item.finding.outcome,
                                        "remedy": rule.remedy, "waiver": waiver}, release)
