"""Airflow's notifiers, by the path of their class: whichever providers are installed can tell an alert."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from airflow.sdk import BaseNotifier

from include.errors import InputError


def notify(path: str, arguments: Mapping[str, Any], alert: Mapping[str, Any]) -> None:
    """Let the notifier of the class `path`, made with `arguments`, tell `alert`, which its templates know by that name.

    Raises InputError where there is no such notifier, it does not take the arguments, or it could not tell.
    """
    module, _, name = path.rpartition(".")
    try:
        kind = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise InputError(f"notifier {path}: {error}") from error
    if not (isinstance(kind, type) and issubclass(kind, BaseNotifier)):
        raise InputError(f"{path} is no Airflow notifier")
    try:
        context: Any = {"alert": dict(alert)}
        kind(**arguments)(context)
    except Exception as error:  # whatever a provider raises: the alert was not told, and says why
        raise InputError(f"notifier {path}: {type(error).__name__}: {error}") from error
