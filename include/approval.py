"""A person's decision in the Airflow UI, where the product asks for one; else the rule decides at once."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Param

ACCEPT, REJECT = "Accept", "Reject"
ON_TIMEOUT = {"accept": ACCEPT, "reject": REJECT}
LONGEST = 2000  # characters of a note, or of a field


class Decision(HITLOperator):
    """Parks until a person accepts or rejects, with a note. `question` is the task that returns what to ask.

    That task's result is a dict: `ask` (whether a person decides), `subject`, `body` (Markdown), and maybe `fields` (what the
    form shows in the operator's `fields`), `assigned` (user names of those who may answer), `timeout_hours` and `on_timeout`
    (accept, reject or wait). Returns `{"accepted": bool, "by": str, "note": str, "fields": dict | None}`; `by` is "automatic"
    where nobody was asked and "timeout" where nobody answered in time, and `fields` then None.

    Airflow 3.3 may take a task whose answer came at once for one that was killed (the executor tells of the parked process only
    after the task was resumed: apache/airflow#67287, #72716), and drops the answer with it. The retry then asks again, and soon.
    """

    def __init__(self, *, question: str, fields: Mapping[str, Param] | None = None, **kwargs: Any) -> None:
        kwargs["execution_timeout"] = None  # a person takes the time it takes
        kwargs["retry_delay"] = timedelta(seconds=2)
        pull = f"ti.xcom_pull(task_ids='{question}')"
        super().__init__(
            subject=f"{{{{ {pull}['subject'] }}}}", body=f"{{{{ {pull}['body'] }}}}", options=[ACCEPT, REJECT],
            params={**(fields or {}), "note": Param("", type=["null", "string"], title="Note", maxLength=LONGEST)}, **kwargs)
        self.question = question

    def execute(self, context: Any) -> Any:
        """Ask, or decide at once where the product leaves it to the rule."""
        asked = context["ti"].xcom_pull(task_ids=self.question)
        if not asked["ask"]:
            return {"accepted": True, "by": "automatic", "note": "", "fields": None}
        for name, value in (asked.get("fields") or {}).items():
            self.params[name] = value
        self.assigned_users = [{"id": user, "name": user} for user in asked.get("assigned") or ()]
        if (option := ON_TIMEOUT.get(asked.get("on_timeout") or "")) and asked.get("timeout_hours"):
            self.response_timeout, self.defaults = timedelta(hours=asked["timeout_hours"]), [option]
        return super().execute(context)

    def validate_params_input(self, params_input: Mapping[str, Any]) -> None:
        """Fields that an answer leaves out stay as they were shown; others than the form's are refused."""
        if unknown := sorted(set(params_input) - set(self.params)):
            raise ValueError(f"the form has no field {', '.join(unknown)}")

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """What the person said. The form's input is checked here, since the API does not."""
        answer = super().execute_complete(context, event)
        accepted = answer["chosen_options"] == [ACCEPT]
        if event.get("timedout"):
            return {"accepted": accepted, "by": "timeout", "note": "nobody answered in time", "fields": None}
        said = dict(answer["params_input"])
        note = said.pop("note", None) or ""
        for name, value in {**said, "note": note}.items():
            if len(str(value)) > LONGEST:
                raise ValueError(f"{name} must have at most {LONGEST:,} characters")
        if not isinstance(note, str):
            raise ValueError("the note must be text")
        user = answer["responded_by_user"] or {}
        return {"accepted": accepted, "by": user.get("name") or "unknown", "note": note, "fields": said or None}
