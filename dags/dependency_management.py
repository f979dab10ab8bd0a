"""### 5. Dependencies
Keeps one graph of what waits for what: products (`depends_on`), the packages in their repositories, stories and the releases they
wait for. Names cycles, contradictions and breaking changes of interfaces, and blocks a story until what it waits for is deployed.
Publishes `backlog/dependencies`: for a product whose stories changed, and for those whose stories a deployment has unblocked.
"""

from typing import Any

from airflow.sdk import dag, task

from include.cycle import (
    DEPENDENCIES,
    DEPLOYED,
    STORIES,
    artifacts,
    connection,
    ledger,
    phase,
    publish,
    this_product,
    this_run,
    wakes_on,
)


@dag(schedule=wakes_on(STORIES | DEPLOYED), doc_md=__doc__, **phase("dependency_management"))
def dependency_management() -> None:
    @task(outlets=[DEPENDENCIES])
    def manage(*, outlet_events: Any = None) -> None:
        from include.dependency_management.run import manage
        from include.product import products

        result = manage(ledger(), this_product(), this_run(), artifacts(), products()[0], connection)
        publish(outlet_events[DEPENDENCIES], result["publish"])

    manage()


dependency_management()
