"""HTTP APIs as sources, against real local servers that page, throttle, fail, lie, and lead astray."""

import base64
import gzip
import random
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from include import http_client as client
from include.connection import Connection, no_connections
from include.errors import InputError
from include.http_client import retry_after
from include.parts.channels import HttpSource
from include.voc_aggregation.sources import http
from include.voc_aggregation.sources.http import HttpChannel
from include.voc_aggregation.sources.source import Chunk, Cursor
from tests.conftest import NOW
from tests.server import Asked, Reply, Server, serving

TOKEN = Connection("http", login="me", password="hunter2")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "FIRST_WAIT", 0.01)


def record(number: int, **fields: Any) -> dict[str, Any]:
    return {"id": number, "text": f"text {number}", "updated_at": f"2026-02-{number:02}T10:00:00Z"} | fields


def source(server: Server, **fields: Any) -> HttpSource:
    given = {"name": "api", "kind": "http", "url": f"{server.url}/issues", "columns": {"text": "text", "id": "id"},
             "allow_hosts": ["127.0.0.1"]}
    return HttpSource.model_validate(given | fields)


def read(source: HttpSource, cursor: Cursor | None = None, connection: Connection = TOKEN) -> \
        tuple[list[Any], list[tuple[str, str]], Cursor | None, str]:
    """Ids of the good rows, (place, reason) of the bad ones, the last cursor, and the error."""
    chunks: list[Chunk] = []
    error = ""
    try:
        for chunk in HttpChannel(source, NOW, lambda _: connection).news(cursor):
            chunks.append(chunk)
    except InputError as raised:
        error = str(raised)
    good = [identity for chunk in chunks for identity in chunk.frame["id"]]
    bad = [(row.place, row.reason) for chunk in chunks for row in chunk.bad]
    return good, bad, next((chunk.cursor for chunk in reversed(chunks) if chunk.cursor is not None), None), error


def test_pages_by_number_end_with_an_empty_one() -> None:
    pages = {"1": [record(1), record(2)], "2": [record(3)]}
    with serving(lambda asked: Reply(pages.get(asked.query["page"], []))) as server:
        assert read(source(server, pages={"by": "page"}, parameters={"per_page": 2}))[0] == [1, 2, 3]
        assert [asked.query for asked in server.asked] == [{"per_page": "2", "page": n} for n in "123"]


def test_pages_by_link_header() -> None:
    def answer(asked: Asked) -> Reply:
        page = int(asked.query.get("page", "1"))
        link = {"Link": f'<{server.url}/issues?page={page + 1}>; rel="next", <{server.url}/x>; rel="last"'} if page < 3 else {}
        return Reply([record(page)], headers=link)

    with serving(answer) as server:
        assert read(source(server, pages={"by": "link"}))[0] == [1, 2, 3]


@pytest.mark.parametrize("as_url", [False, True])
def test_pages_by_cursor(as_url: bool) -> None:
    def answer(asked: Asked) -> Reply:
        page = int(asked.query.get("after", "1"))
        after = f"{server.url}/issues?after={page + 1}" if as_url else page + 1
        return Reply({"data": {"items": [record(page)]}, "meta": {"after": after, "done": page == 3}})

    with serving(answer) as server:
        pages = {"by": "cursor", "parameter": "after", "next": "meta.after", "until": "meta.done"}
        assert read(source(server, pages=pages, records="data.items"))[0] == [1, 2, 3]


def test_only_what_changed_since_the_last_time() -> None:
    def answer(asked: Asked) -> Reply:
        return Reply([record(n) for n in range(1, 5) if record(n)["updated_at"] >= asked.query.get("since", "")])

    with serving(answer) as server:
        wanted = source(server, since={"parameter": "since", "field": "updated_at"})
        good, _, cursor, _ = read(wanted)
        assert (good, cursor) == ([1, 2, 3, 4], {"since": "2026-02-04T10:00:00Z"})
        assert read(wanted, {"since": "2026-02-03T10:00:00Z"})[0] == [3, 4]


