"""### Edit a story
A person changes a story's words, estimate, due date, category or themes; splits a part off; takes or refuses the words that a
changed theme proposes; drops a story or restores it. What is left empty stays. What a person wrote is never overwritten.
"""

from typing import Any

from airflow.sdk import Param, PartitionedAtRuntime, dag, task

from include.cycle import PHASE, STORIES, ledger, publish, sent_form
from include.product import product_named, products


def _words(title: str, longest: int, hint: str = "") -> Param:
    return Param("", type=["string", "null"], maxLength=longest, title=title, description_md=hint)


FORM = {
    "product": Param(None, type="string", enum=[product.name for product in products()[0]] or [""], title="Product"),
    "story": Param(None, type="string", pattern=r"^\s*S-[0-9a-f]{10}\s*$", title="Story",
                   description_md="Its id, as S-0123456789."),
    "action": Param("edit", type="string", enum=["edit", "split", "accept", "refuse", "drop", "restore"], title="What to do",
                    description_md="Accept or refuse: the words that a changed theme proposes. Split: a new story for a "
                                   "part, with a title and a want of its own."),
    "title": _words("Title", 120),
    "role": _words("Role", 120, "Who: as *customer of Tea shop*."),
    "want": _words("Want", 500, "What they want, one thing: as *my coupon to be taken off the price*."),
    "reason": _words("Reason", 500, "Why: as *I pay what was promised*."),
    "acceptance": Param("", type=["string", "null"], format="multiline", maxLength=10_000, title="Acceptance criteria",
                        description_md="In [Gherkin](https://cucumber.io/docs/gherkin/reference); Korean ones begin with "
                                       "`# language: ko`."),
    "effort_days": Param(None, type=["number", "null"], exclusiveMinimum=0, maximum=365, title="Effort in person-days"),
    "due": Param("", type=["string", "null"], pattern=r"^(\d{4}-\d{2}-\d{2}|none)?$", title="Due",
                 description_md="A date, as 2026-12-31; *none* takes it away."),
    "category": Param("", type="string", enum=["", "customer", "security", "debt", "law"], title="Category"),
    "themes": Param([], type=["array", "null"], items={"type": "string", "maxLength": 255}, title="Themes",
                    description_md="The ids of all themes that the story answers, one a line."),
    "note": _words("Why", 2000),
}


@dag(schedule=PartitionedAtRuntime(), params=FORM, doc_md=__doc__, **PHASE)
def edit_story() -> None:
    @task(outlets=[STORIES])
    def edit(*, params: Any = None, outlet_events: Any = None) -> dict[str, Any]:
        from include.story_writing.editing import edit

        run, who = sent_form(params["product"])
        result = edit(ledger(), product_named(params["product"]), run, who, dict(params))
        publish(outlet_events[STORIES], result["publish"])
        return result

    edit()


edit_story()
