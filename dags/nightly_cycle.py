"""### Nightly cycle
Starts a turn of the loop every night, at 02:00 UTC or when CLOSED_LOOP_NIGHT (cron) and CLOSED_LOOP_NIGHT_ZONE say: one event for
each product, some products at a time. A product whose file is broken is left out and shows as an import error of its own; the
others turn on.
"""

import os
from datetime import timedelta
from typing import Any

from airflow.sdk import CronTriggerTimetable, dag, task

from include.cycle import PHASE, STARTED, publish

# run_immediately: the night before an Airflow's first start is none of its own
NIGHTLY = CronTriggerTimetable(os.environ.get("CLOSED_LOOP_NIGHT", "0 2 * * *"), run_immediately=timedelta(0),
                               timezone=os.environ.get("CLOSED_LOOP_NIGHT_ZONE", "UTC"))


# Airflow takes all events of a task in one transaction, and makes all runs that wait in another. On SQLite nobody else can write
# meanwhile, and the task waits for the first no longer than it may for any request.
AT_ONCE = 20


@dag(schedule=NIGHTLY, doc_md=__doc__, **PHASE)
def nightly_cycle() -> None:
    @task
    def find() -> list[list[str]]:
        from include.product import products

        names = [product.name for product in products()[0]]
        return [names[first: first + AT_ONCE] for first in range(0, len(names), AT_ONCE)]

    @task(outlets=[STARTED], max_active_tis_per_dagrun=1)
    def start(names: list[str], *, outlet_events: Any = None) -> None:
        publish(outlet_events[STARTED], names)

    start.expand(names=find())


nightly_cycle()
