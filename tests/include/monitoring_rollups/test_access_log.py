"""Every line is read once, whatever happens to the file."""

import gzip
import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from include.errors import InputError
from include.monitoring_rollups import access_log
from include.monitoring_rollups.access_log import Cursor, Reader
from include.monitoring_rollups.formats import haproxy as parse
from tests.include.monitoring_rollups.log import line


def read(path: Path, cursor: Cursor) -> tuple[list[str], int, Cursor]:
    reader = Reader(path, cursor)
    paths = [path for frame in reader.frames() for path in frame["path"]]
    return paths, reader.malformed, Cursor(**json.loads(json.dumps(reader.cursor.plain())))


def test_from_where_the_last_run_ended(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    assert read(log, Cursor()) == ([], 0, Cursor())
    log.write_bytes(line(path="/a") + line(path="/b") + line(path="/torn")[:20])
    paths, malformed, cursor = read(log, Cursor())
    assert (paths, malformed) == (["/a", "/b"], 0)
    assert read(log, cursor) == ([], 0, cursor)
    with log.open("ab") as file:
        file.write(line(path="/torn")[20:] + line(path="/c"))
    assert read(log, cursor)[0] == ["/torn", "/c"]


def test_a_rotated_log_is_read_to_its_end_first(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_bytes(line(path="/a"))
    _, _, cursor = read(log, Cursor())
    with log.open("ab") as file:
        file.write(line(path="/b"))
    log.rename(tmp_path / "access.log.1")
    log.write_bytes(line(path="/c", at=9) + line(path="/d"))
    paths, _, cursor = read(log, cursor)
    assert paths == ["/b", "/c", "/d"]
    assert read(log, cursor)[0] == []


@pytest.mark.parametrize("size", [1, 5])
def test_a_truncated_or_replaced_log_is_read_from_its_start(tmp_path: Path, size: int) -> None:
    log = tmp_path / "access.log"
    log.write_bytes(line(path="/a") * 3)
    _, _, cursor = read(log, Cursor())
    log.write_bytes(line(path="/new", at=1) * size)  # the same inode, shorter or longer than before
    assert read(log, cursor)[0] == ["/new"] * size


WRONG = [b"", b"Proxy web started.", b"{", b"[]", b"null", b'{"at":1}', b"\xff\xfe", b"[" * 2000,
         line(at=True)[:-1], line(at=1.5)[:-1], line(at=-1)[:-1], line(at=2**62)[:-1], line(at=2**70)[:-1],
         line(status="200")[:-1], line(path=None)[:-1], line(path=5)[:-1], line()[:-1] * 2,
         line()[:-2] + b',"path":"/two/torn/lines"}']


@pytest.mark.parametrize("wrong", WRONG)
def test_a_malformed_line_is_counted_and_the_others_kept(wrong: bytes) -> None:
    frame, malformed = parse(line(path="/a") + wrong + b"\n" + line(path="/b"))
    assert (frame["path"].tolist(), malformed) == (["/a", "/b"], 1)


def test_a_line_longer_than_a_chunk_is_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_log, "CHUNK", 300)
    log = tmp_path / "access.log"
    log.write_bytes(line(path="/a") + b"x" * 2000 + b"\n" + line(path="/b") * 9)
    paths, malformed, _ = read(log, Cursor())
    assert (paths, malformed) == (["/a", *["/b"] * 9], 1)


def test_text_that_haproxy_escapes() -> None:
    frame, malformed = parse(b'{"at":1,"path":"\\/a\\"b\\\\c\\u1234","status":200,"ms":0,"server":"<NOSRV>","ended":"PR"}\n')
    assert (frame["path"].tolist(), malformed) == (['/a"b\\c\u1234'], 0)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(cuts=st.lists(st.integers(0, 2000), max_size=6), chunk=st.integers(200, 3000))
def test_any_growth_gives_each_line_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cuts: list[int], chunk: int) -> None:
    monkeypatch.setattr(access_log, "CHUNK", chunk)
    content = b"".join(line(path=f"/{n}") for n in range(20))
    log, cursor, paths = tmp_path / "access.log", Cursor(), list[str]()
    log.unlink(missing_ok=True)
    for end in [*sorted(cuts), len(content)]:
        log.write_bytes(content[:end])
        found, malformed, cursor = read(log, cursor)
        assert malformed == 0
        paths += found
    assert paths == [f"/{n}" for n in range(20)]


def test_several_rotations_between_two_runs(tmp_path: Path) -> None:
    """What was rotated, compressed and named by date is read to its end, in order; what was there before isn't read again."""
    log = tmp_path / "access.log"
    (tmp_path / "access.log.9.gz").write_bytes(gzip.compress(line(path="/ancient")))
    os.utime(tmp_path / "access.log.9.gz", (1, 1))
    log.write_bytes(line(path="/a"))
    paths, _, cursor = read(log, Cursor())
    assert paths == ["/a"]
    (tmp_path / "access.log-20260301.gz").write_bytes(gzip.compress(line(path="/a") + line(path="/b")))
    os.utime(tmp_path / "access.log-20260301.gz", (10, 10))
    (tmp_path / "access.log.1").write_bytes(line(path="/c"))
    os.utime(tmp_path / "access.log.1", (20, 20))
    log.write_bytes(line(path="/d"))
    paths, malformed, cursor = read(log, cursor)
    assert (paths, malformed) == (["/b", "/c", "/d"], 0)
    assert read(log, cursor)[0] == []


def test_a_compressed_log_that_is_none(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_bytes(line(path="/a"))
    _, _, cursor = read(log, Cursor())
    (tmp_path / "access.log.1.gz").write_bytes(b"no gzip")
    log.write_bytes(b"")
    with pytest.raises(InputError, match=r"access\.log\.1\.gz"):
        read(log, cursor)
