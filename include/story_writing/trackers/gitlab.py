"""Issues of a GitLab project (docs.gitlab.com/api/issues, API v4)."""

from collections.abc import Iterator, Set
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from include.http_client import UnavailableError
from include.story_writing.trackers.rest import Rest
from include.story_writing.trackers.tracker import Issue, State


class GitLabIssues:
    """See `Tracker`. GitLab doesn't say why an issue was closed, but for duplicates: labels tell what isn't wanted."""

    limit = 1_000_000

    def __init__(self, rest: Rest, project: str) -> None:
        self._rest, self._path, self.etags = rest, f"/projects/{quote(project, safe='')}/issues", rest.etags

    def me(self) -> str:
        """See `Tracker`."""
        return str(self._rest.read("/user")["username"])

    def changed(self, since: datetime) -> Iterator[Issue]:
        """See `Tracker`."""
        moment = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        yield from self._found(conditional=True, updated_after=moment, order_by="updated_at")

    def labelled(self, label: str) -> Iterator[Issue]:
        """See `Tracker`."""
        yield from self._found(labels=label, order_by="created_at")

    def _found(self, conditional: bool = False, **query: str) -> Iterator[Issue]:
        for item in self._rest.listed(self._path, conditional, scope="all", sort="asc", **query):
            yield _issue(item)

    def issue(self, number: str) -> Issue:
        """See `Tracker`."""
        return _issue(self._rest.one(f"{self._path}/{number}"))

    def create(self, title: str, body: str, labels: Set[str]) -> Issue:
        """See `Tracker`."""
        return _issue(self._rest.create(self._path, {
            "title": title, "description": body, "labels": ",".join(sorted(labels))}))

    def update(self, number: str, title: str | None = None, body: str | None = None, state: State | None = None,
               reason: str | None = None) -> None:
        """See `Tracker`."""
        given = {"title": title, "description": body, "state_event": {"open": "reopen", "closed": "close"}.get(state or "")}
        self._rest.write("PUT", f"{self._path}/{number}", {name: value for name, value in given.items() if value is not None})

    def relabel(self, number: str, add: Set[str], remove: Set[str]) -> None:
        """See `Tracker`."""
        given = {"add_labels": ",".join(sorted(add)), "remove_labels": ",".join(sorted(remove))}
        self._rest.write("PUT", f"{self._path}/{number}", {name: value for name, value in given.items() if value})

    def comments(self, number: str) -> Iterator[tuple[str, str]]:
        """See `Tracker`."""
        for item in self._rest.listed(f"{self._path}/{number}/notes", sort="asc", order_by="created_at"):
            if not item.get("system"):
                yield str((item.get("author") or {}).get("username")), str(item.get("body") or "")

    def comment(self, number: str, text: str) -> None:
        """See `Tracker`."""
        self._rest.write("POST", f"{self._path}/{number}/notes", {"body": text})


def _issue(item: Any) -> Issue:
    try:
        closed = item["state"] == "closed"
        duplicate = closed and (item.get("_links") or {}).get("closed_as_duplicate_of")
        moved = item.get("moved_to_id")
        return Issue(
            str(item["iid"]), str(item["web_url"]), str(item["title"]), str(item["description"] or ""),
            "closed" if closed else "open", "duplicate" if duplicate else None, frozenset(map(str, item["labels"])),
            str((item["author"] or {}).get("username")), datetime.fromisoformat(item["updated_at"]),
            f"moved to issue {moved} of another project" if moved else None)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UnavailableError(f"the answer is no issue: {type(error).__name__} {error}: {str(item)[:200]}") from error
