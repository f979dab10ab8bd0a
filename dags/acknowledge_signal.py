"""### Acknowledge a signal
A person takes an open signal on: alerting tells so at once. It is resolved by itself when its cause is over.
"""

from typing import Any

from airflow.sdk import Param, PartitionedAtRuntime, dag, task

from include.cycle import ALERTS, PHASE, ledger, publish, sent_form
from include.product import products

FORM = {
    "product": Param(None, type="string", enum=[product.name for product in products()[0]] or [""], title="Product"),
    "signal": Param(None, type="string", minLength=1, maxLength=255, title="Signal", description_md="Its fingerprint."),
}


@dag(schedule=PartitionedAtRuntime(), params=FORM, doc_md=__doc__, **PHASE)
def acknowledge_signal() -> None:
    @task(outlets=[ALERTS])
    def acknowledge(*, params: Any = None, outlet_events: Any = None) -> None:
        from include.monitoring_rollups.acknowledging import acknowledge

        run, who = sent_form(params["product"])
        publish(outlet_events[ALERTS], acknowledge(ledger(), run, who, dict(params))["publish"])

    acknowledge()


acknowledge_signal()
