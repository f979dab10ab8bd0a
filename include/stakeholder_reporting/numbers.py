"""The one function that makes the numbers of a report from the ledger."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection

from include.parts.reports import Audience
from include.product import Product
from include.stakeholder_reporting.audiences import compliance, customers, leadership, sales, team
from include.stakeholder_reporting.model import Numbers, Section, text
from include.stakeholder_reporting.view import View

_SECTIONS: dict[Audience, Callable[[View], tuple[Section, ...]]] = {
    "leadership": leadership.sections, "sales": sales.sections, "team": team.sections, "compliance": compliance.sections,
    "customers": customers.sections}


def numbers(connection: Connection, product: Product, audience: Audience, since: datetime, at: datetime,
            last: Numbers | None = None) -> Numbers:
    """The report on `product` for `audience` about the time from `since` to `at`, beside the `last` one: what the ledger and
    the product's file say, and nothing else."""
    found = _SECTIONS[audience](View(connection, product, since, at))
    now = Numbers(product.name, text(product.title), audience, since, at, found)
    return now if audience == "customers" else now.after(last)  # a changelog is itself what changed
