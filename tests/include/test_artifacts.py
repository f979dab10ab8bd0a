"""The artifact store."""

import hashlib

import pytest

from include.artifacts import Artifacts


def test_what_is_written_is_read(artifacts: Artifacts) -> None:
    artifacts.write("evidence/a.json", b"1")
    artifacts.write("evidence/a.json", b"2")
    assert artifacts.read("evidence/a.json") == b"2"
    assert not artifacts.exists("evidence/b.json")


def test_what_is_kept_is_named_by_its_digest(artifacts: Artifacts) -> None:
    name, digest = artifacts.keep(b"archive", ".tar")
    assert digest == f"sha256:{hashlib.sha256(b'archive').hexdigest()}"
    assert artifacts.keep(b"archive", ".tar") == (name, digest)
    assert artifacts.read(name) == b"archive"


@pytest.mark.parametrize("name", ["../a", "/etc/a", "a/../../b", ""])
def test_nothing_leaves_the_store(artifacts: Artifacts, name: str) -> None:
    with pytest.raises(ValueError, match="stay inside"):
        artifacts.write(name, b"")
