"""Voices of an HTTP API that answers JSON, by mapping alone: JMESPath for records and columns, pages, a cursor, and lists that
belong to each record.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx
import jmespath

from include.connection import Connections
from include.errors import InputError
from include.http_client import Answer, Client, joined, same_origin, secrets, shown
from include.parts.channels import HttpSince, HttpSource, Pages, Related
from include.voc_aggregation.sources.mail import html_to_text
from include.voc_aggregation.sources.source import BadRow, Chunk, Cursor, Row, gathered

BATCH = 2_000  # records that make a chunk: checking each page by itself would cost more than fetching it


class _Functions(jmespath.functions.Functions):  # type: ignore[misc]  # the library has no types
    """What expressions may call besides JMESPath's own: `html_text(body)` is the text of HTML."""

    @jmespath.functions.signature({"types": ["string"]})  # type: ignore[untyped-decorator]  # as above
    def _func_html_text(self, source: str) -> str:
        return html_to_text(source)


_OPTIONS = jmespath.Options(custom_functions=_Functions())


class HttpChannel:
    """An API as a `Source`. Its cursor: `since`, and the ETag of an answer that was all there was."""

    def __init__(self, source: HttpSource, at: datetime, connections: Connections) -> None:
        self._source, self._names, self._latest = source, source.columns.names(), at + timedelta(days=1)
        self._columns = {name: jmespath.compile(name) for name in self._names}
        self._records = jmespath.compile(source.records)
        self._related = {name: (related, jmespath.compile(related.records)) for name, related in source.related.items()}
        self._secrets = secrets(source.auth, connections(source.auth.connection)) if source.auth else {}
        self._since: Any = None
        self._etag: Cursor = {}

    def news(self, cursor: Cursor | None) -> Iterator[Chunk]:
        """See `Source`."""
        known = cursor or {}
        self._since = known.get("since")
        yield from gathered(self._parts(known), self._names, BATCH)

    def _parts(self, known: Cursor) -> Iterator[tuple[list[Row], Cursor | None]]:
        for rows in self._pages(known):
            yield rows, self._so_far()
        yield [], self._etag | ({"since": self._since} if self._since is not None else {})

    def _so_far(self) -> Cursor | None:
        """Where the oldest change comes first, what was read needn't be read again."""
        ascending = self._source.since is not None and self._source.since.ascending
        return {"since": self._since} if ascending and self._since is not None else None

    def _pages(self, known: Cursor) -> Iterator[list[Row]]:
        url: httpx.URL | None = self._first()
        tag = {"If-None-Match": known["etag"]} if known.get("url") == str(url) else {}
        seen: set[object] = set()
        with Client(self._source, self._secrets) as client:
            for number in range(1, self._source.pages.most + 1):
                if url is None:
                    return
                answer = client.get(url, tag if number == 1 else {})
                if answer.status == 304 and tag:
                    self._etag = {"etag": known["etag"], "url": known["url"]}
                    return
                document = _parsed(answer, f"{shown(url)}: page {number}")
                here = url
                rows = self._rows(client, document, number, here)
                yield rows
                pages = self._source.pages
                url = self._next(pages, document, answer, here, number) if rows or pages.by != "page" else None
                marks = {here, hashlib.sha256(answer.body).digest()}
                if rows and (marks & seen or url in seen | marks):
                    raise InputError(f"{shown(here)}: page {number}: the pages go round in circles")
                seen |= marks
                if number == 1 and url is None and "etag" in answer.headers:
                    self._etag = {"etag": answer.headers["etag"], "url": str(here)}
        if url is not None:
            raise InputError(f"{shown(url)}: more than {self._source.pages.most:,} pages")

    def _first(self) -> httpx.URL:
        source = self._source
        asked: dict[str, Any] = dict(source.parameters)
        if source.since and (value := self._since if self._since is not None else source.since.start) is not None:
            asked[source.since.parameter] = source.since.template.replace("{since}", sent(value, source.since))
        if source.pages.by == "page":
            asked[source.pages.parameter] = source.pages.first
        return httpx.URL(source.url).copy_merge_params(asked)

    def _next(self, pages: Pages, document: Any, answer: Answer, url: httpx.URL, number: int) -> httpx.URL | None:
        match pages.by:
            case "page":
                return url.copy_set_param(pages.parameter, pages.first + number)
            case "link":
                link = httpx.Response(200, headers={"link": answer.headers.get("link", "")}).links.get("next", {}).get("url")
            case "cursor":
                ended = pages.until and jmespath.search(pages.until, document)
                link = None if ended or not pages.next else jmespath.search(pages.next, document)
                if link and not str(link).startswith(("http://", "https://", "/")):
                    return url.copy_set_param(pages.parameter, str(link))
            case _:
                return None
        target = joined(url, str(link)) if link else None
        if target is not None and not same_origin(target, httpx.URL(self._source.url)):
            raise InputError(f"{shown(url)}: page {number}: the next page lies elsewhere, at {shown(target)}")
        return target

    def _rows(self, client: Client, document: Any, number: int, url: httpx.URL) -> list[Row]:
        records = _list(self._records, document, f"{shown(url)}: page {number}")
        return [self._row(client, record, f"page {number}, record {place}") for place, record in enumerate(records, 1)]

    def _more(self, client: Client, record: dict[str, Any], name: str) -> list[Any]:
        """The list `name` of a record. Raises ValueError where the record has no such list, InputError as `Client` does."""
        related, records = self._related[name]
        url = _address(self._source.url, related, record)
        found: list[Any] = []
        for number in range(1, related.pages.most + 1):
            answer = client.get(url, {})
            if answer.status in _NO_SUCH:
                raise ValueError(f"{name}: HTTP {answer.status}")
            document = _parsed(answer, f"{shown(url)}: page {number}")
            page = _list(records, document, f"{shown(url)}: page {number}")
            found += [item | {"of": record} if isinstance(item, dict) else item for item in page]
            following = self._next(related.pages, document, answer, url, number) if page else None
            if following is None or following == url:
                return found
            url = following
        raise InputError(f"{shown(url)}: more than {related.pages.most:,} pages")

    def _row(self, client: Client, record: Any, place: str) -> Row:
        def bad(reason: str) -> BadRow:
            try:
                return BadRow(place, reason, json.dumps(record, ensure_ascii=False)[:10_000])
            except RecursionError:
                return BadRow(place, f"{reason}; nested too deeply", "")

        if not isinstance(record, dict):
            return bad(f"no object, but {_kind(record)}")
        try:
            whole = record | {name: self._more(client, record, name) for name in self._related}
            values = {name: column.search(whole, _OPTIONS) for name, column in self._columns.items()}
            if self._source.since:
                self._since = later(self._since, jmespath.search(self._source.since.field, record), self._latest)
        except InputError:
            raise
        except (jmespath.exceptions.JMESPathError, ValueError) as error:
            return bad(_line(error))
        wrong = [f"{name}: no plain value, but {_kind(value)}" for name, value in values.items()
                 if isinstance(value, dict | list)]
        return bad("; ".join(wrong)) if wrong else (place, values)


