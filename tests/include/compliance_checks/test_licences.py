"""Measured on licensee's fixtures: what is named is right, and a changed text is named nothing."""

from pathlib import Path

import pytest
import yaml

from include.compliance_checks.licences import NAMES, TEXTS, detect
from tests.conftest import SHARED

FIXTURES = SHARED / "data" / "licensee-fixtures"
IDS = {path.stem.lower().removesuffix("-only"): path.stem for path in TEXTS.glob("*.txt")}
MIT = (TEXTS / "MIT.txt").read_text()
APACHE = (TEXTS / "Apache-2.0.txt").read_text()


@pytest.mark.parametrize("name", sorted(IDS.values()))
def test_each_known_text_is_itself(name: str) -> None:
    assert detect((TEXTS / f"{name}.txt").read_text()).licence == name


@pytest.mark.parametrize("path", sorted((FIXTURES / "_licenses").glob("*.txt")), ids=lambda path: path.stem)
def test_reference_texts_of_others_are_named_or_unknown_and_never_mistaken(path: Path) -> None:
    text = path.read_text().split("---", 2)[2]
    assert detect(text).licence == IDS.get(path.stem)


def test_licences_of_real_projects() -> None:
    """Folders with one licence file: 34 of the 36 under a known licence are named, none is mistaken."""
    expected = yaml.safe_load((FIXTURES / "fixtures" / "fixtures.yml").read_text())
    right, missed, wrong = [], [], []
    for case, truth in expected.items():
        folder = FIXTURES / "fixtures" / case
        files = [path for path in folder.glob("*") if path.is_file() and NAMES.fullmatch(path.name)]
        if len(files) != 1 or case == "licenses-dir-with-top-level-license":  # "other" there: for its second folder
            continue
        found, true = detect(files[0].read_text(errors="replace")).licence, IDS.get(truth["key"])
        (right if found == true else missed if found is None else wrong).append(case)
    assert wrong == []
    assert missed == ["bsd-3-multilinecopyright", "cc0-cal2013"]
    assert len(right) == 48


@pytest.mark.parametrize("text", [
    MIT + "\nThe Software shall be used for Good, not Evil.\n",
    MIT.replace("sublicense, and/or sell", "and may not sell"),
    MIT.replace("sublicense, and/or sell", "and/or sublicense"),
    MIT + "\nNot for commercial use.\n",
    APACHE + "\nThe License does not grant to you the right to Sell the Software.\n",
    MIT.replace("the copyright holders", "2024 Kim, not for commercial use"),
    MIT.replace("without restriction", "with no restriction"),
    APACHE.replace("irrevocable", ""),
    APACHE.replace("royalty-free", "royalty-bearing", 1),
    MIT.replace(MIT[MIT.index("THE SOFTWARE IS"):], ""),
    "", "Proprietary. All rights reserved.", "\0" * 100, "가나다 " * 100, "a " * 300_000,
])
def test_a_changed_text_is_no_licence(text: str) -> None:
    assert detect(text).licence is None


@pytest.mark.parametrize("text", [
    MIT.upper(), MIT.replace("\n", "\r\n"), " ".join(MIT.split("\n")[2:]), f"# MIT Licence\n\n{MIT}",
    MIT.replace('"', "“"), MIT.replace("the copyright holders", "2024 김다나 <dana@tea.example>")])
def test_layout_and_holder_do_not_matter(text: str) -> None:
    assert detect(text).licence == "MIT"


@pytest.mark.parametrize(("name", "is_one"), [
    ("LICENSE", True), ("LICENCE.txt", True), ("LICENSE-MIT", True), ("LICENSE_1_0.txt", True), ("COPYING.LESSER", True),
    ("UNLICENSE", True), ("PATENTS", True), ("license.py", False), ("licenses.json", False), ("README.md", False)])
def test_names_of_licence_files(name: str, is_one: bool) -> None:
    assert bool(NAMES.fullmatch(name)) is is_one
