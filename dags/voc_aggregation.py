"""### 1. Voice of the customer
Hears what customers wrote since last time (every night, and within seconds what the intake endpoint received), checks it
at the border, redacts it, understands it (English and Korean) and groups it into themes that keep their ids. Publishes
`voice/themes` when something changed.
"""

from typing import Any

from airflow.sdk import dag, task

from include.cycle import (
    PHASE,
    RECEIVED,
    SIGNALS,
    STARTED,
    SUPPORT,
    THEMES,
    artifacts,
    author_key,
    connection,
    ledger,
    publish,
    this_product,
    this_run,
    wakes_on,
)


@dag(schedule=wakes_on(STARTED | RECEIVED | SIGNALS | SUPPORT), doc_md=__doc__, **PHASE)
def voc_aggregation() -> None:
    @task(outlets=[THEMES])
    def aggregate(*, outlet_events: Any = None) -> None:
        from include.voc_aggregation.run import aggregate

        publish(outlet_events[THEMES],
                aggregate(ledger(), this_product(), this_run(), artifacts(), author_key(), connection)["publish"])

    aggregate()


voc_aggregation()
