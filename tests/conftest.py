"""What every test may hold: a fresh ledger, artifacts in a folder of its own, and a home that is nobody else's."""

import os
import shutil
import uuid
from collections.abc import Generator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import settings
from sqlalchemy import Engine

from include.artifacts import Artifacts
from include.ledger.engine import connect, upgrade
from tests.postgres import programs, server

SHARED = Path(os.environ.get("CLOSED_LOOP_SHARED") or Path(__file__).resolve().parents[2] / "shared")
NO_DATA = f"the real data is not at {SHARED} (CLOSED_LOOP_SHARED says where it lies)"
NOW = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
settings.register_profile("without deadlines", settings(), deadline=None)  # which a loaded machine misses
settings.load_profile("without deadlines")


def _no_real_data() -> bool:
    """Tests on real data are skipped where it lies nowhere, but never in CI."""
    return not SHARED.is_dir() and not os.environ.get("CI")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Tests marked `shared` hand real data to the code that they test."""
    if item.get_closest_marker("shared") and _no_real_data():
        pytest.skip(NO_DATA)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Other tests read a part of it themselves."""
    try:
        return (yield)
    except FileNotFoundError as error:
        if _no_real_data() and str(error.filename).startswith(str(SHARED)):
            pytest.skip(NO_DATA)
        raise


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """CLOSED_LOOP_HOME for this test alone."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("CLOSED_LOOP_HOME", str(folder))
    return folder


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite ledger to copy."""
    path = tmp_path_factory.mktemp("ledger") / "ledger.db"
    upgrade(f"sqlite:///{path}")
    connect(f"sqlite:///{path}").dispose()
    return path


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a real PostgreSQL. Where none is installed the test is skipped, but never in CI."""
    binaries = programs()
    if binaries is None:
        if os.environ.get("CI"):
            pytest.fail("PostgreSQL is not installed")
        pytest.skip("PostgreSQL is not installed")
    with server(binaries) as url:
        yield url


@pytest.fixture
def ledger(request: pytest.FixtureRequest) -> Engine:
    """An empty ledger of the newest schema: SQLite, or what CLOSED_LOOP_TEST_LEDGER names (sqlite, postgresql)."""
    kind = os.environ.get("CLOSED_LOOP_TEST_LEDGER", "sqlite")
    engine: Engine = request.getfixturevalue(f"{kind}_ledger")
    return engine


@pytest.fixture
def sqlite_ledger(migrated: Path, tmp_path: Path) -> Iterator[Engine]:
    """An empty SQLite ledger."""
    path = tmp_path / "ledger.db"
    shutil.copy(migrated, path)
    engine = connect(f"sqlite:///{path}")
    yield engine
    engine.dispose()


@pytest.fixture
def postgresql_ledger(postgres: str) -> Iterator[Engine]:
    """An empty PostgreSQL ledger, in a schema of its own."""
    admin = connect(postgres)
    name = f"ledger_{uuid.uuid4().hex[:8]}"
    with admin.begin() as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA {name}")
    url = f"{postgres}&options=-csearch_path%3D{name}"
    upgrade(url)
    engine = connect(url)
    yield engine
    engine.dispose()


@pytest.fixture
def artifacts(tmp_path: Path) -> Artifacts:
    """An empty artifact store."""
    return Artifacts(str(tmp_path / "artifacts"))
