"""The model of an assistant as Airflow knows it: the common.ai provider's hook over a connection."""

from typing import Any

from include.assistant import Assistant
from include.errors import InputError
from include.parts.assistant import Assistant as Settings


def assistant(settings: Settings | None) -> Assistant | None:
    """The assistant that a product's file asks for; None where it asks for none."""
    return Assistant(lambda: _model(settings), settings.seconds, settings.most) if settings else None


def _model(settings: Settings) -> Any:
    try:
        from airflow.providers.common.ai.hooks.pydantic_ai import PydanticAIHook
    except ImportError as error:
        raise InputError("the assistant's packages are not installed: requirements-llm.lock has them") from error
    return PydanticAIHook.get_hook(settings.connection, hook_params={"model_id": settings.model}).get_conn()
