"""### Support clock
Looks at the clocks of the support desks every quarter of an hour, so that a desk is warned before it breaks a promise: one event
for each product that promises its customers an answer in time.
"""

from typing import Any

from airflow.sdk import CronTriggerTimetable, dag, task

from include.cycle import DUE, PHASE, publish

QUARTERLY = CronTriggerTimetable("*/15 * * * *", timezone="UTC")


@dag(schedule=QUARTERLY, doc_md=__doc__, **PHASE)
def support_clock() -> None:
    @task(outlets=[DUE])
    def tick(*, outlet_events: Any = None) -> None:
        from include.product import products

        publish(outlet_events[DUE], [product.name for product in products()[0] if product.support and product.support.sla])

    tick()


support_clock()