@pytest.mark.parametrize(("fields", "says"), [
    ({"send": "epoch"}, "1770199200"), ({"lag_seconds": 60}, "2026-02-04T09:59:00Z"),
    ({"template": "updated:[{since} TO *]"}, "updated:[2026-02-04T10:00:00Z TO *]")])
def test_how_since_is_said(fields: dict[str, Any], says: str) -> None:
    with serving(lambda _: Reply()) as server:
        read(source(server, since={"parameter": "q", "field": "updated_at"} | fields), {"since": "2026-02-04T10:00:00Z"})
        assert server.asked[0].query == {"q": says}


def test_an_unchanged_answer_is_not_sent_again() -> None:
    def answer(asked: Asked) -> Reply:
        known = asked.headers.get("if-none-match") == '"v1"'
        return Reply(status=304) if known else Reply([record(1)], headers={"ETag": '"v1"'})

    with serving(answer) as server:
        good, _, cursor, _ = read(source(server))
        assert good == [1]
        again = read(source(server), cursor)
        assert (again[0], again[2], again[3]) == ([], cursor, "")


def test_it_waits_when_it_is_throttled_and_tries_again_when_the_server_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(client, "sleep", waited.append)
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    replies = [Reply(status=429, headers={"Retry-After": "7"}), Reply(status=503, headers={"Retry-After": soon}),
               Reply(status=500), Reply([record(1), record(2)], cut=20), Reply([record(1)])]
    with serving(lambda asked: replies[asked.number - 1]) as server:
        assert read(source(server)) == ([1], [], {}, "")
    assert waited[0] == 7
    assert 10 <= waited[1] <= 30
    assert 0.005 <= waited[2] <= 0.08 * 2
    assert len(waited) == 4


def test_a_throttle_is_really_waited_for() -> None:
    times: list[datetime] = []

    def answer(asked: Asked) -> Reply:
        times.append(datetime.now(UTC))
        return Reply(status=429, headers={"Retry-After": "1"}) if asked.number == 1 else Reply([record(1)])

    with serving(answer) as server:
        assert read(source(server))[0] == [1]
    assert times[1] - times[0] >= timedelta(seconds=1)


@pytest.mark.parametrize(("reply", "says", "tries"), [
    (Reply(status=500), "HTTP 500, 5 times", 5),
    (Reply(status=404), "page 1: HTTP 404", 1),
    (Reply(status=401), "page 1: HTTP 401", 1),
    (Reply([record(1)], cut=10), "RemoteProtocolError", 5),
    (Reply(b"<html>sorry</html>"), "no JSON (Expecting value: line 1 column 1 (char 0)); it says that it is application/json", 1),
    (Reply(b"\xff\xfe\x00"), "no JSON", 1),
    (Reply(b"[" * 100_000), "no JSON", 1),
    (Reply({"items": []}), "records: '@' is no list there, but an object", 1),
    (Reply(status=429, headers={"Retry-After": "86400"}), "to wait 86400 s more would be longer than total_seconds", 1),
    (Reply(b"x" * 3000), "the answer is larger than 2,000 bytes", 1),
    (Reply(gzip.compress(b"x" * 3000), headers={"Content-Encoding": "gzip"}), "the answer is larger than 2,000 bytes", 1),
    (Reply(b"no gzip", headers={"Content-Encoding": "gzip"}), "DecodingError", 5),
    (Reply(status=302, headers={"Location": "/issues"}), "more than 5 redirects", 6),
    (Reply(status=302, headers={"Location": "http://169.254.169.254/latest/meta-data"}), "169.254.169.254, which is not", 1),
    (Reply(status=302, headers={"Location": "http://[::ffff:10.0.0.1]/"}), "which is not public", 1),
    (Reply(status=302, headers={"Location": "http://localhost:9/"}), "which is not public", 1),
    (Reply(status=302, headers={"Location": "file:///etc/passwd"}), "is no HTTP", 1),
    (Reply(status=302, headers={"Location": "http://[bad"}), "5 times", 5),
])
def test_what_can_not_be_had_is_named(reply: Reply, says: str, tries: int) -> None:
    with serving(lambda _: reply) as server:
        good, _, _, error = read(source(server, max_bytes=200_000 if reply.body == b"[" * 100_000 else 2000))
        assert (good, len(server.asked)) == ([], tries)
        assert says in error


