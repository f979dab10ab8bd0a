from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from include.artifacts import Artifacts
from include.compliance_checks import secrets
from include.compliance_checks.facts import NO_ARCHIVE, Subject, facts_of, licences_in
from include.compliance_checks.policy import Missing
from include.compliance_checks.secrets import secrets_in
from include.product import Product
from tests.conftest import NOW

# Put together here, so that no scanner of this repository finds them.
PLANTED = {
    "AWS Access Key": 'key = "' + "AKIA" + 'IOSFODNN7QWERTYU"',
    "GitHub Token": "token: " + "ghp_" + "q7Rz2kLm9XvB4nTc8WyD1sFh6JgP3aEu5oKi",  # pragma: allowlist secret
    "Private Key": "-----BEGIN " + "RSA PRIVATE KEY-----",
    "Basic Auth Credentials": "url = https://root:" + "hunter2hunter@db.example/x",
    "Secret Keyword": 'password = "' + 'correct-horse-battery-9"',
    "Slack Token": "xoxb" + "-123456789012-abcdefghijklmnop",  # pragma: allowlist secret
}


@pytest.mark.parametrize(("kind", "line"), PLANTED.items(), ids=PLANTED)
def test_a_planted_secret_is_named_by_place_and_type_and_never_by_value(tmp_path: Path, kind: str, line: str) -> None:
    path = tmp_path / "deep" / "설정.py"
    path.parent.mkdir()
    path.write_text(f"# settings\n\n{line}\n")
    facts = secrets_in(tmp_path)
    assert {"file": "deep/설정.py", "line": 3, "type": kind} in facts["found"]
    assert line.split()[-1].strip('"') not in str(facts)


@pytest.mark.parametrize("encoding", ["utf-16", "euc-kr", "utf-8-sig", "latin-1"])
def test_a_secret_in_another_encoding_is_found(tmp_path: Path, encoding: str) -> None:
    note = "é" if encoding == "latin-1" else "비밀"
    (tmp_path / "a.txt").write_bytes(f"# {note}\n{PLANTED['AWS Access Key']}\n".encode(encoding))
    assert [item["line"] for item in secrets_in(tmp_path)["found"]] == [2]


def test_what_is_no_secret_is_not_found_and_what_was_not_scanned_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outside = tmp_path / "outside"
    outside.write_text(PLANTED["AWS Access Key"])
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "link").symlink_to(outside)
    (tree / "code.py").write_text("import os\npassword = os.environ['PASSWORD']\n")
    (tree / "values.yaml").write_text("fernetKeySecretName: closed-loop-fernet\n- {secretName: keys, secretKey: author_key}\n")
    (tree / "image.png").write_bytes(b"\x89PNG\0\0" * 100)
    monkeypatch.setattr(secrets, "MAX_FILE_BYTES", 1000)
    (tree / "dump.sql").write_text("x" * 1001)
    assert secrets_in(tree) == {"found": [], "scanned": 2, "binary": 1, "unscanned": ["dump.sql"]}


def test_licence_files_and_the_declared_licence_are_found(tmp_path: Path) -> None:
    mit = (Path(secrets.__file__).parent / "licences" / "MIT.txt").read_text()
    (tmp_path / "LICENSES").mkdir()
    (tmp_path / "LICENSES" / "mine.txt").write_text("Ask me.")
    (tmp_path / "LICENSE").write_text("\ufeff" + mit)
    (tmp_path / "COPYING").symlink_to("/etc/passwd")
    (tmp_path / "pyproject.toml").write_text('[project]\nlicense = "MIT OR Apache-2.0"\n')
    found = licences_in(tmp_path)
    assert [(item["file"], item["licence"]) for item in found["files"]] == [("LICENSE", "MIT"), ("LICENSES/mine.txt", None)]
    assert found["declared"] == "MIT OR Apache-2.0"
    (tmp_path / "pyproject.toml").write_text('[project]\nlicense = {text = "MIT"}\n')
    assert licences_in(tmp_path)["declared"] == "MIT"


def subject(engine: Engine, artifacts: Artifacts, tests: dict[str, Any] | None = None, **compliance: Any) -> Subject:
    """A release without an archive, of a product with these settings."""
    product = Product.model_validate({"name": "shop", "title": "Shop", "owner": "team", "compliance": compliance})
    return Subject(product, {"key": "shop|1.0.0", "tests": tests}, None, NOW, engine, artifacts)


def test_a_missing_fact_says_why_and_an_inventory_that_is_declared_empty_is_there(ledger: Engine, artifacts: Artifacts) -> None:
    missing = facts_of(subject(ledger, artifacts))
    assert [missing[name]() for name in ("tests", "secrets", "inventory")] == [
        Missing("the release has no test results"), NO_ARCHIVE, Missing("the product declares no data_inventory")]
    assert facts_of(subject(ledger, artifacts, data_inventory=[]))["inventory"]() == []
