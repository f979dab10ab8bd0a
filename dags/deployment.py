"""### 9. Deployment
Wakes when one and the same version is a candidate, compliant and accepted. Moves traffic to it step by step behind HAProxy,
judges each step, and returns all traffic to the running version when it does worse. Publishes `release/deployed`; a release
that was rolled back fails here and publishes `operations/signals`, so that it is heard.
"""

from typing import Any

from airflow.sdk import dag, task
from airflow.sdk.exceptions import AirflowFailException

from include.cycle import (
    ACCEPTED,
    CANDIDATE,
    COMPLIANT,
    DEPLOYED,
    PHASE,
    SIGNALS,
    artifacts,
    ledger,
    publish,
    this_product,
    this_run,
    wakes_on,
)


@dag(schedule=wakes_on(CANDIDATE & COMPLIANT & ACCEPTED), doc_md=__doc__, **PHASE)
def deployment() -> None:
    @task(outlets=[DEPLOYED])
    def deploy(*, outlet_events: Any = None) -> None:
        from include.deployment.run import deploy

        result = deploy(ledger(), this_product(), this_run(), artifacts())
        if result.get("failed"):
            raise AirflowFailException(result["failed"])
        publish(outlet_events[DEPLOYED], result["publish"])

    @task(outlets=[SIGNALS])
    def report(*, outlet_events: Any = None) -> None:
        from include.ledger.runs import result_of

        publish(outlet_events[SIGNALS], (result_of(ledger(), this_run()) or {}).get("signals", []))

    # A teardown runs after a failed deployment too, and leaves the run as failed as it is.
    deploy() >> report().as_teardown()


deployment()
