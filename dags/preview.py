"""### Preview
A person wants to see a release before it goes live. It is started on this machine beside everything else, in a container where
the product is built or deployed in containers, answers for as many minutes as the form says, and ends by itself. The URL is what
this run returns.
"""

from typing import Any

from airflow.sdk import Param, PartitionedAtRuntime, dag, task

from include.cycle import ON_DOCKER, PHASE, artifacts, ledger, sent_form
from include.key import VERSION_PATTERN
from include.product import product_named, products

FORM = {
    "product": Param(None, type="string", enum=[product.name for product in products()[0]] or [""], title="Product"),
    "version": Param("", type="string", pattern=rf"^({VERSION_PATTERN})?$", title="Version",
                     description_md="Empty: the newest candidate."),
    "minutes": Param(60, type="integer", minimum=1, maximum=1440, title="Minutes"),
}


@dag(schedule=PartitionedAtRuntime(), params=FORM, doc_md=__doc__, **PHASE)
def preview() -> None:
    @task(outlets=[], **ON_DOCKER)
    def show(*, params: Any = None) -> dict[str, Any]:
        from include.build_and_test.preview import preview

        run, who = sent_form(params["product"])
        return preview(ledger(), product_named(params["product"]), run, who, artifacts(), params["version"], params["minutes"])

    show()


preview()
