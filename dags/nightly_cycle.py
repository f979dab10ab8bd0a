"""### Nightly cycle
Starts a turn of the loop every night at 02:00: one event for each product. A product whose file is broken is left out and
shows as an import error of its own; the others turn on.
"""

from typing import Any

from airflow.sdk import CronTriggerTimetable, dag, task

from include.cycle import PHASE, STARTED, publish

NIGHTLY = CronTriggerTimetable("0 2 * * *", timezone="UTC")


@dag(schedule=NIGHTLY, doc_md=__doc__, **PHASE)
def nightly_cycle() -> None:
    @task(outlets=[STARTED])
    def start(*, outlet_events: Any = None) -> None:
        from include.product import products

        publish(outlet_events[STARTED], [product.name for product in products()[0]])

    start()


nightly_cycle()
