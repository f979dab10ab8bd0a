"""### 12. Customer support
Takes in the desk's tickets, triages them, keeps their SLA clocks and suggests answers, which a person sends. Publishes
`support/signals` when there are new tickets to hear, or when clocks or spikes have something new to say.
"""

from typing import Any

from airflow.sdk import dag, task

from include.cycle import (
    DUE,
    RECEIVED,
    STARTED,
    SUPPORT,
    artifacts,
    author_key,
    connection,
    ledger,
    phase,
    publish,
    this_product,
    this_run,
    wakes_on,
)


@dag(schedule=wakes_on(STARTED | RECEIVED | DUE), doc_md=__doc__, **phase("customer_support"))
def customer_support() -> None:
    @task(outlets=[SUPPORT])
    def attend(*, outlet_events: Any = None) -> None:
        if (product := this_product()).support is None:
            return publish(outlet_events[SUPPORT], [])
        from include.customer_support.run import attend
        from include.voc_aggregation.sources import opened

        return publish(outlet_events[SUPPORT],
                       attend(ledger(), product, this_run(), artifacts(), author_key(), opened, connection)["publish"])

    attend()


customer_support()
