"""### Block a story
A person says that a story waits for another product's release, or for another story; or that it waits no longer. It is unblocked
by itself when that release is deployed. Publishes `backlog/stories`.
"""

from typing import Any

from airflow.sdk import Param, PartitionedAtRuntime, dag, task

from include.cycle import PHASE, STORIES, ledger, publish, sent_form
from include.product import products

FORM = {
    "product": Param(None, type="string", enum=[product.name for product in products()[0]] or [""], title="Product"),
    "story": Param(None, type="string", minLength=1, maxLength=255, title="Story", description_md="Its id."),
    "action": Param("block", type="string", enum=["block", "lift"], title="What to do"),
    "waits_for": Param("", type=["string", "null"], maxLength=255, title="Waits for",
                       description_md="Another product, or a story's id. Lifting: empty for all that blocks the story."),
    "needs": Param("", type=["string", "null"], maxLength=200, title="Which version",
                   description_md="A range such as `>=1.2 <2` or `^1.2`. Empty: the product's next release."),
    "reason": Param("", type=["string", "null"], maxLength=500, title="Why"),
}


@dag(schedule=PartitionedAtRuntime(), params=FORM, doc_md=__doc__, **PHASE)
def block_story() -> None:
    @task(outlets=[STORIES])
    def block(*, params: Any = None, outlet_events: Any = None) -> None:
        from include.dependency_management.forms import block_story

        run, who = sent_form(params["product"])
        publish(outlet_events[STORIES], block_story(ledger(), run, who, dict(params))["publish"])

    block()


block_story()
