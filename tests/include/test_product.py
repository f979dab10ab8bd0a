"""Product files: what they may say, and errors that name file, line, column and field."""

from pathlib import Path

import pytest

from include import product
from include.errors import InputError
from include.product import SCHEMA, Product, json_schema, product_named, products, read_product

GOOD = """\
name: tea
title: Tea
owner: team-tea
"""

BOMB = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40))  # 10^12 nodes in a kB


def written(folder: Path, text: str, name: str = "tea.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def refused(folder: Path, text: str) -> str:
    path = written(folder, text)
    with pytest.raises(InputError) as caught:
        read_product(path)
    return str(caught.value).replace(f"{path}:", "")


def test_the_smallest_file(tmp_path: Path) -> None:
    assert read_product(written(tmp_path, GOOD)) == Product(name="tea", title="Tea", owner="team-tea")


@pytest.mark.parametrize(("text", "message"), [
    ("ownr: me\n", "4:1: ownr: Extra inputs are not permitted"),
    ("planning:\n  capacity: -2\n", "5:3: planning.capacity: Input should be greater than 0"),
    ("voices:\n  sources:\n    - {name: a, path: b, format: xls}\n", "6:26: voices.sources.0.format: Input should be"),
    ("planning: {capacity: [1, }\n", "4:26: no YAML"),
    ("title: again\n", "4:1: no YAML: field 'title' stands twice"),
    ("compliance: &a {packs: *a}\n", "no YAML"),
    ("slo: ${NOT_SET_ANYWHERE}\n", "4:6: no YAML: environment variable NOT_SET_ANYWHERE is not set"),
    ("deployment: {command: x, port: 1, canary: {steps: [50, 10]}}\n", "steps must rise and end at 100"),
    ("voices: {sources: [{name: operations, path: b, format: csv}]}\n", "names taken twice or reserved: operations"),
    ("title: !!python/object/apply:os.system [echo]\n", "no YAML"),
])
def test_an_error_names_line_column_and_field(tmp_path: Path, text: str, message: str) -> None:
    assert message in refused(tmp_path, GOOD + text)


@pytest.mark.parametrize(("text", "message"), [
    ("", "1:1: file: "), ("- a\n- b\n", "1:1: file: "), ("name: [", "no YAML"),
    ("a: " + "[" * 20_000, "no YAML"), (BOMB, "2:10: no YAML: aliases are not allowed"),
    ("name: other\ntitle: T\nowner: o\n", "1:1: name: is 'other', but the file is tea.yaml"),
])
def test_what_is_no_product_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    assert message in refused(tmp_path, text)


def test_a_huge_or_binary_file_is_refused(tmp_path: Path) -> None:
    assert "larger than" in refused(tmp_path, GOOD + "#" * product.MAX_BYTES)
    (tmp_path / "tea.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="cannot be read"):
        read_product(tmp_path / "tea.yaml")


def test_variables_come_from_the_environment(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = GOOD + "slo: ${CLOSED_LOOP_HOME}/a #b.yml\ndeployment: {command: '${RUN:-go} {port}', port: \"${PORT:-81}\"}\n"
    monkeypatch.setenv("RUN", "python: [x")
    read = read_product(written(tmp_path, text))
    assert read.slo == f"{home}/a"
    assert read.deployment is not None
    assert (read.deployment.command, read.deployment.port) == ("python: [x {port}", 81)


def test_one_broken_file_spoils_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOSED_LOOP_PRODUCTS", str(tmp_path))
    written(tmp_path, GOOD)
    written(tmp_path, "name: bad\nonwer: x\n", "bad.yaml")
    good, broken = products()
    assert [item.name for item in good] == ["tea"]
    assert [item.path.name for item in broken] == ["bad.yaml"]
    assert "bad.yaml:2:1: onwer" in str(broken[0].error)
    assert product_named("tea") == good[0]


def test_an_unknown_product_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOSED_LOOP_PRODUCTS", str(tmp_path))
    with pytest.raises(InputError, match=r"unknown product 'coffee': no coffee\.yaml in"):
        product_named("coffee")


def test_the_products_of_the_project_are_good() -> None:
    good, broken = products()
    assert (len(broken), [item.name for item in good]) == (0, ["parcels", "shop"])


def test_the_schema_for_editors_is_up_to_date() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == json_schema(), "run: python -m include.product"
