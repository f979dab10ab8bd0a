"""A decision asks where it should, and understands what it is answered."""

from datetime import UTC, datetime
from typing import Any

import pytest

pytestmark = pytest.mark.airflow
ASKED = {"ask": True, "subject": "s", "body": "b", "fields": {"capacity": "4"}, "assigned": ["ada"], "timeout_hours": 48,
         "on_timeout": "reject"}


class Ti:
    """What a running task knows of itself."""

    id = "0"

    def __init__(self, asked: dict[str, Any]) -> None:
        self.asked = asked

    def xcom_pull(self, task_ids: str) -> dict[str, Any]:
        return self.asked


@pytest.fixture
def decision() -> Any:
    from airflow.sdk import Param

    from include.approval import Decision

    return Decision(task_id="approve", question="propose", fields={"capacity": Param("", type=["string", "null"])})


def answer(option: str, **fields: Any) -> dict[str, Any]:
    return {"chosen_options": [option], "params_input": fields, "responded_at": datetime.now(UTC), "timedout": False,
            "responded_by_user": {"id": "1", "name": "ada"}}


def test_nobody_is_asked_where_nobody_has_to_be(decision: Any) -> None:
    assert decision.execute({"ti": Ti({"ask": False})}) == {"accepted": True, "by": "automatic", "note": "", "fields": None}


def test_the_question_bears_its_terms(decision: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk.exceptions import TaskAwaitingInput

    sent: list[dict[str, Any]] = []
    monkeypatch.setattr("airflow.providers.standard.operators.hitl.upsert_hitl_detail", lambda **asked: sent.append(asked))
    ti = Ti(ASKED)
    with pytest.raises(TaskAwaitingInput) as parked:
        decision.execute({"ti": ti, "task_instance": ti})
    (asked,) = sent
    assert (asked["defaults"], asked["assigned_users"]) == (["Reject"], [{"id": "ada", "name": "ada"}])
    assert asked["params"]["capacity"]["value"] == "4"
    assert parked.value.timeout.total_seconds() == 48 * 3600


def test_without_terms_it_waits(decision: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk.exceptions import TaskAwaitingInput

    monkeypatch.setattr("airflow.providers.standard.operators.hitl.upsert_hitl_detail", lambda **asked: None)
    ti = Ti({"ask": True, "on_timeout": "wait", "timeout_hours": 48})
    with pytest.raises(TaskAwaitingInput) as parked:
        decision.execute({"ti": ti, "task_instance": ti})
    assert parked.value.timeout is None


def test_an_answer_may_leave_out_fields(decision: Any) -> None:
    assert decision.execute_complete({}, answer("Accept", note="go", capacity="6")) == {
        "accepted": True, "by": "ada", "note": "go", "fields": {"capacity": "6"}}
    assert decision.execute_complete({}, answer("Reject", note="no")) == {
        "accepted": False, "by": "ada", "note": "no", "fields": None}


def test_no_answer_in_time_is_told(decision: Any) -> None:
    event = answer("Reject", note="", capacity="") | {"timedout": True, "responded_by_user": None}
    assert decision.execute_complete({}, event) == {
        "accepted": False, "by": "timeout", "note": "nobody answered in time", "fields": None}


@pytest.mark.parametrize("fields", [{"note": "x" * 2001}, {"note": 3}, {"capacity": "x" * 2001}, {"other": "1"}])
def test_an_answer_that_the_form_could_not_give_is_refused(decision: Any, fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must|no field other"):
        decision.execute_complete({}, answer("Accept", **fields))
