"""What README.md shows is true: its product file can be read, and its table names every DAG."""

import re
from pathlib import Path

from include.product import read_product

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_the_product_file_that_it_shows_can_be_read(tmp_path: Path) -> None:
    [shown] = re.findall(r"```yaml\n(.+?)```", README, re.DOTALL)
    (tmp_path / "webshop.yaml").write_text(shown)
    product = read_product(tmp_path / "webshop.yaml")
    assert len(product.voices.sources) == 4


def test_its_table_names_every_dag() -> None:
    rows = "\n".join(line for line in README.splitlines() if line.startswith("|"))
    dags = {path.stem for path in (ROOT / "dags").glob("*.py") if "@dag(" in path.read_text()}
    assert dags <= set(re.findall(r"`(\w+)`", rows))
