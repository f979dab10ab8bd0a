"""### Comment on a release
Whoever tries a candidate says what they found, of single acceptance criteria or in their own words, and decides nothing.
"""

from typing import Any

from airflow.sdk import Param, PartitionedAtRuntime, dag, task

from include.cycle import PHASE, ledger, sent_form
from include.product import products

FORM = {
    "product": Param(None, type="string", enum=[product.name for product in products()[0]] or [""], title="Product"),
    "version": Param(None, type="string", minLength=5, maxLength=100, title="Version", description_md="As 1.2.0."),
    "found": Param("", type="string", format="multiline", minLength=1, maxLength=10_000, title="What you found",
                   description_md="A line for each criterion, as `S-0123456789/1: works` or `S-0123456789/2: fails: …`; "
                                  "other lines are about the release as a whole."),
}


@dag(schedule=PartitionedAtRuntime(), params=FORM, doc_md=__doc__, **PHASE)
def comment_release() -> None:
    @task
    def comment(*, params: Any = None) -> dict[str, Any]:
        from include.user_testing.run import comment

        run, who = sent_form(params["product"])
        return comment(ledger(), run, who, dict(params))

    comment()


comment_release()
