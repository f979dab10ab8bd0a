"""What a label changes at once: the voice that it is about, and the counts of kinds of the voice's themes."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, select, update

from include.ledger.tables import theme_voices, themes, voices
from include.voc_aggregation.classifier import SIGNS
from include.voc_aggregation.severity import severity
from include.voc_aggregation.themes import most_common

Row = dict[str, Any]


def apply(connection: Connection, labels: Iterable[Row]) -> None:
    """Let voices be what `labels` (rows of that table) say; those about no voice change none."""
    for label in labels:
        voice = connection.execute(select(voices).where(voices.c.id == label["voice_id"])).mappings().one_or_none()
        if voice:
            changed = _changed(dict(voice), label["field"], label["label"])
            connection.execute(update(voices).where(voices.c.id == voice["id"]).values(changed))
            if changed.get("kind", voice["kind"]) != voice["kind"]:
                _recount(connection, voice["id"], voice["kind"], changed["kind"])


def _changed(voice: Row, field: str, label: str) -> Row:
    if field == "severity":
        return {"severity": label}
    if field == "sentiment":
        return {"sentiment": SIGNS[label]}
    kinds = label.split("|")
    told = voice["severity"] or severity(voice["text"], "bug", voice["sentiment"] or 0.0) if "bug" in kinds else None
    return {"kind": kinds[0], "kinds": kinds if len(kinds) > 1 else None, "severity": told}


def _recount(connection: Connection, voice: str, old: str, new: str) -> None:
    """One voice of kind `old` is of kind `new` now: so its themes count, and are what most of their voices are."""
    query = (select(themes.c.id, themes.c.state).join(theme_voices, theme_voices.c.theme_id == themes.c.id)
             .where(theme_voices.c.voice_id == voice))
    for theme, state in connection.execute(query).all():
        if "kinds" not in state:
            continue
        kinds = Counter(state["kinds"])
        kinds.subtract([old])
        kinds.update([new])
        counted = Counter({kind: count for kind, count in kinds.items() if count > 0})
        connection.execute(update(themes).where(themes.c.id == theme)
                           .values(state=state | {"kinds": dict(counted)}, kind=most_common(counted)))
