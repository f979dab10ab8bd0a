"""### 7. Build and test
Takes the newest commit of the product, gives it a version, runs the product's own tests in a clean sandbox and keeps the
candidate by its digest. Publishes `release/candidate`; rests where there is no new commit.
"""

from typing import Any

from airflow.sdk import dag, task
from airflow.sdk.exceptions import AirflowFailException

from include.cycle import (
    CANDIDATE,
    PHASE,
    REQUESTED,
    SCOPE,
    artifacts,
    connection,
    connection_or_none,
    ledger,
    publish,
    this_product,
    this_run,
    wakes_on,
)


@dag(schedule=wakes_on(SCOPE | REQUESTED), doc_md=__doc__, **PHASE)
def build_and_test() -> None:
    @task(outlets=[CANDIDATE])
    def build(*, triggering_asset_events: Any = None, outlet_events: Any = None) -> None:
        from include.build_and_test.run import Means, build
        from include.docker_hook import docker

        request = next((event.extra for event in triggering_asset_events.get(REQUESTED, [])), None)
        means = Means(connection, connection_or_none("signing_key"), docker)
        result = build(ledger(), this_product(), this_run(), artifacts(), request, means)
        if result.get("failed"):
            raise AirflowFailException(result["failed"])
        publish(outlet_events[CANDIDATE], result["publish"])

    build()


build_and_test()
