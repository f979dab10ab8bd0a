"""### 10. Security and compliance
Checks a candidate against the policy rules, each with the law or standard that it serves, and keeps the evidence. Nightly,
what runs already is checked again. Publishes `release/compliant` for a candidate that passes.
"""

from typing import Any

from airflow.sdk import dag, task
from airflow.sdk.exceptions import AirflowFailException

from include.cycle import CANDIDATE, COMPLIANT, PHASE, STARTED, artifacts, ledger, publish, this_product, this_run, wakes_on


@dag(schedule=wakes_on(CANDIDATE | STARTED), doc_md=__doc__, **PHASE)
def compliance_checks() -> None:
    @task(outlets=[COMPLIANT])
    def check(*, outlet_events: Any = None) -> None:
        from include.compliance_checks.run import check

        result = check(ledger(), this_product(), this_run(), artifacts())
        if result.get("failed"):
            raise AirflowFailException(result["failed"])
        publish(outlet_events[COMPLIANT], result["publish"])

    check()


compliance_checks()
