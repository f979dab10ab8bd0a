"""Requests counted by minute, version, route and bucket of their duration, batch after batch, in an array that is kept small.

A frame of counts has the columns KEYS -> SUMS. An array is quicker than a table of what was found, so that one holds the groups
of all batches as long as there are at most DENSE of them at a time; batches with more are sorted.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from include.monitoring_rollups.formats import UNKNOWN

KEYS = ["minute", "version", "route", "bucket"]
SUMS = ("requests", "errors", "timed")  # timed: how many of the bucket's durations are known
DENSE, WIDTH = 2**12, 2**10  # groups, and buckets with UNKNOWN's
SPARSE = 2**40
Ints = NDArray[np.int64]


class Names:
    """A name for each row: `values[codes]`."""

    def __init__(self, codes: NDArray[Any], values: NDArray[np.object_]) -> None:
        self.codes, self.values = codes, values


NO_NAMES = Names(np.zeros(0, np.int64), np.zeros(0, np.object_))


def named(column: "pd.Series[Any] | NDArray[Any]", function: Callable[[str], str]) -> Names:
    """What `function` makes of each value of `column`, asked once for each that is different."""
    codes, values = pd.factorize(pd.Index(column))
    return renamed(Names(codes, values.to_numpy(dtype=object)), function)


def renamed(names: Names, function: Callable[[str], str]) -> Names:
    """The same of names."""
    again, values = pd.factorize(np.array([function(value) for value in names.values], dtype=object))
    same = len(values) == len(names.values)
    return Names(names.codes if same else again[names.codes], np.asarray(values, dtype=object))


class Counting:
    """Counts batches; `frames` gives what was counted."""

    def __init__(self) -> None:
        self._sparse: list[pd.DataFrame] = []
        self._begin()

    def _begin(self) -> None:
        self._rows: dict[tuple[int, str, str], int] = {}
        self._counts, self._errors = np.zeros((64, WIDTH), dtype=np.int64), np.zeros(64, dtype=np.int64)

    def add(self, minute: Ints, version: Names, route: Names, bucket: Ints, failed: NDArray[np.bool_]) -> None:
        """Count a batch of requests."""
        if not len(minute):
            return
        back, group = _groups(minute, version, route)
        size, most = int(group.max()) + 1, int(bucket.max()) - UNKNOWN
        if size > 8 * DENSE or most >= WIDTH:
            self._sparse.append(counted(minute, version, route, bucket, failed))
            return
        there = np.flatnonzero(np.bincount(group, minlength=size))
        if len(there) > DENSE:
            self._sparse.append(counted(minute, version, route, bucket, failed))
            return
        place = np.zeros(size, dtype=np.int64)
        place[there] = self._places(list(zip(*(values.tolist() for values in back(there)), strict=True)))
        row = place.take(group)
        key = row * WIDTH + (bucket - UNKNOWN)
        self._counts += np.bincount(key, minlength=self._counts.size).reshape(self._counts.shape)
        self._errors += np.bincount(row[failed], minlength=len(self._errors))

    def _places(self, groups: list[tuple[int, str, str]]) -> list[int]:
        """The row of each group, new ones where it has none."""
        if len(self._rows) + len(groups) > DENSE:
            self._end()
        found = [self._rows.setdefault(group, len(self._rows)) for group in groups]
        if len(self._rows) > len(self._errors):
            more = 2 ** int(np.ceil(np.log2(len(self._rows)))) - len(self._errors)
            self._counts = np.concatenate([self._counts, np.zeros((more, WIDTH), dtype=np.int64)])
            self._errors = np.concatenate([self._errors, np.zeros(more, dtype=np.int64)])
        return found

    def _end(self) -> None:
        if not self._rows:
            return
        groups = list(self._rows)
        row, column = np.nonzero(self._counts)
        requests = self._counts[row, column]
        errors = np.where(np.diff(row, prepend=-1) > 0, self._errors[row], 0)  # of a group, beside its first bucket
        minutes, versions, routes = zip(*groups, strict=True)
        names = np.array(minutes, dtype=np.int64)[row], pd.Categorical(versions)[row], pd.Categorical(routes)[row]
        self._sparse.append(_frame(names, column + UNKNOWN, requests, errors))
        self._begin()

    def frames(self) -> list[pd.DataFrame]:
        """All that was counted since the last call."""
        self._end()
        found, self._sparse = self._sparse, []
        return found


def counted(minute: Ints, version: Names, route: Names, bucket: Ints, errors: NDArray[Any],
            requests: Ints | None = None) -> pd.DataFrame:
    """The counts of one batch; a row is one request, or as many as `requests` says, and `errors` of them failed."""
    if not len(minute):
        return pd.DataFrame({name: [] for name in [*KEYS, *SUMS]}).astype(dict.fromkeys(("minute", "bucket", *SUMS), "int64"))
    back, group = _groups(minute, version, route)
    least, size = int(bucket.min()), int(bucket.max() - bucket.min()) + 1
    cells, place = np.unique(group * size + (bucket - least), return_inverse=True)
    many = np.bincount(place) if requests is None else _added(place, requests, len(cells))
    return _frame(back(cells // size), cells % size + least, many, _added(place, errors.astype(np.int64), len(cells)))


def _groups(minute: Ints, version: Names, route: Names) -> tuple[Callable[[Ints], tuple[NDArray[Any], ...]], Ints]:
    """Minute, version and route of each row as one number, and the way back."""
    minutes, moment = _few(minute, len(minute))
    groups, group = _few((moment * len(version.values) + version.codes) * len(route.values) + route.codes, SPARSE)

    def back(found: Ints) -> tuple[NDArray[Any], ...]:
        rest, routes = np.divmod(groups(found), len(route.values))
        moments, versions = np.divmod(rest, len(version.values))
        return minutes(moments), version.values[versions], route.values[routes]

    return back, group


def _few(numbers: Ints, most: int) -> tuple[Callable[[Ints], Ints], Ints]:
    """`numbers` from 0 on, counted anew where they span more than `most`, so that what they are multiplied by stays in 64 bits;
    and the way back."""
    least = int(numbers.min())
    if int(numbers.max()) - least <= most:
        return lambda codes: codes + least, numbers - least
    values, codes = np.unique(numbers, return_inverse=True)
    return lambda found: values[found], codes


def _added(place: Ints, counts: Ints, length: int) -> Ints:
    found = np.zeros(length, dtype=np.int64)
    np.add.at(found, place, counts)
    return found


def _frame(groups: tuple[Any, ...], bucket: Ints, requests: Ints, errors: Ints) -> pd.DataFrame:
    minute, version, route = groups
    return pd.DataFrame({
        "minute": minute, "version": version, "route": route, "bucket": bucket, "requests": requests, "errors": errors,
        "timed": np.where(bucket == UNKNOWN, 0, requests)})
