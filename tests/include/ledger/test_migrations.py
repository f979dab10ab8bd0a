"""Migrations on a ledger that holds a turn of the loop: down to any schema that was released, and up again."""

import re

import pytest
from sqlalchemy import Connection, Engine, func, inspect, select, table, text

from include.ledger.engine import MIGRATIONS, downgrade, reading, upgrade
from include.ledger.tables import metadata
from tests.include.ledger.test_engine import differences
from tests.turned import turned

REVISIONS = sorted(path.name[:4] for path in (MIGRATIONS / "versions").glob("0*.py"))


def counts(engine: Engine) -> dict[str, int]:
    """How many rows each of the ledger's tables has."""
    with reading(engine) as connection:
        return {name: _rows(connection, name) for name in sorted(metadata.tables) if inspect(connection).has_table(name)}


def _rows(connection: Connection, name: str) -> int:
    return connection.scalar(select(func.count()).select_from(table(name))) or 0


def triggers(engine: Engine) -> list[str]:
    """What SQLite does where a voice is changed or erased: its words leave the search."""
    if engine.dialect.name != "sqlite":
        return []
    with engine.connect() as connection:
        return sorted(connection.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")))


@pytest.mark.parametrize("revision", REVISIONS[:-1])
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_down_and_up_again_keeps_the_rows_of_the_tables_that_were(kind: str, revision: str,
                                                                  request: pytest.FixtureRequest) -> None:
    ledger: Engine = request.getfixturevalue(f"{kind}_ledger")
    turned(ledger)
    url, whole, followed = ledger.url.render_as_string(hide_password=False), counts(ledger), triggers(ledger)
    assert whole["voices"] > 5 and whole["deployments"] == 1
    downgrade(url, revision)
    below = counts(ledger)
    assert {name: whole[name] for name in below} == below
    upgrade(url)
    assert differences(ledger) == []
    assert triggers(ledger) == followed
    assert {name: rows for name, rows in counts(ledger).items() if name in below} == below


def test_the_names_of_migrations_are_their_order() -> None:
    assert [f"{number:04}" for number in range(1, len(REVISIONS) + 1)] == REVISIONS
    assert all(re.fullmatch(r"\d{4}", name) for name in REVISIONS)
