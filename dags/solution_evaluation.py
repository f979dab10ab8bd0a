"""### 6. Evaluating solutions
Gathers facts about the candidates for each need that the scope has, ranks them, and asks a person, whose decision is kept as an
ADR. Decided solutions are looked at again each night. Publishes `backlog/decisions`, and `operations/signals` where a solution's
evidence changed. Rests where there is nothing to decide.
"""

from typing import Any

from airflow.sdk import dag, task, task_group
from airflow.sdk.exceptions import AirflowSkipException

from include.choice import Choice
from include.cycle import (
    DECISIONS,
    SCOPE,
    SIGNALS,
    STARTED,
    WITH_PEOPLE,
    artifacts,
    connection,
    ledger,
    phase,
    publish,
    this_product,
    this_run,
    wakes_on,
)


@dag(schedule=wakes_on(SCOPE | STARTED), doc_md=__doc__, **phase("solution_evaluation", WITH_PEOPLE))
def solution_evaluation() -> None:
    @task
    def evaluate(*, triggering_asset_events: Any = None) -> Any:
        if not (product := this_product()).solutions.needs:
            raise AirflowSkipException("no need is named: the turn ends here")
        from include.product import home
        from include.solution_evaluation.run import evaluate

        result = evaluate(ledger(), product, this_run(), connection, home(), again=not triggering_asset_events.get(SCOPE),
                          by_hand=not triggering_asset_events)
        if not (result["questions"] or result["publish"]):
            raise AirflowSkipException("nothing to decide: the turn ends here")
        return result["questions"]

    @task(outlets=[SIGNALS])
    def signal(*, outlet_events: Any = None) -> None:
        from include.ledger.runs import result_of

        publish(outlet_events[SIGNALS], (result_of(ledger(), this_run()) or {}).get("publish", []))

    @task_group
    def decide(question: Any) -> None:
        @task(outlets=[DECISIONS])
        def record(question: Any, answer: Any, *, outlet_events: Any = None) -> None:
            from include.solution_evaluation.run import record

            result = record(ledger(), this_product(), this_run(), artifacts(), question, answer)
            publish(outlet_events[DECISIONS], result["publish"])

        choose = Choice(task_id="choose", question=question)
        record(question, choose.output)

    questions: Any = evaluate()
    decide.expand(question=questions)
    questions >> signal()


solution_evaluation()
