"""Lines of nginx, Apache and JSON logs; a real log, counted."""

import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from include.key import Key
from include.ledger.runs import Run
from include.ledger.tables import rollups
from include.monitoring_rollups.formats import SCHEMA, UNKNOWN, any_json, combined
from include.monitoring_rollups.run import roll_up
from include.parts.monitoring import JsonFields
from tests import rows
from tests.conftest import SHARED

WEBLOG = SHARED / "data" / "elastic-weblogs" / "apache_logs"
NGINX = (b'10.0.0.1 - ann [02/Mar/2026:11:00:00 +0900] "GET /teas?q=\\"a\\" HTTP/1.1" 200 12 "-" "curl \\"x\\"" 0.250\n'
         b'::1 - - [02/Mar/2026:02:00:01 +0000] "-" 400 0 "-" "-"\n'
         b'host:443 10.0.0.1 - - [02/Mar/2026:02:00:02 +0000] "POST /pay HTTP/2.0" 503 -\n')


def test_the_combined_format() -> None:
    frame, malformed = combined(NGINX, "v1.0.0_0")
    at = int(datetime(2026, 3, 2, 2, tzinfo=UTC).timestamp() * 1000)
    assert malformed == 0
    assert frame.to_dict("list") == {
        "at": [at, at + 1000, at + 2000], "path": ['/teas?q=\\"a\\"', "-", "/pay"], "status": [200, 400, 503],
        "ms": [250, UNKNOWN, UNKNOWN], "server": ["v1.0.0_0"] * 3, "ended": ["--"] * 3}
    assert combined(NGINX, unit="us")[0]["ms"].tolist() == [0, UNKNOWN, UNKNOWN]
    assert combined(b"") [1] == 0


@pytest.mark.parametrize("line", [b"", b"torn", NGINX.splitlines()[0][:60],
                                  b'a - - [99/Mar/2026:11:00:00 +0900] "GET / HTTP/1.1" 200 1',
                                  b'a - - [02/Mar/2026:11:00:00 +0900] "GET / HTTP/1.1" 20 1', b"\xff\x00 [", b"[" * 5000])
def test_what_is_no_line_is_counted(line: bytes) -> None:
    frame, malformed = combined(NGINX + line + b"\n")
    assert (len(frame), malformed) == (3, 1)
    frame, malformed = any_json(b'{"time": 1, "path": "/", "status": 200}\n' + line + b"\n", JsonFields())
    assert (len(frame), malformed) == (1, 1)


@settings(deadline=None)
@given(content=st.lists(st.binary(max_size=60).map(lambda part: part.replace(b"\n", b"") + b"\n")).map(b"".join))
def test_whatever_comes_is_counted(content: bytes) -> None:
    for frame, malformed in (combined(content), any_json(content, JsonFields())):
        assert len(frame) + malformed == content.count(b"\n")
        assert list(frame.columns) == SCHEMA.names


def test_any_json() -> None:
    fields = JsonFields(at="ts", path="request.uri", status="status", took="duration")
    entries = [{"ts": 1772416800.5, "request": {"uri": "/a"}, "status": 200, "duration": 0.5},
               {"ts": "2026-03-02T11:00:00+09:00", "request": {"uri": "/b"}, "status": "404"},
               {"ts": 1772416800500, "request": {"uri": "/c"}, "status": 500, "duration": -1}]
    wrong = [{}, [], {"ts": "2026-03-02T11:00:00", "request": {"uri": "/"}, "status": 200}, {"ts": True, "request": {"uri": "/"}},
             {"ts": 1, "request": "/", "status": 200}]
    frame, malformed = any_json("".join(json.dumps(item) + "\n" for item in entries + wrong).encode(), fields)
    assert malformed == len(wrong)
    assert frame[["at", "path", "status", "ms"]].to_numpy().tolist() == [
        [1772416800500, "/a", 200, 500], [1772416800000, "/b", 404, UNKNOWN], [1772416800500, "/c", 500, UNKNOWN]]


@pytest.mark.shared
def test_a_real_log_is_counted_whole(ledger: Engine, tmp_path: Path) -> None:
    """By an independent count, whatever pieces it comes in; a line that was torn is read once it is whole."""
    content = WEBLOG.read_bytes()
    expected = Counter[str]()
    for line in content.decode().splitlines():
        match = re.search(r"\[(\d\d)/May/2015:(\d\d):(\d\d):\d\d \+0000\].*?\" (\d{3}) ", line)
        assert match
        expected[f"2015-05-{match[1]}T{match[2]}:{match[3]}"] += 1
        expected["errors"] += int(match[4]) >= 500
    log = tmp_path / "access.log"
    product = rows.product(monitoring={"logs": [{"path": str(log)}]})
    start, read = datetime(2015, 5, 21, tzinfo=UTC), 0
    for number, end in enumerate((700_001, 1_500_000, len(content))):
        log.write_bytes(content[:end])
        run = Run("monitoring_rollups", f"{number}", Key("shop"), start + timedelta(minutes=number))
        result = roll_up(ledger, product, run)
        assert result["malformed"] == 0
        read += result["requests"]
    found = Counter[str]()
    for row in rows.get(ledger, rollups):
        found[f"{row['minute']:%Y-%m-%dT%H:%M}"] += row["requests"]
        found["errors"] += row["errors"]
        assert row["durations"] == {}
        assert row["p99"] is None
    assert read == 10_000
    assert found == expected
