"""A person's choice between several options in the Airflow UI."""

from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Param

LONGEST = 2000  # characters of a note


class Choice(HITLOperator):
    """Parks until a person chooses one of several options, with a note. `question`: `subject`, `body` (Markdown), `options`; it
    comes from another task, and may be one of many that a task group is expanded over.

    Returns `{"chosen": the option, "by": str, "note": str}`.
    """

    template_fields = ("question",)

    def __init__(self, *, question: Any, **kwargs: Any) -> None:
        kwargs["execution_timeout"] = None  # a person takes the time it takes
        kwargs["retry_delay"] = timedelta(seconds=2)  # as for include.approval.Decision
        note = Param("", type="string", title="Why", maxLength=LONGEST)  # an ADR has a reason
        super().__init__(subject="", options=["-"], params={"note": note}, **kwargs)
        self.question = question

    def _read(self) -> None:
        self.subject, self.body, self.options = (self.question[name] for name in ("subject", "body", "options"))

    def execute(self, context: Any) -> Any:
        """Ask."""
        self._read()
        return super().execute(context)

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """What the person said. The form's input is checked here, since the API does not."""
        self._read()  # another process asked
        answer = super().execute_complete(context, event)
        note = answer["params_input"].get("note") or ""
        if not isinstance(note, str) or len(note) > LONGEST:
            raise ValueError(f"the note must be text of at most {LONGEST:,} characters")
        user = answer["responded_by_user"] or {}
        return {"chosen": answer["chosen_options"][0], "by": user.get("name") or "unknown", "note": note}
