"""How git reaches a repository that asks who we are: by what an Airflow connection holds, which no command line shows."""

import shlex
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from include.connection import Connection
from include.errors import InputError

# git asks its helper; it does so for this very server only, so a redirect elsewhere takes nothing along
_HELPER = ("""!f() { test "$1" != get || printf 'username=%s\\npassword=%s\\n' "$CLOSED_LOOP_LOGIN" """
           """"$CLOSED_LOOP_PASSWORD"; }; f""")


@contextmanager
def access(url: str, connection: Connection | None) -> Iterator[dict[str, str]]:
    """The environment with which git reaches `url`; what is secret is gone when the block ends.

    https: the connection's login and password (a token). ssh: `private_key` and `host_key` ("ssh-ed25519 AAAA…") in its extra;
    without the latter the machine's own known hosts count. Raises InputError where the connection lacks what the URL needs.
    """
    parts = urlsplit(url) if "://" in url else urlsplit(f"ssh://{url}" if ":" in url.partition("/")[0] else "file:")
    if connection is None or parts.scheme not in ("http", "https", "ssh"):
        yield {}
    elif parts.scheme == "ssh":
        with tempfile.TemporaryDirectory(prefix="closed-loop-") as folder:
            yield {"GIT_SSH_COMMAND": _ssh(Path(folder), url, connection)}
    else:
        login, password = connection.login or "git", connection.password or ""
        if not password or "\n" in login + password:
            raise InputError(f"repository on {parts.hostname}: its connection has no password (a token), or not on one line")
        yield {"CLOSED_LOOP_LOGIN": login, "CLOSED_LOOP_PASSWORD": password, "GIT_CONFIG_COUNT": "1",
               "GIT_CONFIG_KEY_0": f"credential.{parts.scheme}://{parts.netloc.rpartition('@')[2]}.helper",
               "GIT_CONFIG_VALUE_0": _HELPER}


def _ssh(folder: Path, url: str, connection: Connection) -> str:
    key = connection.extra.get("private_key")
    if not isinstance(key, str):
        raise InputError(f"repository {url}: its connection has no private_key in its extra")
    identity, hosts = folder / "identity", folder / "hosts"
    identity.touch(0o600)
    identity.write_text(key.strip() + "\n", encoding="utf-8")
    options = {"BatchMode": "yes", "IdentitiesOnly": "yes", "IdentityFile": str(identity), "StrictHostKeyChecking": "yes"}
    if host_key := connection.extra.get("host_key"):
        hosts.write_text(f"* {host_key}\n", encoding="utf-8")
        options |= {"UserKnownHostsFile": str(hosts), "GlobalKnownHostsFile": "/dev/null"}
    if connection.login:
        options["User"] = connection.login
    return shlex.join(["ssh", *(f"-o{name}={value}" for name, value in options.items())])
