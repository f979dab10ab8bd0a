"""The ledger's engine: migrations, upserts, and writers side by side."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, func, insert, select

from include.ledger.engine import reading, upsert, writing
from include.ledger.search import is_table_of_ours
from include.ledger.tables import UtcDateTime, cursors, leases, metadata, quarantine

AT = datetime(2026, 3, 2, 11, 0, tzinfo=timezone(timedelta(hours=9)))


def _other_type(context: object, found: object, wanted: object, found_type: object, wanted_type: object) -> bool | None:
    return False if isinstance(wanted_type, UtcDateTime) else None


def differences(ledger: Engine) -> list[object]:
    """How its tables are others than the code's."""
    with ledger.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": _other_type, "include_name": is_table_of_ours})
        return list(compare_metadata(context, metadata))


def test_the_migrations_make_the_tables(ledger: Engine) -> None:
    assert differences(ledger) == []


def test_times_come_back_as_utc(ledger: Engine) -> None:
    with writing(ledger) as connection:
        upsert(connection, leases, [{"name": "a", "holder": "b", "expires_at": AT}])
    with reading(ledger) as connection:
        found = connection.scalar(select(leases.c.expires_at))
    assert (found, found.tzinfo) == (AT, UTC)


def test_a_time_without_a_zone_is_refused(ledger: Engine) -> None:
    with pytest.raises(Exception, match="has no time zone"), writing(ledger) as connection:
        connection.execute(insert(leases).values(name="a", holder="b", expires_at=AT.replace(tzinfo=None)))


@pytest.mark.parametrize(("keep", "left"), [(False, 2), (True, 1)])
def test_an_upsert_replaces_or_keeps(ledger: Engine, keep: bool, left: int) -> None:
    with writing(ledger) as connection:
        upsert(connection, cursors, [])
        upsert(connection, cursors, [{"name": "a", "value": 1}])
        upsert(connection, cursors, [{"name": "a", "value": 2}], keep=keep)
    with reading(ledger) as connection:
        assert connection.scalars(select(cursors.c.value)).all() == [left]


def test_many_rows_at_once(ledger: Engine) -> None:
    rows = [{"id": str(number), "product": "p", "source": "s", "place": "1", "reason": "r", "row": "x", "at": AT}
            for number in range(5000)]
    with writing(ledger) as connection:
        upsert(connection, quarantine, rows)
        upsert(connection, quarantine, rows)
    with reading(ledger) as connection:
        assert connection.scalar(select(func.count()).select_from(quarantine)) == 5000


def test_a_failed_block_writes_nothing(ledger: Engine) -> None:
    with pytest.raises(ZeroDivisionError), writing(ledger) as connection:
        upsert(connection, cursors, [{"name": "a", "value": 1}])
        raise ZeroDivisionError
    with reading(ledger) as connection:
        assert connection.scalars(select(cursors.c.value)).all() == []


COUNT_UP = """
import sys
from sqlalchemy import select
from include.ledger.engine import connect, upsert, writing
from include.ledger.runs import lease
from include.ledger.tables import cursors
engine, name = connect(sys.argv[1]), sys.argv[2]
for number in range(50):
    with writing(engine) as connection:
        upsert(connection, cursors, [{"name": f"{name} {number}", "value": number}])
for number in range(4):
    with lease(engine, "count", name), writing(engine) as connection:
        value = connection.scalar(select(cursors.c.value).where(cursors.c.name == "count")) or 0
        upsert(connection, cursors, [{"name": "count", "value": value + 1}])
"""


def test_processes_write_side_by_side(ledger: Engine) -> None:
    command = [sys.executable, "-c", COUNT_UP, ledger.url.render_as_string(hide_password=False)]
    root = Path(__file__).resolve().parents[3]
    writers = [subprocess.Popen([*command, f"writer {number}"], cwd=root) for number in range(4)]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0, 0]
    with reading(ledger) as connection:
        assert connection.scalar(select(func.count()).select_from(cursors).where(cursors.c.name.like("writer %"))) == 200
        assert connection.scalar(select(cursors.c.value).where(cursors.c.name == "count")) == 16
