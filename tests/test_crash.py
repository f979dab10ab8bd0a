"""The crash driver itself: it kills where it says, and it sees a run that is not whole."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine

from include.key import Key
from include.ledger.engine import upsert, writing
from include.ledger.runs import Result, Run, finish
from include.ledger.tables import cursors
from tests.conftest import NOW
from tests.crash import dump, ledger_after_kills

RUN = Run("phase", "run", Key("shop"), NOW)


def prepare(engine: Engine, folder: Path) -> None:
    (folder / "count").write_text("0")
    with writing(engine) as connection:
        upsert(connection, cursors, [{"name": "before", "value": 1}])


def _write(connection: Connection) -> Result:
    upsert(connection, cursors, [{"name": "after", "value": 2}])
    return {"publish": ["shop"]}


def whole(engine: Engine, folder: Path) -> Result:
    return finish(engine, RUN, _write)


def torn(engine: Engine, folder: Path) -> Result:
    """Counts outside of its transaction, so a second run counts twice."""
    count = int((folder / "count").read_text()) + 1
    (folder / "count").write_text(str(count))
    with writing(engine) as connection:
        upsert(connection, cursors, [{"name": "count", "value": count}])
    return finish(engine, RUN, _write)


def unlike(engine: Engine, folder: Path) -> Result:
    """Says something else when it comes again."""
    finish(engine, RUN, _write)
    (folder / "count").write_text((folder / "count").read_text() + "0")
    with writing(engine) as connection:
        upsert(connection, cursors, [{"name": "after", "value": 2}])
    return {"publish": [(folder / "count").read_text()]}


def test_one_transaction_survives_every_kill(migrated: Path, tmp_path: Path) -> None:
    assert ledger_after_kills(migrated, tmp_path, f"{__name__}:whole") >= 8  # three statements and a commit, before and after


def test_few_kills_are_spread_over_the_run(migrated: Path, tmp_path: Path) -> None:
    assert ledger_after_kills(migrated, tmp_path, f"{__name__}:whole", at_most=3) == 3


@pytest.mark.parametrize("scenario", ["torn", "unlike"])
def test_a_run_that_is_not_whole_is_found(migrated: Path, tmp_path: Path, scenario: str) -> None:
    with pytest.raises(AssertionError, match="after a kill"):
        ledger_after_kills(migrated, tmp_path, f"{__name__}:{scenario}")


def test_dump_leaves_out_what_it_is_told_to(ledger: Engine) -> None:
    with writing(ledger) as connection:
        upsert(connection, cursors, [{"name": "b", "value": {"at": (NOW + timedelta(1)).isoformat()}}, {"name": "a", "value": 1}])
    rows = dump(ledger, ignore={"leases", "cursors.value"})
    assert rows["cursors"] == [{"name": "a"}, {"name": "b"}]
    assert "leases" not in rows and rows["voices"] == []
