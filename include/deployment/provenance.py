"""A release goes nowhere unless what made it was signed, and what was signed is about this very release."""

import hashlib

from include.artifacts import Artifacts
from include.attestation import CONNECTION, ForgedError, keys_of
from include.connection import Connection
from include.deployment.record import Release
from include.errors import InputError
from include.key import Key
from include.parts.deployment import Deployment
from include.provenance import Built, verify


def demand_provenance(deployment: Deployment, signing_key: Connection | None, release: Release, artifacts: Artifacts) -> None:
    """Verify a release's provenance where that is asked for: by the product's file, or by the mere existence of a key.

    Raises InputError, which says why the release is refused.
    """
    required = deployment.require_provenance
    if not (signing_key is not None if required is None else required):
        return
    if signing_key is None:
        raise InputError(f"release {release.key!r} is refused: require_provenance is true, and there is no Airflow connection "
                         f"{CONNECTION!r} to verify with")
    try:
        envelope = _read(artifacts, release.provenance, "provenance")
        digest = hashlib.sha256(_read(artifacts, release.sbom, "SBOM")).hexdigest()
        built = Built(Key.parse(release.key).product, release.version, release.commit, release.digest, f"sha256:{digest}")
        verify(envelope, keys_of(signing_key), built)
    except ForgedError as error:
        raise InputError(f"release {release.key!r} is refused: its provenance does not hold: {error}") from error


def _read(artifacts: Artifacts, name: str | None, what: str) -> bytes:
    if not name:
        raise ForgedError(f"it was built without {what}")
    if not artifacts.exists(name):
        raise ForgedError(f"its {what} is gone from the artifacts: {name}")
    return artifacts.read(name)
