"""Which packages manifests name, and what becomes of those that nobody can read."""

import json
import time

import pytest

from include.manifests import components_in, is_manifest
from include.parts.dependencies import package_url
from tests.crash import ROOT

PYPROJECT = """\
[build-system]
requires = ["hatchling>=1"]

[project]
name = "shop"
dependencies = [
  "Typing_Extensions >=4,<5 ; python_version < '3.12'",
  "httpx[http2]==0.28.1",
  "not a requirement !",
]
[project.optional-dependencies]
s3 = ["boto3"]
[dependency-groups]
dev = ["pytest", {include-group = "s3"}]
[tool.poetry.dependencies]
python = "^3.11"
rich = {version = "^13.1", optional = true}
"""
REQUIREMENTS = """\
# comment
-r base.txt
--index-url https://example.org/simple
Django==5.1.4 \\
    --hash=sha256:aaaa
zope.interface>=5 ; python_version >= "3.9"  # why
-e git+https://example.org/x.git#egg=Own_Thing
https://example.org/wheel.whl
uvicorn @ https://example.org/uvicorn.whl
"""
PACKAGE = {"dependencies": {"@acme/pay-client": "^1.2.0", "left": "npm:left-pad@1.3.0", "bad name": "1", "old": 3},
           "devDependencies": {"vite": "~5.0"}}
LOCK = {"lockfileVersion": 3, "packages": {
    "": {"name": "web"}, "node_modules/@acme/pay-client": {"version": "1.2.3"},
    "node_modules/a": {"version": "1.0.0", "dev": True},
    "node_modules/a/node_modules/b": {"version": "2.0.0"}, "node_modules/b": {"version": "1.0.0"}, "packages/w": {"link": True}}}
LOCK_1 = {"lockfileVersion": 1, "dependencies": {"a": {"version": "1.0.0", "dependencies": {"b": {"version": "2.0.0"}}}}}
GO = """\
module example.org/shop

go 1.23

require github.com/Acme/Pay/v2 v2.1.0
require (
\tgolang.org/x/net v0.33.0 // indirect
\tgopkg.in/yaml.v3 v3.0.1
\tbroken
)
replace gopkg.in/yaml.v3 => github.com/fork/yaml v3.0.9
replace golang.org/x/net => ../net
"""


def found(path: str, text: str) -> list[tuple[str, str, str | None, str, int]]:
    return [(item.package, item.version, item.needs, item.scope, item.line)
            for item in components_in(path, text.encode()).components]


def test_pyproject() -> None:
    assert found("pyproject.toml", PYPROJECT) == [
        ("pkg:pypi/typing-extensions", "", "<5,>=4", "runtime", 7), ("pkg:pypi/httpx", "0.28.1", "==0.28.1", "runtime", 8),
        ("pkg:pypi/boto3", "", None, "optional", 12), ("pkg:pypi/pytest", "", None, "development", 14),
        ("pkg:pypi/hatchling", "", ">=1", "build", 2), ("pkg:pypi/rich", "", "^13.1", "runtime", 1)]
    assert components_in("pyproject.toml", PYPROJECT.encode()).set_aside == [
        "pyproject.toml:9: no requirement: 'not a requirement !'"]


def test_requirements() -> None:
    assert found("requirements-dev.txt", REQUIREMENTS) == [
        ("pkg:pypi/django", "5.1.4", "==5.1.4", "runtime", 4), ("pkg:pypi/zope-interface", "", ">=5", "runtime", 6),
        ("pkg:pypi/own-thing", "", None, "runtime", 7), ("pkg:pypi/uvicorn", "", None, "runtime", 9)]
    assert components_in("a/requirements.txt", REQUIREMENTS.encode()).set_aside == [
        "a/requirements.txt:8: no requirement: 'https://example.org/wheel.whl'"]


