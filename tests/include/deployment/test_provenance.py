"""A release whose provenance does not hold goes nowhere."""

from dataclasses import replace

import pytest

from include.artifacts import Artifacts
from include.attestation import keys_of, new_key
from include.connection import Connection
from include.deployment.provenance import demand_provenance
from include.deployment.record import Release
from include.errors import InputError
from include.key import Key
from include.ledger.runs import Run
from include.parts.deployment import Deployment
from include.parts.repository import Repository
from include.provenance import Built, signed
from tests.conftest import NOW

KEY, OTHER = (Connection("generic", password=new_key()) for _ in range(2))
DEPLOYMENT = Deployment(command="run", port=8000)


def a_release(artifacts: Artifacts, version: str = "1.0.0", key: Connection = KEY) -> Release:
    """A release with everything that a build leaves."""
    archive, digest = artifacts.keep(b"tar", ".tar")
    sbom, of_sbom = artifacts.keep(b"{}", ".cdx.json")
    built = Built("shop", version, "c" * 40, digest, of_sbom)
    envelope = signed(Run("build_and_test", "r", Key("shop"), NOW), Repository(url="/r", test="t"), built, keys_of(key))
    return Release(f"shop|{version}", version, "c" * 40, archive, digest, sbom, artifacts.keep(envelope, ".intoto.json")[0])


def test_a_whole_release_is_let_through(artifacts: Artifacts) -> None:
    demand_provenance(DEPLOYMENT, KEY, a_release(artifacts), artifacts)


def test_it_is_asked_for_once_there_is_a_key_or_where_the_product_says_so(artifacts: Artifacts) -> None:
    bare = replace(a_release(artifacts), provenance=None)
    demand_provenance(DEPLOYMENT, None, bare, artifacts)
    demand_provenance(DEPLOYMENT.model_copy(update={"require_provenance": False}), KEY, bare, artifacts)
    with pytest.raises(InputError, match="built without provenance"):
        demand_provenance(DEPLOYMENT, KEY, bare, artifacts)
    with pytest.raises(InputError, match="no Airflow connection 'signing_key'"):
        demand_provenance(DEPLOYMENT.model_copy(update={"require_provenance": True}), None, bare, artifacts)


def test_what_does_not_hold_is_refused(artifacts: Artifacts) -> None:
    release = a_release(artifacts)
    wrong = {
        "no signature on it": replace(release, provenance=a_release(artifacts, key=OTHER).provenance),
        "another release": replace(release, provenance=a_release(artifacts, "1.1.0").provenance),
        "another archive": replace(release, digest="sha256:" + "0" * 64),
        "another commit": replace(release, commit="d" * 40),
        "another SBOM": replace(release, sbom=artifacts.keep(b"[]", ".cdx.json")[0]),
        "its SBOM is gone": replace(release, sbom="sha256/00/gone"),
        "its provenance is gone": replace(release, provenance="sha256/00/gone"),
    }
    for why, item in wrong.items():
        with pytest.raises(InputError, match=rf"shop\|1\.0\.0' is refused: .*{why}"):
            demand_provenance(DEPLOYMENT, KEY, item, artifacts)
