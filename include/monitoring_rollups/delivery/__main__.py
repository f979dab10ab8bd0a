"""`python -m include.monitoring_rollups.delivery TEAM`: DORA's metrics over all products of a team, one JSON object a line."""

import argparse
import json
import sys
from datetime import UTC, datetime, timedelta

from include.ledger.engine import connect, reading
from include.monitoring_rollups.delivery.dora import BANDS_OF
from include.monitoring_rollups.delivery.ledger import of_team
from include.product import home, products


def main(arguments: list[str], now: datetime) -> None:
    """Print the metrics of the days before `now`. Exits with a message where no product has that owner."""
    parser = argparse.ArgumentParser("python -m include.monitoring_rollups.delivery", description=__doc__)
    parser.add_argument("team", help="the owner that product files name")
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--ledger", default=f"sqlite:///{home() / 'ledger.db'}", help="a SQLAlchemy URL")
    given = parser.parse_args(arguments)
    owned = [product for product in products()[0] if product.owner == given.team]
    if not owned:
        sys.exit(f"no product has the owner {given.team!r}")
    with reading(connect(given.ledger)) as connection:
        found = of_team(connection, owned, now - timedelta(days=given.days), now)
    for metric in found:
        sys.stdout.write(json.dumps({
            "team": given.team, "products": [product.name for product in owned], "metric": metric.name, "value": metric.value,
            "unit": metric.unit, "n": metric.n, "band": metric.band, "band_of": BANDS_OF if metric.band else None,
            "definition": metric.definition, "evidence": metric.evidence}, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:], datetime.now(UTC))
