"""The documentation site: it is built without a warning, every link leads somewhere, and the reference leaves nothing out."""

import ast
import re
from pathlib import Path

from include.ledger.tables import metadata
from local.docs.build import problems, words
from local.docs.commands import modules, targets
from local.docs.markdown import cell, table
from local.docs.settings import ENVIRONMENT

ROOT = Path(__file__).resolve().parents[2]


def anchors(page: Path) -> set[str]:
    return set(re.findall(r'id="([^"]+)"', page.read_text()))


def test_every_page_is_built_and_can_be_found(site: Path) -> None:
    sources = {path.relative_to(ROOT / "docs").with_suffix(".html") for path in (ROOT / "docs").rglob("*.md")}
    assert {path.relative_to(site) for path in site.rglob("*.html")} >= sources
    navigation = set(re.findall(r'href="\./([^"#]+\.html)"', (site / "index.html").read_text()))
    assert {path.as_posix() for path in sources} <= navigation | {"index.html"}
    assert words(site) > 200


def test_the_reference_leaves_nothing_out(site: Path) -> None:
    dags = {path.stem for path in (ROOT / "dags").glob("*.py") if "@dag(" in path.read_text()}
    assert dags <= anchors(site / "reference" / "dags.html")
    assert set(metadata.tables) <= anchors(site / "reference" / "ledger.html")
    models = re.findall(r'"#/\$defs/(\w+)"', (ROOT / "include" / "products" / "schema.json").read_text())
    assert {name.lower() for name in models} <= anchors(site / "reference" / "product.html")


def test_every_make_target_says_what_it_does() -> None:
    [phony] = re.findall(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(phony.split()) - {"packages"} == {name for name, _ in targets()}


def test_every_command_says_how_it_is_called() -> None:
    """A module of `include` with a command line is a command for people, but for those that only the code starts."""
    lines = {path for path in (ROOT / "include").rglob("*.py")
             if "ArgumentParser(" in path.read_text() or '__name__ == "__main__"' in path.read_text()}
    assert {path for path in lines - set(modules()) if _for_people(path)} == set()


def _for_people(path: Path) -> bool:
    return path.relative_to(ROOT).as_posix() not in {"include/sandbox/guard.py", "include/voc_aggregation/second.py"}


def test_every_variable_of_the_environment_is_named() -> None:
    """What the code reads; what it only hands to its own processes is no setting."""
    files = [*(ROOT / "include").rglob("*.py"), *(ROOT / "dags").glob("*.py"), *(ROOT / "plugins").glob("*.py"),
             *(ROOT / "include" / "products").glob("*.yaml"), *(ROOT / "local").glob("*.py")]
    read = {name for path in files for name in re.findall(r"\bCLOSED_LOOP_[A-Z_]+\b", path.read_text())}
    own = {"CLOSED_LOOP_ENVIRONMENT", "CLOSED_LOOP_LOGIN", "CLOSED_LOOP_PASSWORD"}
    assert read - own - set(ENVIRONMENT) == set(), "to be named in local/docs/settings.py"


def test_dead_links_and_what_comes_from_elsewhere_are_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text('<h1 id="here">A</h1><a href="b.html">gone</a><a href="#there">no anchor</a>'
                                     '<a href="#here">ok</a><a href="https://example.org">elsewhere is fine</a><script src="https://x.example/y.js"></script>')
    (tmp_path / "a.css").write_text("@import url(https://fonts.googleapis.com/css?family=Inter);")
    assert sorted(line.split(": ", 1)[1] for line in problems(tmp_path)) == [
        "#there: there is no such anchor", "b.html leads nowhere", "loads https://fonts.googleapis.com/css?family=Inter",
        "loads https://x.example/y.js"]


def test_what_code_says_is_no_markup_but_for_code() -> None:
    assert cell("a|b *bold* <i> [x](y) snake_case `c|d *e*`") == r"a&#124;b \*bold\* \<i\> \[x\](y) snake\_case `c|d *e*`"
    assert table(["a", "b", "c"], [["1", "", "x"], ["2", "", ""]]) == "| a | c |\n| --- | --- |\n| 1 | x |\n| 2 |  |\n"


def test_docstrings_of_dags_have_a_title_and_a_text() -> None:
    for path in (ROOT / "dags").glob("*.py"):
        if "@dag(" in (source := path.read_text()):
            title, _, text = (ast.get_docstring(ast.parse(source)) or "").partition("\n")
            assert title.startswith("### ") and text.strip(), path.name
