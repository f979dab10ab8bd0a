"""### 10. Security and compliance
Checks a candidate against the policy rules, each with the law or standard that it serves, and keeps the evidence. What no machine
can show a person attests, where the product asks for one. Publishes `release/compliant` for a candidate that passes. Nightly,
what runs already is checked against today's rules. What is broken there, and a waiver that is over, publishes
`operations/signals`.
"""

from typing import Any

from airflow.sdk import Param, dag, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from include.approval import LONGEST, Decision
from include.cycle import (
    CANDIDATE,
    COMPLIANT,
    SIGNALS,
    STARTED,
    WITH_PEOPLE,
    artifacts,
    connection_or_none,
    ledger,
    phase,
    publish,
    this_product,
    this_run,
    wakes_on,
)

FIELDS = {"except": Param("", type=["null", "string"], maxLength=LONGEST, title="Not attested",
                          description="Ids of what you do not attest, separated by commas.")}


@dag(schedule=wakes_on(CANDIDATE | STARTED), doc_md=__doc__, **phase("compliance_checks", WITH_PEOPLE))
def compliance_checks() -> None:
    @task
    def ask() -> dict[str, Any]:
        from include.compliance_checks.attestation import ask

        question = ask(ledger(), this_product(), this_run())
        if question.get("rests"):
            raise AirflowSkipException(question["rests"])
        return question

    @task(outlets=[COMPLIANT])
    def check(question: Any, decision: Any, *, outlet_events: Any = None) -> None:
        from include.compliance_checks.attestation import attest
        from include.compliance_checks.run import check

        attest(ledger(), this_product(), this_run(), question, decision)
        result = check(ledger(), this_product(), this_run(), artifacts(), connection_or_none("signing_key"))
        if result.get("failed"):
            raise AirflowFailException(result["failed"])
        publish(outlet_events[COMPLIANT], result["publish"])

    @task(outlets=[SIGNALS])
    def report(*, outlet_events: Any = None) -> None:
        from include.ledger.runs import result_of

        publish(outlet_events[SIGNALS], (result_of(ledger(), this_run()) or {}).get("signals", []))

    question: Any = ask()
    attest = Decision(task_id="attest", question="ask", fields=FIELDS)
    question >> attest
    # A teardown runs after a check that failed too, and leaves the run as failed as it is.
    check(question, attest.output) >> report().as_teardown()


compliance_checks()
