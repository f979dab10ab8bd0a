"""What a system answered, taken for nothing more than it is: wrong kinds of values are as good as none."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any


def object_of(value: Any) -> Mapping[str, Any]:
    """A JSON object, or an empty one."""
    return value if isinstance(value, dict) else {}


def list_of(value: Any) -> Iterable[Any]:
    """A JSON list, or an empty one."""
    return value if isinstance(value, list) else []


def moment(text: Any) -> datetime | None:
    """An ISO 8601 time, UTC where it names no zone; None for anything else."""
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return found.replace(tzinfo=found.tzinfo or UTC) if found else None


def days(span: timedelta) -> float:
    """Whole days, and none where the span is negative."""
    return float(max(0, span // timedelta(days=1)))
