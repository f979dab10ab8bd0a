"""`make chaos | python -m local.docs.reliability`: what runs found, into the table of docs/reliability.md.

Of what is read, the JSON lines with `claim`, `command` and `found` become rows, each in place of the one of the same command; all
lines are passed on.
"""

import json
import sys
from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path

from local.docs.markdown import cell, code, table

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"
HEAD = ["claim", "shown by", "found", "on"]
Rows = dict[str, list[str]]  # by command


def rows_of(lines: Iterable[str], today: date) -> Rows:
    """The rows of a run's output."""
    found = {}
    for line in lines:
        said = json.loads(line) if line.startswith("{") else {}
        if "claim" in said:
            found[code(said["command"])] = [cell(said["claim"]), code(said["command"]), cell(said["found"]), today.isoformat()]
    return found


def merged(page: str, new: Rows) -> str:
    """`page` with its table, which is the last thing on it, brought up to date."""
    text, _, old = page.partition(f"| {' | '.join(HEAD)} |\n")
    known = {cells[1]: cells for line in old.splitlines()[1:] if (cells := line.strip("| ").split(" | "))}
    return text + table(HEAD, (known | new).values())


def main() -> None:
    """Read standard input to its end."""
    lines = []
    for line in sys.stdin:
        sys.stdout.write(line)
        lines.append(line)
    PAGE.write_text(merged(PAGE.read_text(encoding="utf-8"), rows_of(lines, datetime.now(UTC).date())), encoding="utf-8")


if __name__ == "__main__":
    main()
