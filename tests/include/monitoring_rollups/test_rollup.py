"""Requests become rollups, the same however they were split."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.monitoring_rollups.formats import haproxy as parse
from include.monitoring_rollups.histogram import quantile
from include.monitoring_rollups.rollup import MAX_ROUTES, OTHER, Rollup, aggregate, rollups, route_of, version_of
from tests.conftest import NOW
from tests.include.monitoring_rollups.log import AT, line


@pytest.mark.parametrize(("path", "route"), [
    ("/", "/"), ("", "/"), ("/teas", "/teas"), ("/orders/17", "/orders/{id}"),
    ("/orders/17/items/4/", "/orders/{id}/items/{id}/"),
    ("/u/0b9e8b1e-7a9d-4c9e-8a52-0c2f6a3f1d11", "/u/{id}"), ("/blob/9f86d081884c7d65", "/blob/{id}"), ("/facade", "/facade"),
    ("/defaced/deadbeefcafe", "/defaced/deadbeefcafe"), ("/v2/teas", "/v2/teas"), ("/a\x1b[31m\nb", "/a [31m b"),
])
def test_routes(path: str, route: str) -> None:
    assert route_of(path) == route


@pytest.mark.parametrize(("server", "version"), [
    ("v1.0.1_41234", "1.0.1"), ("v1.0.1-rc.1_2", "1.0.1-rc.1"), ("<NOSRV>", "none"), ("", "none")])
def test_versions(server: str, version: str) -> None:
    assert version_of(server) == version


def frame(*lines: bytes) -> pd.DataFrame:
    found, malformed = parse(b"".join(lines))
    assert malformed == 0
    return found


def test_what_is_counted() -> None:
    found = rollups([aggregate(frame(
        line(), line(path="/teas/4", status=500, ms=100), line(path="/teas/5", status=404), line(path="/teas/5", ended="SD"),
        line(at=AT + 59_999), line(at=AT + 60_000), line(server="v1.1.0_5"), line(server="<NOSRV>", status=503, ended="SC"),
        line(path="/teas/4", status=-1, ms=-1, ended="CH")))])
    assert {group: (rollup.requests, rollup.errors) for group, rollup in found.items()} == {
        (NOW, "1.0.0", "/teas"): (2, 0),
        (NOW, "1.0.0", "/teas/{id}"): (4, 2),
        (NOW + timedelta(minutes=1), "1.0.0", "/teas"): (1, 0),
        (NOW, "1.1.0", "/teas"): (1, 0),
        (NOW, "none", "/teas"): (1, 1),
    }
    assert quantile(found[NOW, "1.0.0", "/teas/{id}"].durations, 1) == pytest.approx(100, rel=0.01)


def test_too_many_routes_become_one() -> None:
    lines = [line(path=f"/r{chr(97 + n // 26)}{chr(97 + n % 26)}") for n in range(400)] + [line(path="/rzz")] * 3
    found = rollups([aggregate(frame(*lines))])
    assert len(found) == MAX_ROUTES
    assert found[NOW, "1.0.0", "/rzz"].requests == 3
    assert found[NOW, "1.0.0", OTHER].requests == 401 - 199
    assert sum(rollup.requests for rollup in found.values()) == 403


LINES = st.lists(st.builds(
    line, at=st.integers(AT, AT + 200_000), path=st.sampled_from(["/a", "/b/1", "/b/2"]), ms=st.integers(-1, 5000),
    status=st.sampled_from([200, 404, 500, -1]), server=st.sampled_from(["v1.0.0_1", "v1.1.0_2", "<NOSRV>"])), max_size=40)


@settings(max_examples=30, deadline=None)
@given(lines=LINES, cut=st.integers(0, 40))
def test_any_split_gives_the_same(lines: list[bytes], cut: int) -> None:
    whole = rollups([aggregate(frame(*lines))])
    parts = [aggregate(frame(*lines[:cut])), aggregate(frame(*lines[cut:]))]
    assert rollups(parts) == whole == rollups(reversed(parts))
    one, two = rollups(parts[:1]), rollups(parts[1:])
    none = Rollup(0, 0, {})
    assert {group: one.get(group, none) + two.get(group, none) for group in one.keys() | two.keys()} == whole
    assert sum(rollup.requests for rollup in whole.values()) == len(lines)


def test_quantiles_of_many_requests_are_within_one_percent() -> None:
    random = np.random.default_rng(3)
    size = 300_000
    many = pd.DataFrame({"at": AT + random.integers(0, 60_000, size), "path": "/teas", "status": 200,
                         "ms": random.lognormal(4, 1, size).astype(int), "server": "v1.0.0_1", "ended": "--"})
    [found] = rollups([aggregate(many)]).values()
    for q in (0.5, 0.95, 0.99):
        assert quantile(found.durations, q) == pytest.approx(many["ms"].quantile(q, interpolation="lower"), rel=0.01)
