"""Where a running product lives on this machine: the few paths that deployment and monitoring share."""

import hashlib
import os
import re
import tempfile
from pathlib import Path

from include.product import home

SOCKET_BYTES = 90  # Linux takes 107 bytes for the path of a unix socket; supervisord binds one with its pid behind it
_PLAIN = re.compile(r"[\w./-]+", re.ASCII)


def folder(product_name: str) -> Path:
    """Everything that one product's environment writes: configurations, versions, logs."""
    return home().absolute() / "run" / product_name


def access_log(product_name: str) -> Path:
    """HAProxy's log: one JSON object a line, appended; see `include.deployment.haproxy` for its fields."""
    return folder(product_name) / "access.log"


def sockets(product_name: str) -> Path:
    """The folder of the environment's unix sockets: `folder`, or a short one where that path is too long for a socket."""
    place = folder(product_name)
    if len(os.fsencode(place / "supervisor.sock")) <= SOCKET_BYTES and _PLAIN.fullmatch(str(place)):
        return place
    digest = hashlib.sha256(os.fsencode(place)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"closed-loop-{os.getuid()}-{digest}"
