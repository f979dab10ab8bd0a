"""What the image is made of: every pin with its hash, Debian's packages, and Closed Loop itself, as CycloneDX says it."""

import json
import re
import subprocess
import sys
from email.message import Message
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import jsonschema
import pytest
from cyclonedx import schema
from packaging.markers import default_environment
from referencing import Registry, Resource

from include.advisories import Mirror
from include.build_and_test.sbom import sbom
from include.compliance_checks.advisories import advised
from include.compliance_checks.sbom import components
from include.errors import InputError
from include.manifests import read_manifests
from local.sbom import DEBIAN, LOCK, ROOT, debian_parts, document, licences, own_version, pins, python_parts
from tests.conftest import NOW

HASH = "--hash=sha256:" + "a" * 64


def valid(content: bytes) -> Any:
    folder = Path(schema.__file__).parent / "_res"
    files = [f"{name}.SNAPSHOT.schema.json" for name in ("bom-1.6", "spdx", "jsf-0.82")]
    read = {name: json.loads((folder / name).read_text()) for name in files}
    registry = Registry().with_resources((urljoin(read[files[0]]["$id"], name), Resource.from_contents(item))
                                         for name, item in read.items())
    found = json.loads(content)
    jsonschema.Draft7Validator(read[files[0]], registry=registry).validate(found)
    return found


@pytest.mark.parametrize("lock", sorted(ROOT.glob("requirements*.lock")), ids=lambda path: path.name)
def test_every_line_of_every_lock_is_one_version_with_hashes(lock: Path) -> None:
    found = pins(lock.read_text())
    assert len(found) == len(re.findall(r"^[^\s#]", lock.read_text(), re.MULTILINE)) > 100
    assert all(re.fullmatch("[0-9a-f]{64}", item) for pin in found for item in pin.hashes)


def test_what_is_installed_is_installed_by_hashes() -> None:
    """The image by pip; here by uv, which verifies them where a lock has them unless it is told not to."""
    assert "--no-deps --require-hashes -r requirements-scale.lock" in (ROOT / "Dockerfile").read_text()
    assert "verify-hashes" not in (ROOT / "Makefile").read_text()


@pytest.mark.parametrize("line", [f"jinja2>=3 {HASH}", f"jinja2 {HASH}", f"jinja2==3.* {HASH}", f"jinja2>=3,==3.1.6 {HASH}",
                                  f"-e . {HASH}", f"jinja2 @ https://example.org/jinja2.whl {HASH}", "jinja2==3.1.6",
                                  "jinja2==3.1.6 --hash=md5:aa"])
def test_a_line_that_pins_less_is_refused(line: str) -> None:
    with pytest.raises(InputError, match="the lock file"):
        pins(f"a==1 {HASH}\n{line}\n")


def test_the_image_s_document_lists_what_the_lock_pins_for_this_python() -> None:
    content = document("1.2.0", NOW, python_parts(LOCK.read_text()) + debian_parts(DEBIAN.read_text().split()))
    found = valid(content)
    listed = {part["purl"]: part for part in found["components"]}
    meant = [pin for pin in pins(LOCK.read_text()) if not (marker := pin.requirement.marker) or marker.evaluate()]
    python = {f"pkg:pypi/{pin.name}@{pin.version}": sorted(pin.hashes) for pin in meant}
    assert python == {purl: [item["content"] for item in part["hashes"]] for purl, part in listed.items() if "pkg:pypi/" in purl}
    root = found["metadata"]["component"]
    assert (root["name"], root["version"], found["metadata"]["timestamp"]) == ("closed-loop", "1.2.0", NOW.isoformat())
    [whole] = [item for item in found["dependencies"] if item["ref"] == root["bom-ref"]]
    assert len(whole["dependsOn"]) == len(listed) == len(found["components"])
    # and the compliance phase reads it as it reads a product's
    read = {item.name: item for item in components(content)}
    assert read["pydantic"].licences == ("MIT",) and read["pydantic"].version == metadata.version("pydantic")


def test_debian_s_packages_have_the_versions_that_dpkg_has() -> None:
    git, nothing = debian_parts(["git", "no-such-package"])
    known = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "git"], capture_output=True, text=True, check=True).stdout
    assert git.purl and git.version == known == git.purl.version and git.purl.type == "deb"
    assert nothing.version is None
    assert [item["value"] for item in valid(document("1", NOW, [nothing]))["metadata"]["properties"]] == [
        "no-such-package: not installed here, its version is not known"]


def test_all_that_is_installed_is_more_than_the_lock() -> None:
    names = {part.name for part in python_parts(LOCK.read_text(), installed=True)}
    assert names >= {"pytest", "jinja2"} and "pytest" not in {pin.name for pin in pins(LOCK.read_text())}
    assert {part.name for part in debian_parts([])} >= {"git", "dpkg"}


def test_a_pin_for_another_python_is_no_part() -> None:
    here = default_environment()["python_full_version"]
    lock = f"a==1 ; python_full_version < '{here}' {HASH}\na==2 ; python_full_version >= '{here}' \\\n    {HASH}\n    # via b\n"
    assert [(part.name, part.version) for part in python_parts(lock)] == [("a", "2")]


@pytest.mark.parametrize(("fields", "named"), [
    ({"License-Expression": "MIT", "License": "other"}, ["MIT"]), ({"License": "BSD"}, ["BSD"]), ({}, []),
    ({"License": "UNKNOWN", "Classifier": "License :: OSI Approved :: MIT License"}, ["MIT License"]),
    ({"License": "Copyright\nall of it", "Classifier": "License :: OSI Approved"}, [])])
def test_a_licence_is_what_the_metadata_calls_it(fields: dict[str, str], named: list[str]) -> None:
    about = Message()
    for field, text in fields.items():
        about[field] = text
    assert licences(about) == named  # type: ignore[arg-type]  # metadata is such a message


@pytest.mark.parametrize("fixed", [True, False])
def test_an_advisory_about_what_we_pin_is_found(tmp_path: Path, fixed: bool) -> None:
    """Our release's document is made from our locks as a product's is, and held against a folder of OSV's advisories."""
    files = {name: (ROOT / name).read_bytes() for name in ("requirements.txt", "requirements.lock")}
    found = read_manifests({name: len(text) for name, text in files.items()}, files.__getitem__)
    content, locked = sbom("closed-loop", "1", "sha256:" + "0" * 64, NOW, found), pins(files["requirements.lock"].decode())
    [pinned] = {pin.version for pin in locked if pin.name == "jinja2"}
    until = {"fixed": pinned} if fixed else {"last_affected": pinned}
    span = {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, until]}
    advisory = {"id": "TEST-1", "affected": [{"package": {"ecosystem": "PyPI", "name": "Jinja2"}, "ranges": [span]}]}
    (tmp_path / "made-up.json").write_text(json.dumps(advisory))
    told = advised(Mirror(tmp_path, "compliance.osv"), components(content))
    assert told["unjudged"] == [] and told["judged"] == len(locked)
    assert [(row["package"], row["version"], row["id"]) for row in told["found"]] == (
        [] if fixed else [("pkg:pypi/jinja2", pinned, "TEST-1")])


def test_the_command_writes_it(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "local.sbom", str(tmp_path / "new" / "sbom.json")]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    found = valid((tmp_path / "new" / "sbom.json").read_bytes())
    assert found["metadata"]["component"]["version"] == own_version() and f"{len(found['components'])} packages" in said
