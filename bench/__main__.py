"""`python -m bench [name …]`: run the benchmarks, print one JSON line each, write all to `.bench/results.json`."""

import importlib
import json
import sys
from pathlib import Path
from typing import Any

NAMES = ("dag_parse", "loop_turn", "themes", "redaction", "voices", "nights", "duplicates", "understanding", "support",
         "judge", "deploy", "build", "sdists", "planning", "nab", "rollup", "dependencies", "compliance",
         "reports", "read_api", "scale", "fifty_million")
RESULTS = Path(".bench/results.json")


def main(wanted: list[str]) -> None:
    """Run the named benchmarks, or all. A name that there is none of ends with a message."""
    if unknown := sorted(set(wanted) - set(NAMES)):
        sys.exit(f"no benchmark is called {', '.join(unknown)}; there are {', '.join(NAMES)}")
    results = {row["name"]: row for row in (json.loads(RESULTS.read_text()) if RESULTS.exists() else [])}
    for name in wanted or NAMES:
        measured: dict[str, Any] | list[dict[str, Any]] = importlib.import_module(f"bench.{name}").measure()
        for row in measured if isinstance(measured, list) else [measured]:
            results[row["name"]] = row
            print(json.dumps(row, ensure_ascii=False), flush=True)
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(list(results.values()), indent=1, ensure_ascii=False) + "\n")


main(sys.argv[1:])
