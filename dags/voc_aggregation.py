"""### 1. Voice of the customer
Hears what customers wrote since last time (every night, and within seconds what the intake endpoint received), checks it
at the border, redacts it, understands it (English and Korean) and groups it into themes that keep their ids. Publishes
`voice/themes` when something changed. One task does it all; only where a file has a great deal of news, tasks hear slices of it
side by side before the last one groups them.
"""

from typing import Any

from airflow.sdk import dag, task

from include.cycle import (
    RECEIVED,
    SIGNALS,
    STARTED,
    SUPPORT,
    THEMES,
    artifacts,
    author_key,
    connection,
    ledger,
    phase,
    publish,
    publish_later,
    this_product,
    this_run,
    wakes_on,
)


@dag(schedule=wakes_on(STARTED | RECEIVED | SIGNALS | SUPPORT), doc_md=__doc__, **phase("voc_aggregation"))
def voc_aggregation() -> None:
    @task(outlets=[THEMES])
    def aggregate(*, task: Any = None, outlet_events: Any = None) -> list[str]:
        from include.assistant_hook import assistant
        from include.voc_aggregation.run import aggregate, cut

        if slices := cut(ledger(), this_product(), this_run(), artifacts(), connection):
            publish_later(task)
            return slices
        publish(outlet_events[THEMES],
                aggregate(ledger(), this_product(), this_run(), artifacts(), author_key(), connection,
                          assistant(this_product().voices.assistant))["publish"])
        return []

    @task(map_index_template="{{ task.op_kwargs['name'] }}")
    def hear(name: str) -> None:
        from include.voc_aggregation.run import hear

        hear(ledger(), this_product(), this_run(), name, artifacts(), author_key(), connection)

    @task(outlets=[THEMES])
    def group(*, outlet_events: Any = None) -> None:
        from include.assistant_hook import assistant
        from include.voc_aggregation.run import aggregate

        publish(outlet_events[THEMES],
                aggregate(ledger(), this_product(), this_run(), artifacts(), author_key(), connection,
                          assistant(this_product().voices.assistant))["publish"])

    hear.expand(name=aggregate()) >> group()


voc_aggregation()
