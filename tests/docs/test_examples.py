"""What the pages of docs/ show can be used as it stands: each YAML says by its title which file it is a part of."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from include.compliance_checks.__main__ import main as try_packs
from include.product import read_product
from local.docs.commands import usage

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs").rglob("*.md"))
BLOCK = re.compile(r"^```(\w*)(?: title=\"([^\"]+)\")?\n(.+?)^```$", re.DOTALL | re.MULTILINE)
BASE = {"name": "shop", "title": "Tea shop", "owner": "team-shop"}


def blocks(language: str) -> list[tuple[str, str, str]]:
    """(page:line, title, text) of each block of a language."""
    return [(f"{path.relative_to(ROOT)}:{path.read_text().count(chr(10), 0, match.start()) + 1}", match[2] or "", match[3])
            for path in PAGES for match in BLOCK.finditer(path.read_text()) if match[1] == language]


YAML = blocks("yaml")


def test_there_are_examples_and_each_says_what_it_is() -> None:
    assert len(YAML) > 20
    assert [place for place, title, _ in YAML if not title] == []


@pytest.mark.parametrize(("place", "text"), [(place, text) for place, title, text in YAML
                                             if re.fullmatch(r"[\w-]+\.yaml", title) and title != "airflow_settings.yaml"])
def test_a_product_file_can_be_read(place: str, text: str, tmp_path: Path) -> None:
    """As it stands, with name, title and owner where it leaves them out."""
    given = "".join(f"{field}: {value}\n" for field, value in BASE.items() if f"\n{field}: " not in f"\n{text}")
    name = yaml.safe_load(given + text)["name"]
    (tmp_path / f"{name}.yaml").write_text(given + text)
    assert read_product(tmp_path / f"{name}.yaml").name == name, place


def test_a_policy_pack_judges_its_examples_as_it_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    packs = [text for _, title, text in YAML if title.startswith("policies/")]
    for number, text in enumerate(packs):
        (tmp_path / f"pack{number}.yaml").write_text(text)
    assert (try_packs([str(tmp_path)]), len(packs)) == (0, 1), capsys.readouterr().out


def test_settings_have_the_fields_of_the_settings_file() -> None:
    [text] = [text for _, title, text in YAML if title == "airflow_settings.yaml"]
    ours, shown = (yaml.safe_load(source)["airflow"] for source in ((ROOT / "airflow_settings.yaml").read_text(), text))
    assert [item["conn_id"] for item in shown["connections"]] == [item["conn_id"] for item in ours["connections"]]
    assert [item["variable_name"] for item in shown["variables"]] == [item["variable_name"] for item in ours["variables"]]


def test_what_must_be_there_before_a_deployment_is_named() -> None:
    """Secrets of the Helm values with their keys, and the settings of compose.yaml that have no secret in them."""
    page = (ROOT / "docs" / "running-at-scale.md").read_text()
    values = yaml.safe_load((ROOT / "deploy" / "values.yaml").read_text())
    named = {item[field] for item in values["secret"] for field in ("secretName", "secretKey")}
    named |= {values[name] for name in ("fernetKeySecretName", "apiSecretKeySecretName", "jwtSecretName")}
    chosen = set(re.findall(r"\$\{(CLOSED_LOOP_\w+)", (ROOT / "compose.yaml").read_text()))
    assert [name for name in sorted(named | chosen) if f"`{name}`" not in page] == []


def test_commands_exist() -> None:
    """Each `make target` and each `python -m module` that a page or README.md names."""
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for path in (*PAGES, ROOT / "README.md", ROOT / "README.ko.md", ROOT / "CONTRIBUTING.md"):
        text = path.read_text()
        named = set(re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE))
        assert named <= targets, (path, named - targets)
        for module in set(re.findall(r"python -m ([a-z_][\w.]*\w)", text)):
            place = ROOT / module.replace(".", "/")
            assert place.with_suffix(".py").is_file() or (place / "__main__.py").is_file(), (path, module)


@pytest.mark.parametrize("shown", sorted({line.partition("  #")[0].replace(r"\|", "|") for _, _, text in blocks("sh")
                                          for line in text.splitlines() if "python -m include" in line}))
def test_arguments_of_commands_are_known(shown: str) -> None:
    """Their parser takes them, as far as the command's own help says which there are."""
    words = shlex.split(shown)
    module = words[words.index("-m") + 1]
    options = {word for word in words[words.index("-m") + 2:] if word.startswith("--")}
    if options:
        assert options <= set(re.findall(r"--[\w-]+", usage(module)))
