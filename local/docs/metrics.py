"""The metrics, with their definitions as the code, the loop page and the reports have them."""

from include.loop_page.operation import LOOP
from include.monitoring_rollups.delivery.dora import BANDS_OF, DEFINITIONS, UNITS
from include.stakeholder_reporting.language import words
from local.docs.markdown import cell, code, page, table

INTRO = """# Metrics

Each number is the same on the loop page, in the reports and in the [ledger](ledger.md)."""
DELIVERY = f"""## Delivery

DORA's five metrics, for each product each night, and for a team by
`python -m include.monitoring_rollups.delivery TEAM`. Levels are those of {BANDS_OF}."""
OWN = """## The loop itself

For each product each night, over the last 90 days where nothing else is said."""
FIGURES = """## Figures of reports

What a report says beside a figure when it is asked how that is counted."""


def metrics_page() -> str:
    """The page: delivery, the loop's own, figures of reports."""
    said = words("en")
    names = said["figures"] | {"per_week": "A week", "effect": "Rate after / before"}
    return page(
        INTRO, DELIVERY,
        table(["metric", "unit", "definition"], ([code(name), UNITS[name], cell(text)] for name, text in DEFINITIONS.items())),
        OWN, table(["metric", "unit", "definition"], ([code(name), unit, cell(text)] for name, (unit, text) in LOOP.items())),
        FIGURES, table(["figure", "called", "definition"],
                       ([code(name), cell(names[name]), cell(text)] for name, text in said["definitions"].items())))
