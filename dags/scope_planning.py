"""### 3. Scope and priority
Scores the stories (RICE, WSJF or the team's own expression), fits the best into the iterations and says why each is in or out,
and what would change that. Where the product asks for it, a person accepts or rejects the scope, and may pin stories, exclude
some, or change the capacity: the plan is computed anew with that, and asked about again where it can't be done. Publishes
`backlog/scope` when it changed.
"""

from typing import Any

from airflow.sdk import Param, TriggerRule, dag, task

from include.approval import Decision
from include.cycle import DEPENDENCIES, REPLAN, SCOPE, WITH_PEOPLE, ledger, phase, publish, this_product, this_run, wakes_on

FIELDS = {
    "pins": Param("", type=["string", "null"], title="Must be in", description="Ids of stories (S-…), with commas."),
    "exclude": Param("", type=["string", "null"], title="Must be out", description="Ids of stories, with commas."),
    "capacity": Param("", type=["string", "null"], title="Capacity", description="Person-days in one iteration."),
}


@dag(schedule=wakes_on(DEPENDENCIES | REPLAN), doc_md=__doc__, **phase("scope_planning", WITH_PEOPLE))
def scope_planning() -> None:
    @task
    def propose() -> dict[str, Any]:
        from include.scope_planning.run import propose

        return propose(ledger(), this_product(), this_run())

    @task(outlets=[SCOPE])
    def decide(decision: Any, *, outlet_events: Any = None) -> None:
        from include.scope_planning.run import decide

        publish(outlet_events[SCOPE], decide(ledger(), this_product(), this_run(), decision)["publish"])

    @task(outlets=[REPLAN], trigger_rule=TriggerRule.ALL_SKIPPED)
    def ask_again(*, outlet_events: Any = None) -> None:
        from include.scope_planning.run import ask_again

        publish(outlet_events[REPLAN], ask_again(ledger(), this_run()))

    approve = Decision(task_id="approve", question="propose", fields=FIELDS)
    propose() >> approve
    decide(approve.output) >> ask_again()


scope_planning()
