"""The artifact store: in a folder, and on S3."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from include.artifacts import Artifacts
from tests.loop.place import bucket


@pytest.fixture(params=["folder", "s3"])
def artifacts(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Artifacts]:
    if request.param == "folder":
        yield Artifacts(str(tmp_path / "artifacts"))
    else:
        with bucket() as (url, *_):
            yield Artifacts(f"{url}/artifacts")


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


def test_what_lies_there_is_listed_and_removed(artifacts: Artifacts) -> None:
    assert (artifacts.names(), artifacts.listed("evidence")) == ([], [])
    for name in ("evidence/b.json", "evidence/a.json", "reports/c.html"):
        artifacts.write(name, name.encode())
    assert artifacts.names() == ["evidence/a.json", "evidence/b.json", "reports/c.html"]
    assert artifacts.listed("evidence") == ["a.json", "b.json"]
    artifacts.remove("evidence")
    artifacts.remove("evidence")
    assert artifacts.names() == ["reports/c.html"]
    with pytest.raises(FileNotFoundError):
        artifacts.read("evidence/a.json")


def test_what_others_write_is_seen(artifacts: Artifacts) -> None:
    assert not artifacts.exists("evidence/a.json")
    assert artifacts.listed("evidence") == []
    Artifacts(f"{artifacts.root}/evidence").write("a.json", b"1")
    assert artifacts.exists("evidence/a.json")
    assert artifacts.listed("evidence") == ["a.json"]
