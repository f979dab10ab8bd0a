"""### 8. Testing with real users
Runs the product's own scenarios against a candidate, each bound to the acceptance criterion that it tests, and shows what they
found to people, who accept or reject with a note and a word on each criterion (or the product leaves it to the scenarios).
Where the product has a beta ring, its users meet a compliant candidate first, and what they write is shown too. Each night it
looks at the product's experiments. Publishes `release/accepted`.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import BaseSensorOperator, Param, PokeReturnValue, dag, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from include.approval import LONGEST, Decision
from include.cycle import (
    ACCEPTED,
    CANDIDATE,
    ON_DOCKER,
    STARTED,
    WITH_PEOPLE,
    artifacts,
    connection,
    connection_or_none,
    ledger,
    phase,
    publish,
    this_product,
    this_run,
    wakes_on,
)

FIELDS = {"criteria": Param("", type=["null", "string"], format="multiline", maxLength=LONGEST, title="What you found",
                            description_md="A line each: `works`, or `fails: …`, or what you saw.")}


def rest(product: Any) -> None:
    """A night's run looks at the experiments, and ends here."""
    from include.user_testing.looks import look

    result = look(ledger(), product, this_run())
    if result.get("rests"):
        raise AirflowSkipException(result["rests"])
    if result["failed"]:
        raise AirflowFailException("; ".join(f"{name}: {why}" for name, why in result["failed"].items()))
    raise AirflowSkipException(f"looked at {len(result['decisions'])} experiments: {result['decisions']}")


def _docker(registry: str | None) -> Any:
    from include.docker_hook import docker

    return docker(registry)


class Ask(BaseSensorOperator):
    """Returns what to ask, once the beta ring is over; without one at once."""

    def poke(self, context: Any) -> PokeReturnValue:
        product, run = this_product(), this_run()
        if run.key.version is None:
            rest(product)
        if product.deployment and product.deployment.ring:
            from include.deployment.beta import tend_ring

            tended = tend_ring(ledger(), product, run, artifacts(), datetime.now(UTC), connection_or_none("signing_key"),
                               connection)
            if not tended["over"]:
                return PokeReturnValue(is_done=False)
        from include.user_testing.run import Means, ask

        return PokeReturnValue(is_done=True, xcom_value=ask(ledger(), product, run, Means(artifacts(), _docker)))


@dag(schedule=wakes_on(CANDIDATE | STARTED), doc_md=__doc__, **phase("user_testing", WITH_PEOPLE))
def user_testing() -> None:
    @task(outlets=[ACCEPTED])
    def record(decision: Any, *, outlet_events: Any = None) -> None:
        from include.user_testing.run import record

        result = record(ledger(), this_product(), this_run(), decision)
        if result.get("failed"):
            raise AirflowFailException(result["failed"])
        publish(outlet_events[ACCEPTED], result["publish"])

    try_out = Decision(task_id="try_out", question="ask", fields=FIELDS)
    Ask(task_id="ask", **ON_DOCKER, mode="reschedule", poke_interval=30, timeout=timedelta(days=90).total_seconds()) >> try_out
    record(try_out.output)


user_testing()
