"""A person's decision in the Airflow UI, where the product asks for one; else the rule decides at once."""

from typing import Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Param

ACCEPT, REJECT = "Accept", "Reject"


class Decision(HITLOperator):
    """Parks until a person accepts or rejects, with a note. `question` is the task that returns what to ask.

    That task's result is a dict: `ask` (whether a person decides), `subject`, `body` (Markdown). Returns
    `{"accepted": bool, "by": str, "note": str}`; `by` is "automatic" where nobody was asked.
    """

    def __init__(self, *, question: str, **kwargs: Any) -> None:
        kwargs["execution_timeout"] = None  # a person takes the time it takes
        pull = f"ti.xcom_pull(task_ids='{question}')"
        super().__init__(
            subject=f"{{{{ {pull}['subject'] }}}}", body=f"{{{{ {pull}['body'] }}}}", options=[ACCEPT, REJECT],
            params={"note": Param("", type="string", title="Note", maxLength=2000)}, **kwargs)
        self.question = question

    def execute(self, context: Any) -> Any:
        """Ask, or decide at once where the product leaves it to the rule."""
        if not context["ti"].xcom_pull(task_ids=self.question)["ask"]:
            return {"accepted": True, "by": "automatic", "note": ""}
        return super().execute(context)

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """What the person said. The form's input is checked here, since the API does not."""
        answer = super().execute_complete(context, event)
        note = answer["params_input"].get("note") or ""
        if not isinstance(note, str) or len(note) > 2000:
            raise ValueError("the note must be text of at most 2,000 characters")
        user = answer["responded_by_user"] or {}
        return {"accepted": answer["chosen_options"] == [ACCEPT], "by": user.get("name") or "unknown", "note": note}
