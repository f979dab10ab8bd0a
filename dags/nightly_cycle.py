"""### Nightly cycle
Starts a turn of the loop every night, at 02:00 UTC or when CLOSED_LOOP_NIGHT (cron) and CLOSED_LOOP_NIGHT_ZONE say: one event for
each product. A product whose file is broken is left out and shows as an import error of its own; the others turn on.
"""

import os
from datetime import timedelta
from typing import Any

from airflow.sdk import CronTriggerTimetable, dag, task

from include.cycle import PHASE, STARTED, publish

# run_immediately: the night before an Airflow's first start is none of its own
NIGHTLY = CronTriggerTimetable(os.environ.get("CLOSED_LOOP_NIGHT", "0 2 * * *"), run_immediately=timedelta(0),
                               timezone=os.environ.get("CLOSED_LOOP_NIGHT_ZONE", "UTC"))


@dag(schedule=NIGHTLY, doc_md=__doc__, **PHASE)
def nightly_cycle() -> None:
    @task(outlets=[STARTED])
    def start(*, outlet_events: Any = None) -> None:
        from include.product import products

        publish(outlet_events[STARTED], [product.name for product in products()[0]])

    start()


nightly_cycle()
