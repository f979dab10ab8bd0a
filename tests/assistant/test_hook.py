"""The provider's own hook, in an environment that has it: `make test-assistant`."""

import json

import pytest
from pydantic import BaseModel

from include.assistant_hook import assistant
from include.parts.assistant import Assistant as Settings


class Said(BaseModel):
    title: str


def test_the_providers_hook_gives_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_LLM", json.dumps({"conn_type": "pydanticai", "password": "k"}))
    helper = assistant(Settings(connection="llm", model="test"))
    assert helper
    assert helper.ask("A title.", {}, Said) is not None, helper.failures
