"""### Alerting
Tells people of signals: once when one opens, is taken on, and is over, as the product's `alerts` say; what could not be told is
tried again. Watches the loop itself (late phases, releases stuck at a gate, sources gone silent), and keeps incidents with their
timeline and the draft of a post-mortem.
"""

from typing import Any

from airflow.sdk import dag, task
from airflow.sdk.exceptions import AirflowSkipException

from include.cycle import ALERTS, SIGNALS, SUPPORT, artifacts, connection, ledger, phase, this_product, this_run, wakes_on


@dag(schedule=wakes_on(SIGNALS | SUPPORT | ALERTS), doc_md=__doc__, **phase("alerting"))
def alerting() -> None:
    @task
    def alert() -> dict[str, Any]:
        from include.alerting.run import look
        from include.alerting.telling import tell
        from include.notifiers import notify

        seen = look(ledger(), this_product(), this_run(), artifacts())
        if seen.get("rests"):
            raise AirflowSkipException(seen["rests"])
        return seen | {"told": tell(ledger(), this_product(), this_run(), connection, notify)}

    alert()


alerting()
