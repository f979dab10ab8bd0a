"""### Correct themes
A person merges themes, splits one, renames one, or takes the newest correction of one back. Later runs go on from there.
"""

from typing import Any

from airflow.sdk import Param, PartitionedAtRuntime, dag, task

from include.cycle import PHASE, THEMES, ledger, publish, sent_form
from include.product import products

IDS: dict[str, Any] = {"type": "array", "items": {"type": "string", "maxLength": 255}}
FORM = {
    "product": Param(None, type="string", enum=[product.name for product in products()[0]] or [""], title="Product"),
    "action": Param(None, type="string", enum=["merge", "split", "rename", "undo"], title="What to do"),
    "themes": Param(None, **IDS, minItems=1, maxItems=100, title="Themes",
                    description_md="Their ids, one a line. A merge goes into the last one; all else takes one theme."),
    "voices": Param([], type=["array", "null"], items=IDS["items"], title="Voices to split off",
                    description_md="Their ids, one a line; or else the words below."),
    "words": Param("", type=["string", "null"], maxLength=200, title="Words",
                   description_md="Split off all voices that contain them."),
    "name": Param("", type=["string", "null"], maxLength=120, title="Name", description_md="Of what is renamed or split off."),
}


@dag(schedule=PartitionedAtRuntime(), params=FORM, doc_md=__doc__, **PHASE)
def correct_themes() -> None:
    @task(outlets=[THEMES])
    def correct(*, params: Any = None, outlet_events: Any = None) -> None:
        from include.voc_aggregation.forms import correct_themes

        run, who = sent_form(params["product"])
        publish(outlet_events[THEMES], correct_themes(ledger(), run, who, dict(params))["publish"])

    correct()


correct_themes()
