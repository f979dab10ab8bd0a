"""### Release
A person asks for a release of a product: its newest commit is built, checked, tried by people and deployed behind a canary.
Leave the version empty to let the commits say it (semantic versions from conventional commits).
"""

from typing import Any

from airflow.sdk import Param, PartitionedAtRuntime, dag, task

from include.cycle import PHASE, REQUESTED, publish
from include.key import VERSION_PATTERN
from include.product import products

FORM = {
    "product": Param(None, type="string", enum=[product.name for product in products()[0]] or [""], title="Product"),
    "version": Param("", type="string", pattern=rf"^({VERSION_PATTERN})?$", title="Version"),
    "note": Param("", type="string", maxLength=2000, title="Why"),
}


@dag(schedule=PartitionedAtRuntime(), params=FORM, doc_md=__doc__, **PHASE)
def release() -> None:
    @task(outlets=[REQUESTED])
    def request(*, params: Any = None, dag_run: Any = None, outlet_events: Any = None) -> None:
        event = outlet_events[REQUESTED]
        event.extra = {"version": params["version"], "note": params["note"], "by": dag_run.triggering_user_name or "api"}
        publish(event, [params["product"]])

    request()


release()
