"""### 11. Operation and monitoring
Rolls access logs, Prometheus, OpenMetrics, CSV and Parquet files up by minute and route, keeps the error budget of the product's
SLO, and publishes `operations/signals` when something new burns. Every night it also compares what runs with what is declared:
what differs is a signal too.
"""

from typing import Any

from airflow.sdk import dag, task

from include.cycle import (
    DEPLOYED,
    ON_DOCKER,
    SIGNALS,
    STARTED,
    connection,
    ledger,
    phase,
    publish,
    this_product,
    this_run,
    wakes_on,
)


@dag(schedule=wakes_on(DEPLOYED | STARTED), doc_md=__doc__, **phase("monitoring_rollups"))
def monitoring_rollups() -> None:
    @task(outlets=[SIGNALS], **ON_DOCKER)
    def roll_up(*, outlet_events: Any = None) -> None:
        from include.monitoring_rollups.run import roll_up

        publish(outlet_events[SIGNALS], roll_up(ledger(), this_product(), this_run(), connection)["publish"])

    @task(outlets=[SIGNALS], **ON_DOCKER)
    def check_drift(*, outlet_events: Any = None) -> None:
        from include.deployment.nightly import check

        publish(outlet_events[SIGNALS], check(ledger(), this_product(), this_run(), connection)["publish"])

    roll_up()
    check_drift()


monitoring_rollups()
