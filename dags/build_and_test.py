"""### 7. Build and test
Each night, after a new scope, or when the release form asks: takes the newest commit of the product, gives it a version, runs
the product's own tests in a clean sandbox and keeps the candidate by its digest. A product with a matrix has a task for each of
its entries, side by side. Publishes `release/candidate`; rests where there is no new commit.
"""

from typing import Any

from airflow.sdk import dag, task
from airflow.sdk.exceptions import AirflowFailException

from include.cycle import (
    CANDIDATE,
    ON_DOCKER,
    REQUESTED,
    SCOPE,
    STARTED,
    artifacts,
    connection,
    connection_or_none,
    ledger,
    phase,
    publish,
    publish_later,
    this_product,
    this_run,
    wakes_on,
)


@dag(schedule=wakes_on(SCOPE | STARTED | REQUESTED), doc_md=__doc__, **phase("build_and_test"))
def build_and_test() -> None:
    @task(outlets=[CANDIDATE], **ON_DOCKER)
    def build(*, triggering_asset_events: Any = None, outlet_events: Any = None, task: Any = None) -> list[str]:
        from include.build_and_test.run import build

        result = build(ledger(), this_product(), this_run(), artifacts(), _asked(triggering_asset_events), _means())
        if entries := result.get("entries"):
            publish_later(task)
            return list(entries)
        _publish(outlet_events, result)
        return []

    @task(outlets=[], **ON_DOCKER)
    def test(entry: str) -> None:
        from include.build_and_test.run import try_entry

        try_entry(ledger(), this_product(), this_run(), artifacts(), entry, _means())

    @task(outlets=[CANDIDATE], **ON_DOCKER)
    def join(*, triggering_asset_events: Any = None, outlet_events: Any = None) -> None:
        from include.build_and_test.run import join

        _publish(outlet_events, join(ledger(), this_product(), this_run(), artifacts(), _asked(triggering_asset_events),
                                     _means()))

    test.expand(entry=build()) >> join()


def _asked(events: Any) -> Any:
    """What a person asked for in the release form, if one did."""
    return next((event.extra for event in events.get(REQUESTED, [])), None)


def _means() -> Any:
    from include.build_and_test.run import Means
    from include.docker_hook import docker

    return Means(connection, connection_or_none("signing_key"), docker)


def _publish(outlet_events: Any, result: dict[str, Any]) -> None:
    if result.get("failed"):
        raise AirflowFailException(result["failed"])
    publish(outlet_events[CANDIDATE], result["publish"])


build_and_test()
