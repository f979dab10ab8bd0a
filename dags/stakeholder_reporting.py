"""### 4. Stakeholder reports
Makes the reports that are due (by schedule in the first turn after it, or after a deployment), keeps them as HTML, PDF and JSON,
and sends them to their recipients: what changed since the last one comes first. By hand, with an audience: that report now.
Rests where nothing is due.
"""

from typing import Any

from airflow.sdk import Param, dag, task
from airflow.sdk.exceptions import AirflowSkipException

from include.cycle import DEPLOYED, STARTED, artifacts, connection, ledger, phase, sent_form, this_run, wakes_on
from include.product_files import product_files

FORM = {  # a task of every product reads this file each night, so it names the products without reading theirs
    "product": Param("", type="string", enum=["", *sorted({path.stem for path in product_files()})], title="Product",
                     description_md="Empty: the product that the run's key names."),
    "audience": Param("", type="string", enum=["", "leadership", "sales", "team", "compliance", "customers"], title="Audience",
                      description_md="Empty: what is due."),
    "language": Param("en", type="string", enum=["en", "ko"], title="Language"),
    "period": Param("last", type="string", enum=["last", "week", "month", "quarter"], title="Period",
                    description_md="last: since the last report that was due."),
    "send": Param(False, type="boolean", title="Send it",
                  description_md="To those who get it regularly; otherwise it is only kept among the artifacts."),
}


@dag(schedule=wakes_on(DEPLOYED | STARTED), params=FORM, doc_md=__doc__, **phase("stakeholder_reporting"))
def stakeholder_reporting() -> None:
    @task
    def report(*, params: Any = None) -> None:
        from include.product import product_named
        from include.stakeholder_reporting.due import wanted
        from include.stakeholder_reporting.run import deliver, make

        run, who = sent_form(params["product"]) if params["product"] else (this_run(), "")
        product = product_named(run.product)
        result = make(ledger(), product, run, artifacts(), wanted(params, who or "api"))
        if not (result["reports"] or result["renewed"] or result["waiting"]):
            raise AirflowSkipException("nothing is due")
        deliver(ledger(), product, run, artifacts(), connection)

    report()


stakeholder_reporting()
