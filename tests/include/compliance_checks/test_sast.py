from pathlib import Path

import pytest

from include.compliance_checks.sast import sarif_of, summary

# One for each grave thing that a small product might do, with the rule that names it.
PLANTED = {
    "S602": "import subprocess\nsubprocess.run('ls ' + input(), shell=True)\n",
    "S324": "import hashlib\nhashlib.md5(b'')\n",
    "S501": "import requests\nrequests.get('https://x', verify=False, timeout=1)\n",
    "S701": "import jinja2\njinja2.Environment(autoescape=False)\n",
    "S202": "import tarfile\ntarfile.open('x').extractall()\n",
    "S507": "from paramiko import client as c\nhere = c.SSHClient()\nhere.set_missing_host_key_policy(c.AutoAddPolicy)\n",
}


@pytest.mark.parametrize(("rule", "code"), PLANTED.items(), ids=PLANTED)
def test_what_is_grave_is_an_error_with_its_place(tmp_path: Path, rule: str, code: str) -> None:
    path = tmp_path / "앱" / "a b.py"
    path.parent.mkdir()
    path.write_text(code)
    found = [item for item in summary(sarif_of(tmp_path))["findings"] if item["rule"] == rule]
    assert [(item["file"], item["line"], item["level"]) for item in found] == [("앱/a b.py", code.count("\n"), "error")]


def test_the_document_is_sarif_with_names_inside_the_tree(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("assert 1\nexec('x')\npassword = 'hunter2'\n")  # pragma: allowlist secret
    (tmp_path / "broken.py").write_text("def f(:\n")
    document = sarif_of(tmp_path)
    run, = document["runs"]
    assert (document["version"], run["tool"]["driver"]["name"]) == ("2.1.0", "ruff") and "invocations" not in run
    assert str(tmp_path) not in str(document)
    levels = {item["rule"]: item["level"] for item in summary(document)["findings"]}
    assert levels == {"S101": "note", "S102": "warning", "S105": "note", "invalid-syntax": "error"}
    ids = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    assert all(result["ruleId"] in ids or result["ruleId"] == "invalid-syntax" for result in run["results"])


def test_settings_of_the_product_count_for_nothing_and_its_tests_may_assert(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.ruff]\nexclude = ["*"]\n[tool.ruff.lint]\nignore = ["S"]\n')
    (tmp_path / ".gitignore").write_text("*\n")
    (tmp_path / "a.py").write_text("exec('x')\nexec('y')  # noqa: S102\n")
    for name in ("build", ".venv", "tests"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "b.py").write_text("exec('x')\n")
    (tmp_path / "tests" / "test_a.py").write_text("assert 1\nexec('x')\n")
    found = summary(sarif_of(tmp_path))
    assert [(item["file"], item["line"], item["rule"]) for item in found["findings"]] == [
        (".venv/b.py", 1, "S102"), ("a.py", 1, "S102"), ("build/b.py", 1, "S102"), ("tests/b.py", 1, "S102"),
        ("tests/test_a.py", 2, "S102")]
    assert found["tool"].startswith("ruff ")


def test_a_tree_without_python_has_no_findings(tmp_path: Path) -> None:
    assert summary(sarif_of(tmp_path))["findings"] == []
