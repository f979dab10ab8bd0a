"""What README.md shows is true: its product file can be read, its table names every DAG, its links lead somewhere.
README.ko.md says the same in Korean."""

import re
from pathlib import Path

import pytest

from include.product import read_product

ROOT = Path(__file__).parents[1]
README, KOREAN = ((ROOT / name).read_text() for name in ("README.md", "README.ko.md"))
LINK = re.compile(r"\]\(([^)]+)\)")


def blocks(text: str) -> list[str]:
    return re.findall(r"^```.+?^```$", text, re.DOTALL | re.MULTILINE)


def prose(text: str) -> str:
    """All but code blocks."""
    return re.sub(r"^```.+?^```$", "", text, flags=re.DOTALL | re.MULTILINE)


def named(text: str) -> set[str]:
    """What stands between backticks, wherever lines break."""
    return {" ".join(found.split()) for found in re.findall(r"`([^`]+)`", prose(text))}


def rows(text: str) -> list[str]:
    return [line for line in prose(text).splitlines() if line.startswith("|")]


def test_the_product_file_that_it_shows_can_be_read(tmp_path: Path) -> None:
    [shown] = re.findall(r"```yaml\n(.+?)```", README, re.DOTALL)
    (tmp_path / "webshop.yaml").write_text(shown)
    product = read_product(tmp_path / "webshop.yaml")
    assert len(product.voices.sources) == 4


def test_its_table_names_every_dag() -> None:
    dags = {path.stem for path in (ROOT / "dags").glob("*.py") if "@dag(" in path.read_text()}
    assert dags <= set(re.findall(r"`(\w+)`", "\n".join(rows(README))))


@pytest.mark.parametrize("name", ["README.md", "README.ko.md", "CONTRIBUTING.md"])
def test_links_lead_somewhere(name: str) -> None:
    gone = [target for target in LINK.findall((ROOT / name).read_text())
            if not target.startswith("https://") and not (ROOT / target.partition("#")[0]).is_file()]
    assert gone == []


def test_the_korean_one_says_the_same() -> None:
    """As far as it can be seen without reading: headings, code, what is named, rows of the table, links, paragraphs."""
    assert [line.count("#") for line in prose(KOREAN).splitlines() if line.startswith("#")] == [
        line.count("#") for line in prose(README).splitlines() if line.startswith("#")]
    assert blocks(KOREAN) == blocks(README)
    assert named(KOREAN) == named(README)
    assert [row.split("|")[2].strip() for row in rows(KOREAN)][2:] == [row.split("|")[2].strip() for row in rows(README)][2:]
    assert LINK.findall(KOREAN.replace("(README.md)", "(README.ko.md)")) == LINK.findall(README)
    assert KOREAN.count("\n\n") == README.count("\n\n")


def test_the_korean_one_is_korean() -> None:
    """Every paragraph is, but for headings that are names."""
    for part in re.split(r"\n\n", prose(KOREAN)):
        assert not part.strip() or re.search("[가-힣]", part) or part.startswith(("# Closed Loop", "[English]")), part
