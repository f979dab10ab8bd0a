"""What was backed up comes back as it was, in either database, also while the ledger is written to."""

import json
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import JSON, Engine, column, delete, func, insert, select, table

from include.artifacts import Artifacts
from include.errors import InputError
from include.ledger import backup
from include.ledger.backup import make, restore
from include.ledger.engine import connect, reading, upgrade, upsert, writing
from include.ledger.tables import cursors, leases, models, outcomes, quarantine
from tests.conftest import NOW
from tests.crash import dump
from tests.include.ledger.test_check import add, filled


@pytest.fixture
def whole(sqlite_ledger: Engine, artifacts: Artifacts) -> Engine:
    """A small ledger with a row of most tables."""
    return filled(sqlite_ledger, artifacts)


def url_of(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=False)


def test_it_comes_back_as_it_was(whole: Engine, artifacts: Artifacts, tmp_path: Path) -> None:
    with writing(whole) as connection:
        upsert(connection, leases, [{"name": "held", "holder": "a run", "expires_at": NOW}])
        upsert(connection, cursors, [{"name": "null", "value": None}, {"name": "text", "value": "값 ‮\u0000".replace("\0", "")}])
    folder = make(whole, artifacts, tmp_path / "backups", NOW)
    assert folder.name == "20260302T020000Z"
    new, store = f"sqlite:///{tmp_path / 'new.db'}", Artifacts(str(tmp_path / "store"))
    restore(folder, new, store)
    assert dump(connect(new)) == dump(whole)
    assert {name: store.read(name) for name in store.names()} == {name: artifacts.read(name) for name in artifacts.names()}
    with reading(connect(new)) as connection:
        assert not connection.execute(select(leases)).all()


def test_from_sqlite_to_postgresql_and_back(whole: Engine, artifacts: Artifacts, postgresql_ledger: Engine,
                                            tmp_path: Path) -> None:
    store = Artifacts(str(tmp_path / "store"))
    restore(make(whole, artifacts, tmp_path / "a", NOW), url_of(postgresql_ledger), store)
    back = f"sqlite:///{tmp_path / 'back.db'}"
    restore(make(postgresql_ledger, store, tmp_path / "b", NOW), back, store)
    assert dump(connect(back)) == dump(whole)


def test_an_older_schema_is_brought_up_to_date(tmp_path: Path, artifacts: Artifacts) -> None:
    old, new = f"sqlite:///{tmp_path / 'old.db'}", f"sqlite:///{tmp_path / 'new.db'}"
    upgrade(old, "0001")
    with writing(connect(old)) as connection:
        connection.execute(insert(table("cursors", column("name"), column("value", JSON))), {"name": "a", "value": {"b": 1}})
    folder = make(connect(old), artifacts, tmp_path / "backups", NOW)
    assert json.loads((folder / "manifest.json").read_text())["schema"] == "0001"
    assert restore(folder, new, artifacts)["cursors"] == 1
    with reading(connect(new)) as connection:
        assert connection.execute(select(cursors)).all() == [("a", {"b": 1})]
        assert connection.scalars(select(func.count()).select_from(outcomes)).all() == [0]


def test_a_backup_while_the_ledger_is_written_to(whole: Engine, artifacts: Artifacts, tmp_path: Path) -> None:
    """A writer adds an artifact and a row that names it, again and again: no backup has the row without the artifact."""
    done, written = threading.Event(), 0

    def write() -> None:
        nonlocal written
        while not done.is_set():
            name, _ = artifacts.keep(f"model {written}".encode())
            with writing(whole) as connection:
                add(connection, models, product="shop", field="kind", version=written, artifact=name)
            written += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(3):
            folder = make(whole, artifacts, tmp_path / "backups", NOW + timedelta(seconds=number))
            rows = restore(folder, f"sqlite:///{tmp_path / f'new{number}.db'}", Artifacts(str(tmp_path / f"store{number}")))
            assert rows["models"] <= written
    finally:
        done.set()
        writer.join()
    assert written > rows["models"] > 0


def test_what_is_refused(whole: Engine, artifacts: Artifacts, tmp_path: Path) -> None:
    folder = make(whole, artifacts, tmp_path / "backups", NOW)
    with pytest.raises(InputError, match="the ledger is not empty: it has"):
        restore(folder, url_of(whole), artifacts)
    [kept] = artifacts.names()
    store = Artifacts(str(tmp_path / "store"))
    store.write(kept, b"another")
    with pytest.raises(InputError, match="the store has another sha256/"):
        restore(folder, f"sqlite:///{tmp_path / 'a.db'}", store)
    (folder / "artifacts" / kept).write_bytes(b"changed")
    with pytest.raises(InputError, match="not as it was written: artifacts/sha256/"):
        restore(folder, f"sqlite:///{tmp_path / 'b.db'}", store)
    (folder / "manifest.json").unlink()
    with pytest.raises(InputError, match="no backup"):
        restore(folder, f"sqlite:///{tmp_path / 'b.db'}", store)
    assert not (tmp_path / "b.db").exists()


def test_a_restored_ledger_that_is_not_whole_is_said(whole: Engine, artifacts: Artifacts, tmp_path: Path) -> None:
    with writing(whole) as connection:
        connection.execute(delete(quarantine))
    folder = make(whole, artifacts, tmp_path / "backups", NOW)
    with pytest.raises(InputError, match="restored, but Where rows were quarantined"):
        restore(folder, f"sqlite:///{tmp_path / 'a.db'}", Artifacts(str(tmp_path / "store")))


def test_a_restore_that_was_cut_off_goes_on(whole: Engine, artifacts: Artifacts, tmp_path: Path) -> None:
    """Its artifacts are there already, its ledger has tables but no rows."""
    folder, url = make(whole, artifacts, tmp_path / "backups", NOW), f"sqlite:///{tmp_path / 'new.db'}"
    upgrade(url, "0002")
    assert restore(folder, url, artifacts)["stories"] == 1


def test_the_command(whole: Engine, artifacts: Artifacts, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    backup.main(["make", str(tmp_path), "--ledger", url_of(whole), "--artifacts", artifacts.root])
    folder = capsys.readouterr().out.strip()
    backup.main(["restore", folder, "--ledger", f"sqlite:///{tmp_path / 'new.db'}", "--artifacts", str(tmp_path / "store")])
    assert "rows restored; every invariant holds" in capsys.readouterr().out
    with pytest.raises(InputError, match="no backup"):
        backup.main(["restore", str(tmp_path), "--ledger", f"sqlite:///{tmp_path / 'other.db'}"])