@pytest.mark.parametrize("packed", [False, True])
def test_a_server_that_drips_is_given_up(packed: bool) -> None:
    body, headers = (gzip.compress(random.Random(7).randbytes(500)), {"Content-Encoding": "gzip"}) if packed else (b"[" * 500, {})
    with serving(lambda _: Reply(body, headers=headers, drip=0.1)) as server:
        begin = time.monotonic()
        assert "took longer than 0.5 s" in read(source(server, total_seconds=0.5))[3]
        assert time.monotonic() - begin < 20


def test_a_type_that_is_a_lie_does_no_harm() -> None:
    with serving(lambda _: Reply([record(1)], headers={"Content-Type": "text/html; charset=klingon"})) as server:
        assert read(source(server))[0] == [1]


def test_pages_without_end_are_ended() -> None:
    with serving(lambda _: Reply([record(1)])) as server:
        assert "page 2: the pages go round in circles" in read(source(server, pages={"by": "page"}))[3]
    with serving(lambda asked: Reply([record(asked.number)], headers={"Link": f'<{server.url}/issues>; rel="next"'})) as server:
        good, _, _, error = read(source(server, pages={"by": "link"}))
        assert good == [1]
        assert "page 1: the pages go round in circles" in error
    with serving(lambda asked: Reply([record(asked.number)])) as server:
        good, _, cursor, error = read(source(server, pages={"by": "page", "most": 20}))
        assert (good, cursor) == (list(range(1, 21)), None)
        assert "more than 20 pages" in error


def test_what_was_read_before_a_failure_stays_read_where_the_oldest_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "BATCH", 1)
    with serving(lambda asked: Reply([record(asked.number)]) if asked.number < 3 else Reply(status=404)) as server:
        since = {"parameter": "since", "field": "updated_at"}
        good, _, cursor, error = read(source(server, pages={"by": "page"}, since=since | {"ascending": True}))
        assert (good, cursor) == ([1, 2], {"since": "2026-02-02T10:00:00Z"})
        assert "page 3: HTTP 404" in error
    with serving(lambda asked: Reply([record(asked.number)]) if asked.number < 3 else Reply(status=404)) as server:
        assert read(source(server, pages={"by": "page"}, since=since))[2] is None


def test_a_record_that_can_not_be_used_is_set_aside_with_its_place() -> None:
    rows = [record(1), "no record", record(3, text={"html": "x"}), record(4, updated_at="soon"), record(5, updated_at=7),
            record(6, updated_at="9999-12-31T00:00:00Z"), record(7)]
    with serving(lambda asked: Reply(rows if asked.query["page"] == "1" else [])) as server:
        good, bad, cursor, _ = read(source(server, pages={"by": "page"}, since={"parameter": "s", "field": "updated_at"}))
    assert (good, cursor) == ([1, 7], {"since": "2026-02-07T10:00:00Z"})
    assert bad == [("page 1, record 2", "no object, but a text"), ("page 1, record 3", "text: no plain value, but an object"),
                   ("page 1, record 4", "Invalid isoformat string: 'soon'"),
                   ("page 1, record 5", "7 can't be compared with '2026-02-03T10:00:00Z'"),
                   ("page 1, record 6", "'9999-12-31T00:00:00Z' is in the future")]


