"""What a tracker is to the mirror: a handful of calls, and the ways in which they fail."""

from collections.abc import Iterator, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

State = Literal["open", "closed"]


@dataclass(frozen=True)
class Issue:
    """An issue as the tracker has it. `reason` says why it is closed (completed, not_planned, duplicate), where it says so.
    `gone` tells where it went, if it is no longer ours to write."""

    number: str
    url: str
    title: str
    body: str
    state: State
    reason: str | None
    labels: frozenset[str]
    author: str
    changed_at: datetime
    gone: str | None = None


class RefusedError(Exception):
    """The tracker refuses this one request (its validation, a locked issue): others may go on."""


class GoneError(Exception):
    """The issue was deleted, or moved to another project; the message says which."""


class Tracker(Protocol):
    """The issues of one project. Calls raise `InputError` (nothing will work: token, project), `UnavailableError` (later),
    and, for one issue, `RefusedError` or `GoneError`."""

    limit: int  # characters of a body
    etags: dict[str, str]  # what `changed` last saw, by URL: given to the next run's tracker, it asks for news only

    def me(self) -> str:
        """Whom the token belongs to, as `Issue.author` says it."""

    def changed(self, since: datetime) -> Iterator[Issue]:
        """Every issue that changed since then (that moment included)."""

    def labelled(self, label: str) -> Iterator[Issue]:
        """Every issue with this label."""

    def issue(self, number: str) -> Issue:
        """One issue as it is now."""

    def create(self, title: str, body: str, labels: Set[str]) -> Issue:
        """A new issue. After an `UnavailableError` it may be there all the same."""

    def update(self, number: str, title: str | None = None, body: str | None = None, state: State | None = None,
               reason: str | None = None) -> None:
        """Change what is given, leave the rest."""

    def relabel(self, number: str, add: Set[str], remove: Set[str]) -> None:
        """Put labels on an issue and take others off; those that others put there stay."""

    def comments(self, number: str) -> Iterator[tuple[str, str]]:
        """Author and text of each comment."""

    def comment(self, number: str, text: str) -> None:
        """A new comment. After an `UnavailableError` it may be there all the same."""
