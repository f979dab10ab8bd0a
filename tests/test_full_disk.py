"""A disk that fills up while voices are heard: the run fails and says so, the ledger holds, and the run that comes again leaves
what one that always had room leaves."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from include.artifacts import Artifacts
from include.key import Key
from include.ledger.check import broken
from include.ledger.engine import connect
from include.ledger.runs import Run
from include.product import Product
from include.voc_aggregation.run import Result, aggregate
from tests.conftest import NOW
from tests.crash import Dump, dump

ROOT = Path(__file__).resolve().parents[1]
MB = 1_000_000
ROOMS = (0, 10_000, 50_000, 100_000, 200_000, 400_000)  # bytes that are left when the run begins
SAID = ("No space left on device", "database or disk is full", "disk I/O error")  # the last: SQLite's, of its log's index
REVIEWS = "id,text,written_at\n" + "".join(
    f"r{number},The coupon of order {number} {('fails', '안 돼요')[number % 2]},2026-01-{1 + number % 28:02}\n"
    for number in range(500))


def hear(folder: Path) -> Result:
    product = Product.model_validate({"name": "shop", "title": "Tea shop", "owner": "team-shop", "voices": {"sources": [
        {"name": "reviews", "path": str(folder.parents[1] / "reviews.csv"), "format": "csv",
         "columns": {"id": "id", "text": "text", "written_at": "written_at"}}]}})
    engine = connect(f"sqlite:///{folder / 'ledger.db'}")
    try:
        return aggregate(engine, product, Run("voc_aggregation", "run1", Key("shop"), NOW), artifacts(folder), b"secret")
    finally:
        engine.dispose()


def artifacts(folder: Path) -> Artifacts:
    return Artifacts(str(folder / "artifacts"))


def left(folder: Path) -> Dump:
    engine = connect(f"sqlite:///{folder / 'ledger.db'}")
    try:
        assert [str(item) for item in broken(engine, artifacts(folder))] == []
        return dump(engine)
    finally:
        engine.dispose()


def fill(path: Path, room: int) -> None:
    """Fill the disk of `path` but for `room` bytes."""
    with path.open("wb", buffering=0) as ballast:
        try:
            while True:
                ballast.write(bytes(MB // 100))
        except OSError:
            ballast.truncate(max(0, ballast.tell() - room))


def main(migrated: Path, disk: Path) -> None:
    """On a disk of its own, for each room: the run, twice. Prints how many of the first runs failed."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={16 * MB}", "none", str(disk)], check=True)
    expected, failed = Dump(), 0
    for room in (None, *ROOMS):
        folder = disk / str(room)
        folder.mkdir()
        (folder / "ledger.db").write_bytes(migrated.read_bytes())
        if room is not None:
            fill(disk / "ballast", room)
            try:
                hear(folder)
            except (OSError, OperationalError) as error:
                assert any(said in str(error) for said in SAID), error
                failed += 1
            (disk / "ballast").unlink()
        result = hear(folder)
        assert result["sources"]["reviews"]["stored"] == 500, result
        found = left(folder)
        expected = expected or found
        assert found == expected, room
        subprocess.run(["rm", "-r", str(folder)], check=True)
    sys.stdout.write(f"{failed}\n")


def test_a_full_disk_loses_nothing(migrated: Path, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "reviews.csv").write_text(REVIEWS)
    own = ["unshare", "--user", "--map-root-user", "--mount"]
    if subprocess.run([*own, "true"], capture_output=True).returncode and "CI" not in os.environ:
        pytest.skip("this machine lets nobody have mounts of his own")
    command = [*own, sys.executable, "-m", "tests.test_full_disk", str(migrated), str(tmp_path / "disk")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(done.stdout) >= 3


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
