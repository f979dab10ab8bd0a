"""### Alert clock
Looks every five minutes for alerts that wait, and at the loop itself: one event for each product about which there is something
to tell. One task looks at all that declare `alerts`.
"""

from typing import Any

from airflow.sdk import CronTriggerTimetable, dag, task

from include.cycle import ALERTS, PHASE, ledger, publish

OFTEN = CronTriggerTimetable("*/5 * * * *", timezone="UTC")


@dag(schedule=OFTEN, doc_md=__doc__, **PHASE)
def alert_clock() -> None:
    @task(outlets=[ALERTS])
    def tick(*, dag_run: Any = None, outlet_events: Any = None) -> None:
        from include.alerting.run import stirs
        from include.product import products

        engine = ledger()
        publish(outlet_events[ALERTS], [product.name for product in products()[0] if stirs(engine, product, dag_run.run_after)])

    tick()


alert_clock()
