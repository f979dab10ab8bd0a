"""The built-in source `operations`: what monitoring and deployments found is a voice too."""

from typing import Any

from sqlalchemy import Engine

from include.ledger.runs import Run
from include.redaction import redact
from include.voc_aggregation import store, understanding
from include.voc_aggregation.grouping import Grouping, theme_id
from include.voc_aggregation.intake import Intake
from include.voc_aggregation.mapping import voice_id
from include.voc_aggregation.spool import Spool
from include.voc_aggregation.themes import OPERATION, Theme, name_from

NAME = "operations"


def listen(engine: Engine, run: Run, voices: Spool, known: list[Theme], grouping: Grouping) -> Intake:
    """Each open signal of the product becomes a voice, once for each time that it opened, in a theme of its fingerprint."""
    intake = Intake(NAME)
    themes = {theme.id: theme for theme in known}
    signals = store.open_signals(engine, run.product)
    ids = [voice_id(run.product, NAME, _opening(signal)) for signal in signals]
    there = store.known(engine, ids)
    for voice, signal in zip(ids, signals, strict=True):
        intake.read += 1
        if voice in there:
            intake.duplicates += 1
            continue
        intake.stored += 1
        row = _voice(voice, signal, run)
        voices.add([row])
        found = theme_id(run.product, OPERATION, signal["fingerprint"])
        if found not in themes:
            themes[found] = _theme(found, row)
            grouping.created.append(themes[found])
        _join(grouping, themes[found], row)
    return intake


def _opening(signal: dict[str, Any]) -> str:
    return f"{signal['fingerprint']}@{signal['first_at'].isoformat()}"


def _voice(voice: str, signal: dict[str, Any], run: Run) -> dict[str, Any]:
    text = redact(signal["title"])
    return {"id": voice, "product": run.product, "source": NAME, "origin": "operation", "external_id": _opening(signal)[:255],
            "text": text, "language": understanding.language(text), "kind": "bug", "sentiment": -1.0, "rating": None,
            "severity": signal["severity"], "author": None, "written_at": signal["first_at"], "heard_at": run.at}


def _theme(found: str, row: dict[str, Any]) -> Theme:
    return Theme(found, name_from([row["text"]]), OPERATION, row["language"], OPERATION, "open", 0,
                 row["written_at"], row["written_at"])


def _join(grouping: Grouping, theme: Theme, row: dict[str, Any]) -> None:
    theme.size += 1
    theme.last_seen = max(theme.last_seen, row["written_at"])
    grouping.grown[theme.id] = theme
    grouping.members.setdefault(theme.id, []).append((row["id"], row["language"], 1.0))
