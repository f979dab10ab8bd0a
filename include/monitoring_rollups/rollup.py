"""Requests to rollups: by minute, version and route, how many, how many failed, and how long they took. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pandas as pd

from include.markup import plain
from include.monitoring_rollups.counting import KEYS, SUMS, Ints, counted, named
from include.monitoring_rollups.formats import UNKNOWN
from include.monitoring_rollups.histogram import Histogram, buckets, merge

MAX_ROUTES = 200
OTHER = "other"
NO_VERSION = "none"  # HAProxy answered itself
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
    """Columns minute (since 1970), version, route, bucket -> requests, errors, timed; `frame` as `formats` gives it.

    An error is an answer of 500 and above, or one that the server side broke off (HAProxy's termination state S or s).
    """
    failed = (frame["status"] >= 500) | frame["ended"].str[:1].isin(["S", "s"])
    return counted(frame["at"].to_numpy() // 60_000, named(frame["server"], version_of), named(frame["path"], route_of),
                   timed(frame["ms"].to_numpy()), failed.to_numpy(dtype=bool))


def timed(ms: Ints) -> Ints:
    """The bucket of each duration, UNKNOWN where it isn't known."""
    return np.where(ms == UNKNOWN, UNKNOWN, buckets(ms))


def _summed(frame: pd.DataFrame) -> pd.DataFrame:
    few = frame.astype({"version": "category", "route": "category"})  # sorts numbers, not texts
    return few.groupby(KEYS, sort=True, as_index=False, observed=True)[list(SUMS)].sum()


def limited(frame: pd.DataFrame, most: int = MAX_ROUTES) -> pd.DataFrame:
    """At most `most` routes: those with the most requests keep their name, the others become one."""
    requests = frame.groupby("route")["requests"].sum().sort_index().sort_values(ascending=False, kind="stable")
    if len(requests) <= most:
        return frame
    return frame.assign(route=frame["route"].where(frame["route"].isin(requests.index[: most - 1]), OTHER))


def rollups(frames: Iterable[pd.DataFrame]) -> dict[Group, Rollup]:
    """The rollups of aggregated frames; however the log was split, they are the same."""
    parts = [frame for frame in frames if len(frame)]
    if not parts:
        return {}
    whole = _summed(limited(pd.concat(parts, ignore_index=True)))
    minutes, versions, routes = whole["minute"].to_numpy(), whole["version"].cat, whole["route"].cat
    new = [np.diff(codes, prepend=-1) != 0 for codes in (minutes, versions.codes, routes.codes)]
    starts = np.flatnonzero(new[0] | new[1] | new[2])
    requests, errors = (np.add.reduceat(whole[name].to_numpy(), starts).tolist() for name in ("requests", "errors"))
    known = whole["timed"].to_numpy() > 0
    cells, counts = whole["bucket"].to_numpy()[known].tolist(), whole["timed"].to_numpy()[known].tolist()
    ends = np.concatenate([[0], np.cumsum(known)])[[*starts, len(whole)]].tolist()
    names = [column.categories.to_numpy(dtype=object)[column.codes.to_numpy()[starts]].tolist() for column in (versions, routes)]
    return {(datetime.fromtimestamp(minute * 60, UTC), names[0][n], names[1][n]):
            Rollup(requests[n], errors[n], dict(zip(cells[ends[n]:ends[n + 1]], counts[ends[n]:ends[n + 1]], strict=True)))
            for n, minute in enumerate(minutes[starts].tolist())}
