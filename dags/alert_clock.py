"""### Alert clock
Looks every five minutes for alerts that wait, and at the loop itself: one event for each product that declares `alerts`.
"""

from typing import Any

from airflow.sdk import CronTriggerTimetable, dag, task

from include.cycle import ALERTS, PHASE, publish

OFTEN = CronTriggerTimetable("*/5 * * * *", timezone="UTC")


@dag(schedule=OFTEN, doc_md=__doc__, **PHASE)
def alert_clock() -> None:
    @task(outlets=[ALERTS])
    def tick(*, outlet_events: Any = None) -> None:
        from include.product import products

        publish(outlet_events[ALERTS], [product.name for product in products()[0] if product.alerts])

    tick()


alert_clock()
