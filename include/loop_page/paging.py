"""Keyset paging: a page ends at a row's own key, so that the next one begins there by index, whatever came in between."""

import base64
import binascii
import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, or_

MOST = 100  # items of one page


class BadPlaceError(ValueError):
    """What was sent as `after` is none of ours."""


def mark(*place: Any) -> str:
    """The key of a row as one opaque word for `after`."""
    plain = [value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value for value in place]
    return base64.urlsafe_b64encode(json.dumps(plain, separators=(",", ":")).encode()).decode().rstrip("=")


def place(after: str, *kinds: type) -> tuple[Any, ...]:
    """The key that `mark` made of values of these `kinds`. Raises BadPlaceError for anything else."""
    try:
        values = json.loads(base64.b64decode(after + "=" * (-len(after) % 4), altchars=b"-_", validate=True))
        if not isinstance(values, list) or len(values) != len(kinds):
            raise BadPlaceError("after: this page was not made by this list")
        return tuple(_read(value, kind) for value, kind in zip(values, kinds, strict=True))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise BadPlaceError("after: no page of this list") from error


def _read(value: Any, kind: type) -> Any:
    if kind is datetime and isinstance(value, str):
        found = datetime.fromisoformat(value)
        if found.tzinfo is None:
            raise BadPlaceError("after: a time without a zone")
        return found
    if type(value) is not kind or (isinstance(value, int) and abs(value) >= 2**63):
        raise BadPlaceError("after: no page of this list")
    return value


def beyond(columns: tuple[ColumnElement[Any], ...], values: tuple[Any, ...]) -> ColumnElement[bool]:
    """Rows that come after `values` where `columns` are sorted from the highest down."""
    first, *rest = columns
    if not rest:
        return _under(first, values[0])
    # the first condition alone lets the index begin at the right place
    return and_(first <= values[0], or_(_under(first, values[0]), beyond(tuple(rest), values[1:])))


def _under(column: ColumnElement[Any], value: Any) -> ColumnElement[bool]:
    return column.__lt__(value)
