"""### 8. Testing with real users
Shows a candidate's acceptance criteria to a person, who accepts or rejects with a note (or the product leaves it to the rule).
Publishes `release/accepted`.
"""

from typing import Any

from airflow.sdk import dag, task

from include.approval import Decision
from include.cycle import ACCEPTED, CANDIDATE, PHASE, ledger, publish, this_product, this_run, wakes_on


@dag(schedule=wakes_on(CANDIDATE), doc_md=__doc__, **PHASE)
def user_testing() -> None:
    @task
    def ask() -> dict[str, Any]:
        from include.user_testing.run import ask

        return ask(ledger(), this_product(), this_run())

    @task(outlets=[ACCEPTED])
    def record(decision: Any, *, outlet_events: Any = None) -> None:
        from include.user_testing.run import record

        publish(outlet_events[ACCEPTED], record(ledger(), this_product(), this_run(), decision)["publish"])

    try_out = Decision(task_id="try_out", question="ask")
    ask() >> try_out
    record(try_out.output)


user_testing()