def test_package_json() -> None:
    text = json.dumps(PACKAGE, indent=1)
    assert found("package.json", text) == [
        ("pkg:npm/%40acme/pay-client", "", "^1.2.0", "runtime", 3), ("pkg:npm/left-pad", "", "1.3.0", "runtime", 1),
        ("pkg:npm/vite", "", "~5.0", "development", 9)]
    assert components_in("package.json", text.encode()).set_aside == [
        "package.json:5: no package with a version: 'bad name'", "package.json:6: dependencies: no range: 'old'"]


def test_package_lock() -> None:
    assert [(name, version, scope) for name, version, _, scope, _ in found("package-lock.json", json.dumps(LOCK))] == [
        ("pkg:npm/%40acme/pay-client", "1.2.3", "runtime"), ("pkg:npm/a", "1.0.0", "development"),
        ("pkg:npm/b", "2.0.0", "runtime"), ("pkg:npm/b", "1.0.0", "runtime")]
    assert {name: version for name, version, *_ in found("package-lock.json", json.dumps(LOCK_1))} == {
        "pkg:npm/a": "1.0.0", "pkg:npm/b": "2.0.0"}


def test_go_mod() -> None:
    assert found("go.mod", GO) == [
        ("pkg:golang/github.com/Acme/Pay/v2", "v2.1.0", "^2.1.0", "runtime", 5),
        ("pkg:golang/golang.org/x/net", "", "^0.33.0", "runtime", 7),
        ("pkg:golang/github.com/fork/yaml", "v3.0.9", "^3.0.9", "runtime", 11)]
    assert components_in("go.mod", GO.encode()).set_aside == ["go.mod:9: no requirement: 'broken'"]


def test_a_real_lock_file() -> None:
    locked = components_in("requirements.lock", (ROOT / "requirements.lock").read_bytes())
    assert locked.set_aside == []
    versions = {item.package: item.version for item in locked.components}
    assert versions["pkg:pypi/apache-airflow"] == "3.3.2"
    assert len(versions) > 100
    assert all(item.kind == "lock" and item.version and item.line for item in locked.components)


@pytest.mark.parametrize(("path", "content", "said"), [
    ("package.json", b'{"dependencies": {\n "a": }', "package.json:2: no JSON"),
    ("package.json", b'{"a":' * 100_000, "package.json:1: "),
    ("package.json", b'{"a": ' + b"9" * 5000 + b"}", "package.json:1: "),
    ("pyproject.toml", b"[project]\nname = \n", "pyproject.toml:2: no TOML"),
    ("pyproject.toml", b"a=" + b"[" * 50_000, "pyproject.toml:1: "),
    ("pyproject.toml", b"\n" + b"a." * 60_000 + b"a=1", "pyproject.toml:2: longer than 100,000 characters"),
    ("go.mod", b"a\n\xff", "go.mod:2: no UTF-8"),
])
def test_what_nobody_can_read_is_set_aside_with_its_line(path: str, content: bytes, said: str) -> None:
    begin = time.monotonic()
    result = components_in(path, content)
    assert result.components == []
    assert len(result.set_aside) == 1
    assert result.set_aside[0].startswith(said)
    assert time.monotonic() - begin < 60


def test_which_files_are_manifests() -> None:
    paths = ("a/go.mod", "requirements.txt", "requirements-dev.lock", "web/package.json", "web/node_modules/a/package.json",
             "vendor/go.mod", "requirements.md", "my-requirements.txt")
    assert [path for path in paths if is_manifest(path)] == list(paths[:4])


@pytest.mark.parametrize(("text", "normal"), [
    ("pkg:pypi/Zope.Interface@5.0", "pkg:pypi/zope-interface@5.0"), ("pkg:npm/@acme/pay-client", "pkg:npm/%40acme/pay-client"),
    ("pkg:golang/github.com/Acme/Pay@v1.0.0", "pkg:golang/github.com/Acme/Pay@v1.0.0")])
def test_a_package_url_has_one_form(text: str, normal: str) -> None:
    assert package_url(text).to_string() == normal
