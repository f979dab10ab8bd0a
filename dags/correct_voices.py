"""### Correct voices
A person says what voices are: bug, feature, question or praise (several may hold), how bad, how they feel. That counts at
once, for the voices and the themes that they are in, and the team's own classifier learns from it. What is left empty stays.
"""

from typing import Any

from airflow.sdk import Param, PartitionedAtRuntime, dag, task

from include.cycle import PHASE, RECEIVED, THEMES, ledger, publish, sent_form
from include.product import products

KINDS = ["bug", "feature", "question", "praise"]
LEVELS = ["low", "medium", "high", "critical"]
SIGNS = ["negative", "neutral", "positive"]
FORM = {
    "product": Param(None, type="string", enum=[product.name for product in products()[0]] or [""], title="Product"),
    "voices": Param(None, type="array", items={"type": "string", "maxLength": 255}, minItems=1, maxItems=1000, title="Voices",
                    description_md="Their ids, one a line."),
    "kinds": Param([], type=["array", "null"], items={"type": "string", "enum": KINDS}, uniqueItems=True, examples=KINDS,
                   title="Kinds", description_md="The main one first."),
    "severity": Param("", type="string", enum=["", *LEVELS], title="Severity"),
    "sentiment": Param("", type="string", enum=["", *SIGNS], title="Sentiment"),
}


@dag(schedule=PartitionedAtRuntime(), params=FORM, doc_md=__doc__, **PHASE)
def correct_voices() -> None:
    @task(outlets=[RECEIVED, THEMES])
    def correct(*, params: Any = None, outlet_events: Any = None) -> None:
        from include.voc_aggregation.forms import correct_voices

        run, who = sent_form(params["product"])
        keys = correct_voices(ledger(), run, who, dict(params))["publish"]
        publish(outlet_events[RECEIVED], keys)
        publish(outlet_events[THEMES], keys)

    correct()


correct_voices()
