"""Lines as HAProxy writes them."""

import json
from typing import Any

from tests.conftest import NOW

AT = int(NOW.timestamp() * 1000)


def line(**fields: Any) -> bytes:
    """One line; `at` in ms since 1970."""
    entry = {"at": AT, "method": "GET", "path": "/teas", "status": 200, "ms": 12, "server": "v1.0.0_41234", "ended": "--",
             "bytes": 116}
    return json.dumps(entry | fields, separators=(",", ":")).encode() + b"\n"
