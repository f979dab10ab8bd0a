"""What the embedded Airflow lets go in time."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from local.tidy import cut, old_logs


def test_old_logs_go_with_their_folders_and_new_ones_stay(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    for name, days in (("dag_id=a/run_id=1/attempt=1.log", 40), ("dag_id=a/run_id=2/attempt=1.log", 1), ("dag_id=b/x.log", 31)):
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.write_text("said")
        then = (now - timedelta(days=days)).timestamp()
        os.utime(path, (then, then))
    assert old_logs(tmp_path, now - timedelta(days=30)) == 2
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")) == [
        "dag_id=a", "dag_id=a/run_id=2", "dag_id=a/run_id=2/attempt=1.log"]


def test_a_long_log_keeps_its_newer_half_and_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "services.log"
    with log.open("ab") as writer:
        writer.writelines(f"line {number:05}\n".encode() for number in range(1000))
        writer.flush()
        assert not cut(log, 20_000)
        assert cut(log, 5_000)
        writer.write(b"the next\n")
    lines = log.read_text().splitlines()
    assert lines[0] > "line 00700"
    assert lines[-2:] == ["line 00999", "the next"]
    assert log.stat().st_size < 3_000