_NO_SUCH = {403, 404, 410}  # of one record: the others may be read


def _list(records: Any, document: Any, where: str) -> list[Any]:
    try:
        found = records.search(document)
    except jmespath.exceptions.JMESPathError as error:
        raise InputError(f"{where}: records: {_line(error)}") from error
    if not isinstance(found, list):
        raise InputError(f"{where}: records: {records.expression!r} is no list there, but {_kind(found)}")
    return found


def _address(origin: str, related: Related, record: dict[str, Any]) -> httpx.URL:
    """Where a related list is; what the record says is no more than a part of the path."""
    def value(match: re.Match[str]) -> str:
        if not isinstance(found := record.get(match[1]), str | int) or found == "":
            raise ValueError(f"{match[1]} is no text or number, which a URL needs")
        return quote(str(found), safe="")

    return httpx.URL(origin).join(re.sub(r"\{(\w+)\}", value, related.url))


def later(one: Any, other: Any, latest: datetime) -> Any:
    """The later of two values of `since.field`: times (ISO 8601) or numbers; None is none.

    Raises ValueError for others, and for times after `latest`: a cursor in the future would find nothing any more.
    """
    if other is None:
        return one
    second = _order(other)
    if isinstance(second, datetime) and second > latest:
        raise ValueError(f"{other!r} is in the future")
    if one is None:
        return other
    first = _order(one)
    if type(first) is not type(second):
        raise ValueError(f"{other!r} can't be compared with {one!r}")
    return other if second > first else one


def _order(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, str):
        raise ValueError(f"{str(value)[:100]!r} is neither a time nor a number")
    found = datetime.fromisoformat(value)
    return found.replace(tzinfo=found.tzinfo or UTC)


def sent(value: Any, since: HttpSince) -> str:
    """`value` as the query says it."""
    order = _order(value)
    if not isinstance(order, datetime):
        return f"{order - since.lag_seconds:.15g}"
    moment = order - timedelta(seconds=since.lag_seconds)
    if since.send == "epoch":
        return str(int(moment.timestamp()))
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z") if since.lag_seconds else str(value)


def _parsed(answer: Answer, where: str) -> Any:
    """The JSON of an answer, whatever it says that it is."""
    if not 200 <= answer.status < 300:
        raise InputError(f"{where}: HTTP {answer.status}")
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError) as error:
        kind = answer.headers.get("content-type", "nothing")[:100]
        raise InputError(f"{where}: no JSON ({_line(error)}); it says that it is {kind}") from error


def _kind(value: Any) -> str:
    kinds = {dict: "an object", list: "a list", str: "a text", bool: "a truth value", type(None): "null"}
    return kinds.get(type(value), "a number")


def _line(error: Exception) -> str:
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__
