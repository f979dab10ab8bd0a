"""`python -m local.secrets FILE`: every secret that compose.yaml asks for, made anew, in a file that nobody else may read."""

import argparse
import base64
import secrets
from pathlib import Path

from include.attestation import new_key

NAMES = ("AIRFLOW_DB_PASSWORD", "LEDGER_PASSWORD", "REDIS_PASSWORD", "API_SECRET_KEY", "JWT_SECRET", "AUTHOR_KEY", "CONTACT_KEY")
DOCKER = Path("/var/run/docker.sock")


def made() -> dict[str, str]:
    """New secrets by the names of compose.yaml, and the group of this machine's Docker engine."""
    found = {name: secrets.token_urlsafe(32) for name in NAMES}
    found["FERNET_KEY"] = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    found["SIGNING_KEY"] = new_key()
    found["DOCKER_GROUP"] = str(DOCKER.stat().st_gid if DOCKER.exists() else 0)
    return found


def main(arguments: list[str] | None = None) -> None:
    """Write the file. One that is there stays: what is encrypted or hashed with its keys would be lost."""
    parser = argparse.ArgumentParser("python -m local.secrets", description=__doc__)
    parser.add_argument("file", type=Path)
    path: Path = parser.parse_args(arguments).file
    try:
        path.touch(0o600, exist_ok=False)
    except FileExistsError:
        parser.error(f"{path} is there already")
    path.write_text("".join(f"{name}={value}\n" for name, value in made().items()))


if __name__ == "__main__":
    main()
