"""### 11. Operation and monitoring
Rolls access logs, Prometheus, OpenMetrics, CSV and Parquet files up by minute and route, keeps the error budget of the product's
SLO, and publishes `operations/signals` when something new burns.
"""

from typing import Any

from airflow.sdk import dag, task

from include.cycle import DEPLOYED, PHASE, SIGNALS, STARTED, connection, ledger, publish, this_product, this_run, wakes_on


@dag(schedule=wakes_on(DEPLOYED | STARTED), doc_md=__doc__, **PHASE)
def monitoring_rollups() -> None:
    @task(outlets=[SIGNALS])
    def roll_up(*, outlet_events: Any = None) -> None:
        from include.monitoring_rollups.run import roll_up

        publish(outlet_events[SIGNALS], roll_up(ledger(), this_product(), this_run(), connection)["publish"])

    roll_up()


monitoring_rollups()
