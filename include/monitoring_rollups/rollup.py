"""Requests to rollups: by minute, version and route, how many, how many failed, and how long they took. Pure."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pandas as pd

from include.markup import plain
from include.monitoring_rollups.formats import UNKNOWN
from include.monitoring_rollups.histogram import Histogram, buckets, merge

MAX_ROUTES = 200
OTHER = "other"
NO_VERSION = "none"  # HAProxy answered itself
KEYS = ["minute", "version", "route"]
_VERSION = re.compile(r"v(?P<version>.+)_\d+")
_ID = re.compile(r"/(?:\d+|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|(?=[a-f]*\d)[0-9a-f]{8,})(?=/|$)", re.IGNORECASE)
Group = tuple[datetime, str, str]  # minute, version, route


@dataclass(frozen=True)
class Rollup:
    """What was counted for one minute, version and route."""

    requests: int
    errors: int
    durations: Histogram

    def __add__(self, other: "Rollup") -> "Rollup":
        return Rollup(self.requests + other.requests, self.errors + other.errors, merge([self.durations, other.durations]))


def route_of(path: str) -> str:
    """A path with its ids collapsed (numbers, UUIDs, hexadecimal of 8 or more with a digit): `/orders/{id}`."""
    return plain(_ID.sub("/{id}", path), 200) or "/"


def version_of(server: str) -> str:
    """The version in a server's name, `v1.0.1_41234`."""
    match = _VERSION.fullmatch(server)
    return match["version"] if match else NO_VERSION


def aggregate(frame: pd.DataFrame) -> pd.DataFrame:
    """Columns minute (since 1970), version, route, bucket -> requests, errors; `frame` as `formats` gives it.

    An error is an answer of 500 and above, or one that the server side broke off (HAProxy's termination state S or s).
    """
    failed = (frame["status"] >= 500) | frame["ended"].str[:1].isin(["S", "s"])
    columns = {
        "minute": frame["at"] // 60_000,
        "version": _mapped(frame["server"], version_of),
        "route": _mapped(frame["path"], route_of),
        "bucket": np.where(frame["ms"] == UNKNOWN, UNKNOWN, buckets(frame["ms"].to_numpy())),
        "requests": 1,
        "errors": failed.astype("int64"),
    }
    return _summed(pd.DataFrame(columns))


def _mapped(column: "pd.Series[str]", function: Callable[[str], str]) -> "pd.Series[str]":
    codes, values = pd.factorize(pd.Index(column))
    names = pd.Series([function(value) for value in values.to_numpy(dtype=object)], dtype="str")
    return names.take(codes).set_axis(column.index)


def _summed(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.groupby([*KEYS, "bucket"], sort=False, as_index=False)[["requests", "errors"]].sum()


def limited(frame: pd.DataFrame, most: int = MAX_ROUTES) -> pd.DataFrame:
    """At most `most` routes: those with the most requests keep their name, the others become one."""
    requests = frame.groupby("route")["requests"].sum().sort_index().sort_values(ascending=False, kind="stable")
    if len(requests) <= most:
        return frame
    return frame.assign(route=frame["route"].where(frame["route"].isin(requests.index[: most - 1]), OTHER))


def rollups(frames: Iterable[pd.DataFrame]) -> dict[Group, Rollup]:
    """The rollups of aggregated frames; however the log was split, they are the same."""
    parts = list(frames)
    if not parts:
        return {}
    whole = _summed(limited(pd.concat(parts, ignore_index=True))).astype({"version": object, "route": object})
    durations: dict[tuple[int, str, str], Histogram] = {}
    for minute, version, route, bucket, requests in whole[[*KEYS, "bucket", "requests"]].itertuples(index=False):
        found = durations.setdefault((minute, version, route), {})
        if bucket != UNKNOWN:
            found[bucket] = requests
    sums = whole.groupby(KEYS, as_index=False)[["requests", "errors"]].sum()
    return {(datetime.fromtimestamp(minute * 60, UTC), version, route):
            Rollup(requests, errors, durations[minute, version, route])
            for minute, version, route, requests, errors in sums.itertuples(index=False)}
