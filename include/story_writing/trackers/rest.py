"""A tracker's REST API: JSON both ways, pages by Link header, and its status codes as errors that say what and where."""

import json
from collections.abc import Iterator
from time import monotonic, sleep
from typing import Any

import httpx

from include.errors import InputError
from include.http_client import Answer, Client, UnavailableError, joined, same_origin, shown
from include.parts.stories import Tracker as Site
from include.story_writing.trackers.tracker import GoneError, RefusedError

PAGES = 1000  # read in one listing
_MOVED = {301, 302, 307, 308}
_ONE = {400, 405, 406, 409, 410, 412, 413, 415, 422}  # this request is wrong, others may not be


class Rest:
    """Requests to one project's API."""

    def __init__(self, site: Site, client: Client) -> None:
        self._site, self._client = site, client
        self._wrote: float | None = None
        self.etags: dict[str, str] = {}

    def read(self, path: str, **query: str | int) -> Any:
        """The JSON of a GET."""
        return self._parsed(self._got(self.url(path, **query)))

    def one(self, path: str) -> Any:
        """The JSON of one issue. Raises GoneError where it was deleted or lies elsewhere now."""
        answer = self._client.get(self.url(path), {})
        if answer.status in {404, 410}:
            raise GoneError("deleted" if answer.status == 410 else "not found: deleted, or moved to where the token can't read")
        if answer.url.path != self.url(path).path:
            raise GoneError(f"moved to {shown(answer.url)}")
        return self._parsed(answer)

    def listed(self, path: str, conditional: bool = False, **query: str | int) -> Iterator[Any]:
        """The items of every page of a listing; none, if it is `conditional` and its ETag is still what `etags` says."""
        url: httpx.URL | None = self.url(path, per_page=100, **query)
        seen = set[httpx.URL]()
        for _ in range(PAGES):
            if url is None:
                return
            answer = self._got(url, self.etags.get(str(url)) if conditional and not seen else None)
            if answer.status == 304:
                return
            items = self._parsed(answer)
            if not isinstance(items, list):
                raise UnavailableError(f"{shown(url)}: no list, but {str(items)[:200]}")
            yield from items
            link = httpx.Response(200, headers={"link": answer.headers.get("link", "")}).links.get("next", {}).get("url")
            if conditional and not seen and not link and "etag" in answer.headers:  # all of it is on one page
                self.etags.clear()
                self.etags[str(url)] = answer.headers["etag"]
            seen.add(url)
            url = joined(url, link) if link else None
            if url is not None and (url in seen or not same_origin(url, httpx.URL(self._site.url))):
                raise UnavailableError(f"{shown(url)}: the pages lead elsewhere, or round in circles")
        raise UnavailableError(f"{self._site.project}: more than {PAGES:,} pages")

    def create(self, path: str, body: Any) -> Any:
        """The JSON that a POST to the project answers."""
        return self._parsed(self._sent("POST", path, body))

    def write(self, method: str, path: str, body: Any = None, missing_ok: bool = False) -> None:
        """Change one issue. Raises GoneError where it was deleted or lies elsewhere now."""
        answer = self._sent(method, path, body)
        if answer.status in _MOVED:
            raise GoneError(f"moved to {answer.headers.get('location', 'elsewhere')[:500]}")
        if answer.status == 404 and missing_ok:
            return
        if answer.status in {404, 410}:
            raise GoneError("deleted" if answer.status == 410 else "not found")
        if answer.status == 403:
            raise RefusedError(f"{shown(answer.url)}: HTTP 403: {_message(answer)}")
        self._check(answer)

    def _sent(self, method: str, path: str, body: Any) -> Answer:
        if self._wrote is not None and (left := self._wrote + self._site.pause_seconds - monotonic()) > 0:
            sleep(left)
        try:
            return self._client.send(method, self.url(path), {}, body)
        finally:
            self._wrote = monotonic()

    def url(self, path: str, **query: str | int) -> httpx.URL:
        """The URL of `path` (percent-encoded where it must be) below the API's."""
        return httpx.URL(self._site.url.rstrip("/") + path).copy_merge_params(query)

    def _got(self, url: httpx.URL, etag: str | None = None) -> Answer:
        answer = self._client.get(url, {"If-None-Match": etag} if etag else {})
        if answer.status == 304 and etag:
            return answer
        if answer.url.path != url.path:
            raise InputError(f"stories.tracker: {self._site.project!r} has moved to {shown(answer.url)}: write its new name")
        try:
            self._check(answer)
        except RefusedError as error:  # of the project, not of one issue
            raise InputError(str(error)) from error
        return answer

    def _check(self, answer: Answer) -> None:
        """Raise what a status means; nothing where it is fine."""
        if 200 <= answer.status < 300:
            return
        said = f"{shown(answer.url)}: HTTP {answer.status}: {_message(answer)}"
        if answer.status == 401:
            raise InputError(f"{said}; is the token of connection {self._site.connection!r} revoked or expired?")
        if answer.status in _ONE:
            raise RefusedError(said)
        if answer.status in {403, 404}:
            raise InputError(f"{said}; may connection {self._site.connection!r} read and write the issues of "
                             f"{self._site.project!r}?")
        raise UnavailableError(said)

    def _parsed(self, answer: Answer) -> Any:
        self._check(answer)
        try:
            return json.loads(answer.body)
        except (ValueError, RecursionError) as error:
            kind = answer.headers.get("content-type", "nothing")[:100]
            raise UnavailableError(f"{shown(answer.url)}: no JSON; it says that it is {kind}") from error


def _message(answer: Answer) -> str:
    """What an error's body says: `message` and `errors` at GitHub, `message` or `error` at GitLab."""
    try:
        said = json.loads(answer.body)
    except (ValueError, RecursionError):
        return "no reason given"
    if not isinstance(said, dict):
        return "no reason given"
    parts = [said.get("message") or said.get("error"), said.get("errors")]
    return "; ".join(part if isinstance(part, str) else json.dumps(part, ensure_ascii=False) for part in parts if part)[:500]
