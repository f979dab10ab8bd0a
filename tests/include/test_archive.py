"""A hostile archive reaches nothing outside of its folder."""

import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from include import archive as module
from include.archive import extract
from include.errors import InputError


def tar(*members: tuple[str, str | bytes]) -> bytes:
    """A tar of files (bytes) and links (text: where to)."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as made:
        for name, content in members:
            member = tarfile.TarInfo(name)
            if isinstance(content, str):
                member.type, member.linkname = tarfile.SYMTYPE, content
                made.addfile(member)
            else:
                member.size = len(content)
                made.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def test_files_and_links_inside_are_unpacked(tmp_path: Path) -> None:
    assert extract(tar(("b", "a/x"), ("a/x", b"1"), ("차.txt", b"2")), tmp_path / "t") == []
    assert (tmp_path / "t" / "b").read_bytes() == b"1"
    assert (tmp_path / "t" / "차.txt").read_bytes() == b"2"


def test_nothing_leads_outside(tmp_path: Path) -> None:
    content = tar(("out", "/etc"), ("up", ".."), ("../evil", b"x"), ("out/evil", b"x"), ("/abs", b"x"), ("ok", b"1"))
    left_out = extract(content, tmp_path / "t")
    # "out" is a folder by the time that the link of this name comes; absolute names are taken as relative ones
    assert set(left_out) == {"out", "up", "../evil"}
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()) == [
        "t/abs", "t/ok", "t/out/evil"]
    assert not any(path.is_symlink() for path in tmp_path.rglob("*"))


def test_hard_links_lead_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"ours")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as made:
        for name, where in (("up", "../secret"), ("abs", str(tmp_path / "secret")), ("inside", "ok")):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.LNKTYPE, where
            made.addfile(member)
        member = tarfile.TarInfo("ok")
        made.addfile(member, io.BytesIO())
    assert set(extract(buffer.getvalue(), tmp_path / "t")) == {"up", "abs"}
    assert (tmp_path / "secret").stat().st_nlink == 1 and (tmp_path / "t" / "inside").samefile(tmp_path / "t" / "ok")


def test_a_bomb_is_refused_before_a_byte_is_written(tmp_path: Path) -> None:
    """A file with a hole is small in a tar of GNU's, and as large as it says when it is unpacked."""
    with (tmp_path / "hole").open("wb") as file:
        file.truncate(3 * 1024**3)
    for kind in ("gnu", "pax"):
        made = subprocess.run(["tar", "--sparse", f"--format={kind}", "-cf", "-", "hole"], cwd=tmp_path, capture_output=True)
        assert made.returncode == 0 and len(made.stdout) < 100_000
        with pytest.raises(InputError, match="holds more than"):
            extract(made.stdout, tmp_path / kind)
        assert list((tmp_path / kind).iterdir()) == []


def test_devices_are_left_out(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as made:
        member = tarfile.TarInfo("pipe")
        member.type = tarfile.FIFOTYPE
        made.addfile(member)
    assert extract(buffer.getvalue(), tmp_path / "t") == ["pipe"]


@pytest.mark.parametrize("content", [b"no tar at all", tar(("a", b"x" * 3000))[:1000]])
def test_a_broken_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(InputError, match="broken"):
        extract(content, tmp_path / "t")


def test_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_FILES", 2)
    with pytest.raises(InputError, match="more than 2 files"):
        extract(tar(("a", b""), ("b", b""), ("c", b"")), tmp_path / "t")
