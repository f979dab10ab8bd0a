"""What an embedded Airflow keeps of its own runs, and for how long: CLOSED_LOOP_KEEP_DAYS, 30 where it isn't set.

Older task logs go, and the rows of older runs in Airflow's database; the services' log is cut when it is long. The loop's ledger
and the evidence in its artifacts are no part of that: they are the record.
"""

import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

LONGEST = 50_000_000  # bytes of the services' log
def old_logs(folder: Path, before: datetime) -> int:
    """Remove the files under `folder` that were last written before `before`, and folders that are empty then; how many files."""
    oldest = before.timestamp()
    old = [path for path in folder.rglob("*") if path.is_file() and path.stat().st_mtime < oldest]
    for path in old:
        path.unlink()
    for path in sorted(folder.rglob("*"), reverse=True):  # what lies within a folder before the folder
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
    return len(old)


def cut(log: Path, longest: int = LONGEST) -> bool:
    """Keep the newer half of a log that programs append to, where it is longer than `longest` bytes."""
    if not log.exists() or log.stat().st_size <= longest:
        return False
    with log.open("rb+") as file:
        file.seek(-longest // 2, 2)
        file.readline()
        kept = file.read()
        file.seek(0)
        file.write(kept)
        file.truncate()
    return True


def tidy(home: Path, days: float) -> None:
    """Let go what is older than `days`: task logs, rows of Airflow's database. Says on standard output what it did."""
    before = datetime.now(UTC) - timedelta(days=days)
    gone = old_logs(home / "airflow" / "logs", before)
    shortened = cut(home / "airflow" / "services.log")
    clean = subprocess.run(["airflow", "db", "clean", "--clean-before-timestamp", before.isoformat(), "--skip-archive", "--yes",
                            "--error-on-cleanup-failure"], capture_output=True, text=True)
    said = "" if clean.returncode == 0 else f" ended with {clean.returncode}: {clean.stderr[-500:]}"
    sys.stdout.write(f"tidy: {gone} logs from before {before:%F %T} removed; services.log {'cut' if shortened else 'left'}; "
                     f"airflow db clean{said or ' done'}\n")
    sys.stdout.flush()


def main() -> None:
    """Tidy after an hour, then again and again: each day, or more often where less than that is kept."""
    days = float(os.environ.get("CLOSED_LOOP_KEEP_DAYS", "30"))
    while True:
        time.sleep(min(3600.0, days * 86_400))
        tidy(Path(os.environ["CLOSED_LOOP_HOME"]), days)
        time.sleep(min(82_800.0, days * 86_400))


if __name__ == "__main__":
    main()
