"""### Acknowledge a signal
A person takes an open signal on. It is resolved by itself when its cause is over.
"""

from typing import Any

from airflow.sdk import Param, PartitionedAtRuntime, dag, task

from include.cycle import PHASE, ledger, sent_form
from include.product import products

FORM = {
    "product": Param(None, type="string", enum=[product.name for product in products()[0]] or [""], title="Product"),
    "signal": Param(None, type="string", minLength=1, maxLength=255, title="Signal", description_md="Its fingerprint."),
}


@dag(schedule=PartitionedAtRuntime(), params=FORM, doc_md=__doc__, **PHASE)
def acknowledge_signal() -> None:
    @task
    def acknowledge(*, params: Any = None) -> dict[str, Any]:
        from include.monitoring_rollups.acknowledging import acknowledge

        run, who = sent_form(params["product"])
        return acknowledge(ledger(), run, who, dict(params))

    acknowledge()


acknowledge_signal()