@pytest.mark.parametrize(("auth", "header", "value"), [
    ({}, "authorization", "Bearer hunter2"),
    ({"by": "basic"}, "authorization", "Basic " + base64.b64encode(b"me:hunter2").decode()),
    ({"by": "header", "header": "PRIVATE-TOKEN"}, "private-token", "hunter2"),
    ({"by": "header", "prefix": "Token token="}, "authorization", "Token token=hunter2")])
def test_who_we_are_comes_from_a_connection(auth: dict[str, str], header: str, value: str) -> None:
    with serving(lambda _: Reply()) as server:
        assert read(source(server, auth={"connection": "api"} | auth))[3] == ""
        assert server.asked[0].headers[header] == value
    with pytest.raises(InputError, match="there is no connection 'api'"):
        HttpChannel(source(server, auth={"connection": "api"}), NOW, no_connections)
    with pytest.raises(InputError, match="'api' has no password"):
        HttpChannel(source(server, auth={"connection": "api"}), NOW, lambda _: Connection("http"))


def test_a_secret_is_told_to_nobody_else() -> None:
    with serving(lambda _: Reply([record(1)])) as other, \
            serving(lambda _: Reply(status=307, headers={"Location": f"{other.url}/moved"})) as server:
        good, _, _, _ = read(source(server, auth={"connection": "api"}))
        assert good == [1]
        assert "authorization" in server.asked[0].headers
        assert "authorization" not in other.asked[0].headers
    with serving(lambda _: Reply([record(1)], headers={"Link": f'<{other.url}/2>; rel="next"'})) as server:
        good, _, _, error = read(source(server, auth={"connection": "api"}, pages={"by": "link"}))
        assert good == [1]
        assert "the next page lies elsewhere" in error


def test_a_private_address_is_refused_unless_it_is_named() -> None:
    with serving(lambda _: Reply([record(1)])) as server:
        assert "127.0.0.1, which is not public; where that is meant, name the host in allow_hosts" in read(
            source(server, allow_hosts=[]))[3]
        assert server.asked == []


def test_a_server_that_is_not_there_is_named() -> None:
    with serving(lambda _: Reply()) as server:
        gone = source(server)
    assert "ConnectError" in read(gone)[3]


def test_how_long_to_wait() -> None:
    assert retry_after({"retry-after": "120"}, NOW) == 120
    assert retry_after({"retry-after": format_datetime(NOW + timedelta(hours=1), usegmt=True)}, NOW) == 3600
    assert retry_after({"retry-after": format_datetime(NOW - timedelta(hours=1), usegmt=True)}, NOW) == 0
    assert retry_after({"retry-after": "a while"}, NOW) is None
    assert retry_after({}, NOW) is None
    assert retry_after({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOW.timestamp()) + 9)}, NOW) == 9
    assert all(0.25 * 2**n <= 50 * client.back_off(n + 1) <= 0.5 * 2**n for n in range(5))


GITHUB = {"id": 9, "number": 1, "title": "Coupon fails", "body": "at checkout", "user": {"login": "kim"},
          "created_at": "2026-02-01T00:00:00Z", "updated_at": "2026-02-02T00:00:00Z"}
GITLAB = {"id": 9, "iid": 1, "title": "Coupon fails", "description": "at checkout", "author": {"username": "kim"},
          "created_at": "2026-02-01T00:00:00Z", "updated_at": "2026-02-02T00:00:00.000+09:00"}
ZENDESK = {"id": 9, "subject": "Coupon fails", "description": "at checkout", "requester_id": 5,
           "created_at": "2026-02-01T00:00:00Z", "updated_at": "2026-02-02T00:00:00Z"}
ZAMMAD = {"id": 9, "title": "Coupon fails", "customer": "kim@example.com", "created_at": "2026-02-01T00:00:00.000Z",
          "updated_at": "2026-02-02T00:00:00.000Z"}


