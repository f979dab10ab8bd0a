"""Redaction beside Presidio's recognizers on the same texts: MB/s, and the share of personal values that are gone.

Presidio runs in a throw-away environment of its own, with every recognizer that is a rule, and spaCy's blank English in place
of a model (models can't be downloaded offline); for names and places it would need one. Where it can't be installed, the row
has no peer.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from bench.rows import row
from include.redaction import redact
from tests.conftest import SHARED
from tests.include.test_redaction import NAMES, PLACEHOLDER

DATA = SHARED / "data"
PEER = Path(__file__).parent / "presidio_peer.py"
VERSION = "2.2.366"
Case = tuple[str, list[tuple[str, str]]]  # a text, and (entity, value) of what is personal in it


def measure() -> dict[str, Any]:
    """Redact the Korean and the English texts; recall over the Korean sets is what the note sets beside Presidio's."""
    sets = {"kr-pii-injected-dev": _reviews(), "presidio-kr-cases": _cases(), "presidio-synth": _sentences()}
    texts = [text for cases in sets.values() for text, _ in cases]
    size = sum(len(text.encode()) for text in texts) / 1e6
    start = time.perf_counter()
    redacted = [redact(text) for text in texts]
    ours = time.perf_counter() - start
    with tempfile.TemporaryDirectory(prefix="closed-loop-bench-") as folder:
        peer = _presidio(Path(folder), texts)
    note = f"recall {_recalls(sets, redacted)}; precision kr-pii-injected-dev {_precision(redacted)}"
    if isinstance(peer, str):
        return {"name": "redaction", "value": round(size / ours, 4), "unit": "MB/s", "peer": None, "peer_value": None,
                "ratio": None, "n": len(texts), "note": f"{note}; no peer: {peer}"}
    return row("redaction", size / ours, "MB/s", f"presidio-analyzer {VERSION}, pattern recognizers", size / peer["seconds"],
               len(texts), f"{note}; Presidio's recall {_recalls(sets, peer['texts'])}", more_is_better=True)


def _reviews() -> list[Case]:
    rows = map(json.loads, (DATA / "kr-pii-injected-dev/data.jsonl").read_text("utf-8").splitlines())
    return [(row["text"], [(span["entity"], span["value"]) for span in row["spans"]]) for row in rows]


def _cases() -> list[Case]:
    rows = map(json.loads, (DATA / "presidio-kr-cases/cases.jsonl").read_text("utf-8").splitlines())
    return [(row["text"], [(row["entity"], row["text"][start:end]) for start, end in row["spans"] or []]) for row in rows]


def _sentences() -> list[Case]:
    rows = json.loads((DATA / "presidio-synth/synth_dataset_v2.json").read_text("utf-8"))
    return [(row["full_text"], [(span["entity_type"], span["entity_value"]) for span in row["spans"]]) for row in rows]


def _recalls(sets: dict[str, list[Case]], redacted: list[str]) -> str:
    after = iter(redacted)
    return "; ".join(f"{name} {_recall(cases, [next(after) for _ in cases])}" for name, cases in sets.items())


def _recall(cases: list[Case], redacted: list[str]) -> str:
    there, gone = Counter[str](), Counter[str]()
    for (text, values), after in zip(cases, redacted, strict=True):
        for entity, value in values:
            there[entity] += 1
            gone[entity] += after.count(value) < text.count(value)
    by_entity = ", ".join(f"{entity} {gone[entity] / there[entity]:.2f}" for entity in sorted(there))
    return f"{gone.total() / there.total():.3f} ({by_entity})"


def _precision(redacted: list[str]) -> str:
    """How much of what was taken out of kr-pii-injected-dev, which comes first, was personal; by our own names."""
    found, right = Counter[str](), Counter[str]()
    rows = map(json.loads, (DATA / "kr-pii-injected-dev/data.jsonl").read_text("utf-8").splitlines())
    for row_, after in zip(rows, redacted, strict=False):
        wanted = Counter(NAMES[span["entity"]] for span in row_["spans"])
        for name, count in Counter(PLACEHOLDER.findall(after)).items() if row_["kind"] != "carrier_only" else ():
            found[name] += count
            right[name] += min(count, wanted[name])
    by_entity = ", ".join(f"{name} {right[name] / found[name]:.2f}" for name in sorted(found))
    return f"{right.total() / found.total():.3f} ({by_entity})"


def _presidio(folder: Path, texts: list[str]) -> dict[str, Any] | str:
    """What Presidio makes of `texts`: seconds and texts; or why it can't be asked."""
    uv, python = Path(sys.executable).parent / "uv", folder / "venv" / "bin" / "python"
    try:
        subprocess.run([uv, "venv", "-q", "--python", sys.executable, folder / "venv"], check=True, capture_output=True,
                       timeout=120)
        subprocess.run([uv, "pip", "install", "-q", "--python", python, f"presidio-analyzer=={VERSION}"], check=True,
                       capture_output=True, timeout=600)
    except (OSError, subprocess.SubprocessError) as error:
        return f"presidio-analyzer {VERSION} could not be installed ({type(error).__name__})"
    done = subprocess.run([python, "-I", PEER], input=json.dumps(texts), check=True, capture_output=True, text=True, timeout=600)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
