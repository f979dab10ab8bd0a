"""### 3. Scope and priority
Scores the stories (RICE or WSJF), fits the best into the capacity and says why each is in or out. Where the product asks for
it, a person accepts or rejects the scope. Publishes `backlog/scope` when it changed.
"""

from typing import Any

from airflow.sdk import dag, task

from include.approval import Decision
from include.cycle import DEPENDENCIES, PHASE, SCOPE, ledger, publish, this_product, this_run, wakes_on


@dag(schedule=wakes_on(DEPENDENCIES), doc_md=__doc__, **PHASE)
def scope_planning() -> None:
    @task
    def propose() -> dict[str, Any]:
        from include.scope_planning.run import propose

        return propose(ledger(), this_product(), this_run())

    @task(outlets=[SCOPE])
    def decide(decision: Any, *, outlet_events: Any = None) -> None:
        from include.scope_planning.run import decide

        publish(outlet_events[SCOPE], decide(ledger(), this_product(), this_run(), decision)["publish"])

    approve = Decision(task_id="approve", question="propose")
    propose() >> approve
    decide(approve.output)


scope_planning()
