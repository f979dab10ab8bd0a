"""What becomes of a story and its issue when both may have changed: a three-way merge against what was true at the last sync."""

from collections.abc import Collection, Set
from dataclasses import dataclass

from include.story_writing.trackers.tracker import State

WANTED = ("draft", "ready", "scoped", "reopened")  # a story that a person may still drop
SETTLED = ("resolved", "dropped")
NO = ("not_planned", "duplicate")


@dataclass(frozen=True)
class Base:
    """The last sync: the story's status, the issue's state, and the labels that stood there."""

    status: str
    state: State
    labels: Set[str]


@dataclass(frozen=True)
class Move:
    """What follows: the story's new status, and the issue's new state with its reason. None: as it is."""

    status: str | None = None
    state: State | None = None
    reason: str | None = None


def merged(base: Base, status: str, state: State, reason: str | None, labels: Set[str], not_wanted: Collection[str]) -> Move:
    """What follows from the story's `status` and the issue's `state`, `reason` (not_planned, duplicate, …) and `labels`.

    A person's state wins: one that differs from the last sync is followed, never set back. Closed as not planned, or newly
    labelled as not wanted, drops a story that isn't released yet; opened again reopens a settled one. Closed as done changes no
    story: whether it helped is for the outcome to say. Where nobody moved the issue, it follows the story: closed when that is
    resolved or dropped, open when it is reopened.
    """
    person = state != base.state
    refused = bool({label.casefold() for label in labels - base.labels} & {label.casefold() for label in not_wanted})
    if status in WANTED and (refused or (person and state == "closed" and reason in NO)):
        return Move("dropped", "closed" if state == "open" else None, "not_planned" if state == "open" else None)
    if person:
        return Move("reopened" if state == "open" and status in SETTLED else None)
    if status == base.status:
        return Move()
    if status in SETTLED and state == "open":
        return Move(None, "closed", "completed" if status == "resolved" else "not_planned")
    back = status == "reopened" or (base.status in SETTLED and status not in SETTLED)
    return Move(None, "open") if back and state == "closed" else Move()
