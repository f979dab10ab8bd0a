"""Issues of a GitHub repository (docs.github.com/rest/issues, version 2022-11-28)."""

from collections.abc import Iterator, Set
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from include.http_client import UnavailableError
from include.story_writing.trackers.rest import Rest
from include.story_writing.trackers.tracker import Issue, State


class GitHubIssues:
    """See `Tracker`."""

    limit = 65_536

    def __init__(self, rest: Rest, project: str) -> None:
        self._rest, self._path, self.etags = rest, f"/repos/{project}/issues", rest.etags

    def me(self) -> str:
        """See `Tracker`."""
        return str(self._rest.read("/user")["login"])

    def changed(self, since: datetime) -> Iterator[Issue]:
        """See `Tracker`."""
        moment = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        yield from self._found(conditional=True, since=moment, state="all", sort="updated", direction="asc")

    def labelled(self, label: str) -> Iterator[Issue]:
        """See `Tracker`."""
        yield from self._found(labels=label, state="all", sort="created", direction="asc")

    def _found(self, conditional: bool = False, **query: str) -> Iterator[Issue]:
        for item in self._rest.listed(self._path, conditional, **query):
            if not (isinstance(item, dict) and "pull_request" in item):  # for this API a pull request is an issue too
                yield _issue(item)

    def issue(self, number: str) -> Issue:
        """See `Tracker`."""
        return _issue(self._rest.one(f"{self._path}/{number}"))

    def create(self, title: str, body: str, labels: Set[str]) -> Issue:
        """See `Tracker`."""
        return _issue(self._rest.create(self._path, {"title": title, "body": body, "labels": sorted(labels)}))

    def update(self, number: str, title: str | None = None, body: str | None = None, state: State | None = None,
               reason: str | None = None) -> None:
        """See `Tracker`."""
        given = {"title": title, "body": body, "state": state, "state_reason": "reopened" if state == "open" else reason}
        self._rest.write("PATCH", f"{self._path}/{number}", {name: value for name, value in given.items() if value is not None})

    def relabel(self, number: str, add: Set[str], remove: Set[str]) -> None:
        """See `Tracker`. The whole list is never set: what a person labelled meanwhile would be lost."""
        if add:
            self._rest.write("POST", f"{self._path}/{number}/labels", {"labels": sorted(add)})
        for label in sorted(remove):
            self._rest.write("DELETE", f"{self._path}/{number}/labels/{quote(label, safe='')}", missing_ok=True)

    def comments(self, number: str) -> Iterator[tuple[str, str]]:
        """See `Tracker`."""
        for item in self._rest.listed(f"{self._path}/{number}/comments"):
            yield str((item.get("user") or {}).get("login")), str(item.get("body") or "")

    def comment(self, number: str, text: str) -> None:
        """See `Tracker`."""
        self._rest.write("POST", f"{self._path}/{number}/comments", {"body": text})


def _issue(item: Any) -> Issue:
    try:
        reason = item.get("state_reason") if item["state"] == "closed" else None
        return Issue(
            str(item["number"]), str(item["html_url"]), str(item["title"]), str(item["body"] or ""),
            "closed" if item["state"] == "closed" else "open", reason,
            frozenset(str(label if isinstance(label, str) else label["name"]) for label in item["labels"]),
            str((item["user"] or {}).get("login")), datetime.fromisoformat(item["updated_at"]))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UnavailableError(f"the answer is no issue: {type(error).__name__} {error}: {str(item)[:200]}") from error
