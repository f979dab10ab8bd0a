"""### 9. Deployment
Wakes when one and the same version is a candidate, compliant and accepted. Moves traffic to it step by step behind HAProxy,
judges each step beside a fresh baseline, and returns all traffic to the running version when it does worse. A person is asked
where the canary can't tell and the product wants it, and while releases are frozen. Publishes `release/deployed`; a release that
was rolled back fails here and publishes `operations/signals`, so that it is heard.
"""

from typing import Any

from airflow.sdk import dag, task
from airflow.sdk.exceptions import AirflowFailException

from include.approval import Decision
from include.cycle import (
    ACCEPTED,
    CANDIDATE,
    COMPLIANT,
    DEPLOYED,
    ON_DOCKER,
    SIGNALS,
    WITH_PEOPLE,
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

NO_QUESTION = {"ask": False, "subject": "-", "body": "-"}


@dag(schedule=wakes_on(CANDIDATE & COMPLIANT & ACCEPTED), doc_md=__doc__, **phase("deployment", WITH_PEOPLE))
def deployment() -> None:
    @task(outlets=[DEPLOYED], **ON_DOCKER)
    def deploy(*, outlet_events: Any = None, task: Any = None) -> dict[str, Any]:
        from include.deployment.run import deploy

        result = deploy(ledger(), this_product(), this_run(), artifacts(), connection_or_none("signing_key"), connection)
        if result.get("failed"):
            raise AirflowFailException(result["failed"])
        if result.get("ask"):
            publish_later(task)
            return result
        publish(outlet_events[DEPLOYED], result["publish"])
        return NO_QUESTION

    @task(outlets=[DEPLOYED], **ON_DOCKER)
    def settle(decision: Any, *, outlet_events: Any = None) -> None:
        from include.deployment.run import settle

        result = settle(ledger(), this_product(), this_run(), artifacts(), decision, connection_or_none("signing_key"),
                        connection)
        if result.get("failed"):
            raise AirflowFailException(result["failed"])
        publish(outlet_events[DEPLOYED], result["publish"])

    @task(outlets=[SIGNALS])
    def report(*, outlet_events: Any = None) -> None:
        from include.deployment.run import signals_of

        publish(outlet_events[SIGNALS], signals_of(ledger(), this_run()))

    # A teardown runs after a failed deployment too, and leaves the run as failed as it is.
    answer = Decision(task_id="answer", question="deploy")
    deploy() >> answer
    settle(answer.output) >> report().as_teardown()


deployment()
