"""What people fill in to correct voices and themes, as the forms `correct_voices` and `correct_themes` send it."""

from typing import Any

from sqlalchemy import Engine

from include.errors import InputError
from include.ledger.runs import Result, Run
from include.voc_aggregation import corrections, labels

ACTIONS = ("merge", "split", "rename", "undo")


def correct_voices(engine: Engine, run: Run, who: str, form: dict[str, Any]) -> Result:
    """`form` has voices (ids), kinds (the main one first), severity and sentiment; what is empty stays as it is.

    Returns as `labels.correct`. Raises InputError for a voice or a word that there is none of, or where nothing is given.
    """
    said = {"kind": "|".join(form["kinds"] or ()), "severity": form["severity"], "sentiment": form["sentiment"]}
    return labels.correct(engine, run, who, _lines(form["voices"]), **{field: label for field, label in said.items() if label})


def correct_themes(engine: Engine, run: Run, who: str, form: dict[str, Any]) -> Result:
    """`form` has an action (one of ACTIONS), themes (ids), voices (ids), words and a name.

    merge: all of the themes into the one named last. split: those voices, or those with the words, off the one theme.
    rename: the one theme. undo: the newest correction of the one theme. Returns as `corrections` does; raises InputError as it
    does, and where more or fewer than one theme is named for what takes one.
    """
    named, action = _lines(form["themes"]), form["action"]
    if action == "merge":
        return corrections.merge(engine, run, who, named, into=named[-1] if named else None)
    if len(named) != 1:
        raise InputError(f"{action}: needs one theme, got {', '.join(named) or 'none'}")
    if action == "split":
        return corrections.split(engine, run, who, named[0], _lines(form["voices"]), form["words"] or "", form["name"] or None)
    if action == "rename":
        return corrections.rename(engine, run, who, named[0], form["name"] or "")
    if action == "undo":
        return corrections.undo(engine, run, who, named[0])
    raise InputError(f"action: {action!r} is none of {', '.join(ACTIONS)}")


def _lines(ids: list[str] | None) -> list[str]:
    return [stripped for line in ids or () if (stripped := line.strip())]
