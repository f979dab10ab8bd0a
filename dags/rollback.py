"""### Rollback
A person brings a product back to an earlier release that was deployed before; a canary that is under way turns back, and all
traffic moves within seconds. Publishes `operations/signals`, so that it is heard. The stories that the newer releases had brought
are planned again.
"""

from typing import Any

from airflow.sdk import Param, PartitionedAtRuntime, dag, task
from airflow.sdk.exceptions import AirflowFailException

from include.cycle import ON_DOCKER, PHASE, SIGNALS, artifacts, connection, ledger, publish, sent_form
from include.key import VERSION_PATTERN
from include.product import product_named, products

FORM = {
    "product": Param(None, type="string", enum=[product.name for product in products()[0]] or [""], title="Product"),
    "version": Param(None, type="string", pattern=rf"^({VERSION_PATTERN})$", title="Back to version",
                     description_md="An earlier release that was deployed."),
    "note": Param(None, type="string", minLength=1, maxLength=1000, title="Why"),
}


@dag(schedule=PartitionedAtRuntime(), params=FORM, doc_md=__doc__, **PHASE)
def rollback() -> None:
    @task(outlets=[], **ON_DOCKER)
    def go_back(*, params: Any = None) -> None:
        from include.deployment.rollback import rollback

        run, who = sent_form(params["product"])
        result = rollback(ledger(), product_named(params["product"]), run, who, params["version"], params["note"], artifacts(),
                          connection)
        if result.get("failed"):
            raise AirflowFailException(result["failed"])

    @task(outlets=[SIGNALS])
    def report(*, params: Any = None, outlet_events: Any = None) -> None:
        from dataclasses import replace

        from include.ledger.runs import result_of

        run, _ = sent_form(params["product"])
        result = result_of(ledger(), replace(run, key=run.key.release(params["version"])))
        publish(outlet_events[SIGNALS], (result or {}).get("signals", []))

    # A teardown runs after a rollback that failed too, and leaves the run as failed as it is.
    go_back() >> report().as_teardown()


rollback()