@pytest.mark.parametrize(("preset", "answer", "query", "next_query"), [
    ("github_issues", [GITHUB, GITHUB | {"pull_request": {"url": "x"}}], {"state": "all"}, {"since": "2026-02-02T00:00:00Z"}),
    ("gitlab_issues", [GITLAB], {"scope": "all"}, {"updated_after": "2026-02-02T00:00:00.000+09:00"}),
    ("zendesk", {"tickets": [ZENDESK], "after_cursor": "x", "end_of_stream": True}, {"start_time": "1262303880"},
     {"start_time": "1769990280"}),
    ("zammad", [ZAMMAD], {"query": "updated_at:[2000-01-01T00:00:00Z TO *]", "page": "1"},
     {"query": "updated_at:[2026-02-02T00:00:00.000Z TO *]"}),
])
def test_presets(preset: str, answer: Any, query: dict[str, str], next_query: dict[str, str]) -> None:
    with serving(lambda asked: Reply(answer if asked.query.get("page", "1") == "1" else [])) as server:
        wanted = HttpSource.model_validate({"name": "api", "kind": "http", "preset": preset, "url": f"{server.url}/x",
                                            "allow_hosts": ["127.0.0.1"]})
        [chunk] = HttpChannel(wanted, NOW, no_connections).news(None)
        assert query.items() <= server.asked[0].query.items()
        assert chunk.frame["id"].tolist() == [9]
        assert chunk.frame[wanted.columns.names()[0]].tolist() == ["Coupon fails"]
        list(HttpChannel(wanted, NOW, no_connections).news(chunk.cursor))
        assert next_query.items() <= server.asked[-2 if preset == "zammad" else -1].query.items()


def test_a_preset_can_be_changed_in_parts() -> None:
    changed = HttpSource.model_validate({"name": "a", "kind": "http", "preset": "zendesk", "url": "https://example.com",
                                         "columns": {"text": "subject"}, "since": {"lag_seconds": 5}})
    assert (changed.columns.text, changed.columns.id, changed.records) == ("subject", "id", "tickets")
    assert changed.since is not None
    assert (changed.since.lag_seconds, changed.since.parameter) == (5, "start_time")


@pytest.mark.parametrize(("fields", "says"), [
    ({"preset": "jira"}, "there is no preset 'jira', but github_issues, gitlab_issues, zendesk, zammad"),
    ({"columns": {"text": "a["}}, "'a\\[' is no JMESPath"), ({"records": "a..b"}, "is no JMESPath"),
    ({"pages": {"by": "cursor"}}, "pages by cursor need `next`"), ({"url": "ftp://x"}, "url")])
def test_a_wrong_mapping_is_refused_when_the_product_is_read(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        HttpSource.model_validate({"name": "a", "kind": "http", "url": "https://example.com"} | fields)


FIELDS = st.sampled_from(["id", "text", "updated_at"])
VALUES = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
                      lambda inner: st.lists(inner, max_size=4) | st.dictionaries(FIELDS, inner), max_leaves=12)


def test_whatever_json_an_api_says_it_is_read_set_aside_or_refused() -> None:
    answers: list[Any] = []
    since = {"parameter": "since", "field": "updated_at"}
    with serving(lambda asked: Reply(answers[-1])) as server:
        wanted = source(server, since=since)

        @settings(max_examples=40, deadline=None)
        @given(VALUES | st.lists(VALUES, max_size=4))
        def whatever(value: Any) -> None:
            answers.append(value)
            good, bad, _, error = read(wanted)
            assert error or len(good) + len(bad) == len(value)

        whatever()


def test_a_record_nested_too_deeply_is_set_aside() -> None:
    deep = b'[{"id": 1, "text": ' + b"[" * 900 + b"]" * 900 + b"}]"
    with serving(lambda _: Reply(deep)) as server:
        good, bad, _, error = read(source(server))
    assert error or (good, bad[0][0]) == ([], "page 1, record 1")
