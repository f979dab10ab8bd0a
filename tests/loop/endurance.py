"""`python -m tests.loop.endurance`: many turns in a row on one stage, and what grows with them.

A whole turn first; then nights, in each tenth of which a customer has written. A JSON line each tenth turn: seconds a turn,
memory (MB, resident) of each service, open files, files on disk, and MB of ledger, Airflow's database, logs and artifacts.
What Airflow keeps of its own is let go after KEPT_MINUTES, as an installation does after days. The last line says what a turn
adds to each over the later half, by least squares.
"""

import argparse
import csv
import json
import sys
import tempfile
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from tests.loop.killing import title, whole_turn
from tests.loop.stage import SETTINGS, Stage, staged

KEPT_MINUTES = 5
SERVICES = ("scheduler", "dag-processor", "triggerer", "api-server")
EACH = 10  # turns
MB = 1e6


def sample(stage: Stage) -> dict[str, float]:
    """What there is now."""
    named = {pid: title(pid).replace("_", "-") for pid in stage.airflow.processes()}
    found = {f"{service} MB": sum(_resident(pid) for pid, said in named.items() if f"airflow {service}" in said)
             for service in SERVICES}
    airflow, files = stage.home / "airflow", [path for path in stage.home.rglob("*") if path.is_file()]
    return found | {
        "open files": sum(_open(pid) for pid in named), "files": len(files), "ledger MB": _size(stage.home.glob("ledger.db*")),
        "airflow.db MB": _size(airflow.glob("airflow.db*")), "services.log MB": _size([stage.airflow.log]),
        "task logs MB": _size((airflow / "logs").rglob("*.log")), "artifacts MB": _size((stage.home / "artifacts").rglob("*"))}


def _size(paths: Any) -> float:
    total = 0
    for path in paths:
        with suppress(FileNotFoundError):
            total += path.stat().st_size
    return total / MB


def _resident(pid: int) -> float:
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / MB
    return 0


def _open(pid: int) -> int:
    with suppress(OSError):
        return len(list(Path(f"/proc/{pid}/fd").iterdir()))
    return 0


def write(stage: Stage, turn: int) -> None:
    """One more review, of a customer who has something to say."""
    with stage.reviews.open(encoding="utf-8", newline="") as file:
        header = next(csv.reader(file))
    row = {"id": f"late-{turn}", "text": f"The checkout was slow again, order {turn}.", "author": f"customer{turn}",
           "rating": "2", "written_at": datetime.now(UTC).isoformat()}
    with stage.reviews.open("a", encoding="utf-8", newline="") as file:
        csv.DictWriter(file, header, restval="").writerow({name: row[name] for name in header if name in row})


def slopes(samples: list[dict[str, float]]) -> dict[str, float]:
    """What a turn adds to each figure, over the later half of the samples."""
    later = samples[len(samples) // 2:]
    turns = [item["turn"] for item in later]
    return {name: round(float(np.polyfit(turns, [item[name] for item in later], 1)[0]), 4) for name in later[0] if name != "turn"}


def run(folder: Path, turns: int, told: Any = sys.stdout) -> dict[str, Any]:
    """The samples' slopes, what failed and what invariant is broken."""
    settings = SETTINGS | {"CLOSED_LOOP_KEEP_DAYS": str(KEPT_MINUTES / 1440)}
    samples: list[dict[str, float]] = []
    with staged(folder, settings=settings) as stage:
        whole_turn(stage)
        begun = time.monotonic()
        for turn in range(1, turns + 1):
            if turn % EACH == 0:
                write(stage, turn)
            stage.turn()
            if turn % EACH == 0:
                seconds, begun = (time.monotonic() - begun) / EACH, time.monotonic()
                samples.append({"turn": turn, "seconds": seconds} | sample(stage))
                told.write(json.dumps({name: round(value, 2) for name, value in samples[-1].items()}) + "\n")
                told.flush()
        failed = sorted({run["dag_id"] for run in stage.loop.runs() if run["state"] == "failed"})
        return {"turns": turns, "a turn adds": slopes(samples), "failed": failed,
                "broken": [f"{item.invariant}: {item.rows[:3]}" for item in stage.broken()]}


def main() -> int:
    """1 where a run failed or an invariant is broken."""
    parser = argparse.ArgumentParser("python -m tests.loop.endurance", description=__doc__)
    parser.add_argument("--turns", type=int, default=500)
    with tempfile.TemporaryDirectory(prefix="endurance") as folder:
        result = run(Path(folder), parser.parse_args().turns)
    sys.stdout.write(json.dumps(result | {
        "claim": "Turn after turn, what is held stays bounded: what each adds over the later half", "command": "make endure",
        "found": f"{result['turns']} turns; " + ", ".join(f"{name} {value:+g}" for name, value in result["a turn adds"].items())
                 + f"; {len(result['failed'])} failed, {len(result['broken'])} invariants broken"}) + "\n")
    return int(bool(result["failed"] or result["broken"]))


if __name__ == "__main__":
    sys.exit(main())
