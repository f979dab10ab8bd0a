"""Every way in which evidence could be tampered with is found, and named."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.artifacts import Artifacts
from include.compliance_checks.evidence.chain import MANIFEST, Link, keep, manifest, previous, verify

FILES = {"results.json": b"{}\n", "report.html": "<p>보고서</p>".encode(), "sast.sarif": b"{}", "empty.csv": b""}
ABOUT = {"release": "shop|1.4.0", "at": "2026-03-01T02:00:00+00:00"}
FOLDER = "evidence/shop/1.4.0/20260301"


@pytest.fixture
def folder(artifacts: Artifacts) -> Path:
    return Path(artifacts.root) / FOLDER


@pytest.fixture
def link(artifacts: Artifacts) -> Link:
    return keep(artifacts, FOLDER, ABOUT, FILES, None)


def test_evidence_that_nobody_touched_is_whole(artifacts: Artifacts, link: Link) -> None:
    assert verify(artifacts, link) == []
    assert keep(artifacts, FOLDER, ABOUT, FILES, None) == link and verify(artifacts, link) == []
    assert previous(artifacts, FOLDER) is None


@pytest.mark.parametrize("name", [*FILES, MANIFEST])
def test_any_changed_byte_of_any_file_is_found(artifacts: Artifacts, folder: Path, link: Link, name: str) -> None:
    content = (folder / name).read_bytes()
    for at in range(len(content)):
        (folder / name).write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1:])
        found = verify(artifacts, link)
        assert found and name in found[0], at
    for other in (content + b"\n", content[:-1] or b"x"):
        (folder / name).write_bytes(other)
        assert verify(artifacts, link)
    (folder / name).write_bytes(content)
    assert verify(artifacts, link) == []


@pytest.mark.parametrize("name", [*FILES, MANIFEST])
def test_a_missing_file_is_named(artifacts: Artifacts, folder: Path, link: Link, name: str) -> None:
    (folder / name).unlink()
    assert verify(artifacts, link) == [f"{FOLDER}/{name}: is missing"]


def test_an_added_file_or_folder_is_named(artifacts: Artifacts, folder: Path, link: Link) -> None:
    (folder / "more.txt").touch()
    (folder / "deep").mkdir()
    (folder / "deep" / "x").touch()
    assert verify(artifacts, link) == [f"{FOLDER}/deep: was added", f"{FOLDER}/more.txt: was added"]


def tampered(folder: Path, change: Any) -> None:
    path = folder / MANIFEST
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True) + "\n")


@pytest.mark.parametrize("change", [
    lambda it: it["entries"].reverse(), lambda it: it["entries"].insert(1, it["entries"].pop(2)),
    lambda it: it["entries"].pop(1), lambda it: it["entries"].pop(), lambda it: it["entries"].append(it["entries"][0]),
    lambda it: it["about"].update(release="shop|1.4.1"), lambda it: it.update(previous={"folder": "x", "head": "y"}),
    lambda it: it["entries"][0].update(link=it["entries"][1]["link"]), lambda it: it.update(more=1), lambda it: it.pop("head"),
    lambda it: it["entries"][0].update(more=1), lambda it: it.update(entries={}), lambda it: it.update(head=None)])
def test_a_manifest_that_was_edited_is_found(artifacts: Artifacts, folder: Path, link: Link, change: Any) -> None:
    tampered(folder, change)
    assert any(MANIFEST in line for line in verify(artifacts, link))


def test_reordered_entries_are_named(artifacts: Artifacts, folder: Path, link: Link) -> None:
    tampered(folder, lambda it: it["entries"].insert(1, it["entries"].pop(2)))
    assert "entry 'sast.sarif' is not in its place, or was changed" in verify(artifacts, link)[0]


def test_a_manifest_that_was_made_anew_is_found_by_its_head(artifacts: Artifacts, folder: Path, link: Link) -> None:
    (folder / "results.json").write_bytes(b"[]\n")
    again = keep(artifacts, FOLDER, ABOUT, FILES | {"results.json": b"[]\n"}, None)
    assert verify(artifacts, again) == []
    assert verify(artifacts, link) == [f"{FOLDER}/{MANIFEST}: its head is {again.head}, it was {link.head}"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"[" * 100_000, b'{"entries": [1], "head": ""}'])
def test_what_is_no_manifest_is_told(artifacts: Artifacts, folder: Path, link: Link, content: bytes) -> None:
    (folder / MANIFEST).write_bytes(content)
    found, = verify(artifacts, link)
    assert found.startswith(f"{FOLDER}/{MANIFEST}: is no manifest")


def test_what_a_killed_run_left_goes(artifacts: Artifacts, folder: Path) -> None:
    artifacts.write(f"{FOLDER}/half.csv", b"1")
    link = keep(artifacts, FOLDER, ABOUT, FILES, Link("before", "sha256:0"))
    assert verify(artifacts, link) == [] and previous(artifacts, FOLDER) == Link("before", "sha256:0")


@given(st.dictionaries(st.text(min_size=1, max_size=9), st.binary(max_size=9), min_size=1, max_size=5), st.data())
def test_no_two_sets_of_files_have_the_same_head(files: dict[str, bytes], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(files)))
    others = [files | {name: files[name] + b"x"}, {key: value for key, value in files.items() if key != name},
              {f"{key}2" if key == name else key: value for key, value in files.items()}, dict(reversed(files.items()))]
    heads = {manifest(ABOUT, other, None)[1] for other in others if list(other.items()) != list(files.items())}
    assert manifest(ABOUT, files, None)[1] not in heads
