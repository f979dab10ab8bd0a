"""Durations as a log-spaced histogram that adds up: quantiles with at most 1 % relative error, from any split of the input.

The buckets are DDSketch's (Masson, Rim, Lee: "DDSketch", PVLDB 12(12), 2019): bucket i holds values from gamma^(i-1) to
gamma^i and is answered by the value whose relative distance to both is (gamma - 1) / (gamma + 1). Unlike DDSketch nothing is
collapsed: a day in milliseconds takes at most 924 buckets.
"""

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

ERROR = 0.01
GAMMA = (1 + ERROR) / (1 - ERROR)
Histogram = dict[int, int]  # bucket -> count; bucket 0 holds values below 1


def buckets(values: ArrayLike) -> NDArray[np.int64]:
    """The bucket of each value; what is below 1 ms (HAProxy's 0, or -1 for an answer that never came) falls into bucket 0."""
    given = np.asarray(values)
    if given.dtype.kind == "i" and given.size > len(_SMALL):  # most durations are short: looking them up is quicker
        found = _SMALL.take(given, mode="clip")
        return np.where(given < len(_SMALL), found, _logarithmic(given)) if given.max() >= len(_SMALL) else found
    return _logarithmic(given)


def _logarithmic(values: ArrayLike) -> NDArray[np.int64]:
    floats = np.maximum(np.asarray(values, dtype=float), 0)
    logs = np.ceil(np.log(np.maximum(floats, 1)) / math.log(GAMMA)).astype(np.int64) + 1
    return np.where(floats < 1, 0, logs)


_SMALL = _logarithmic(np.arange(2**16))


def merge(histograms: Iterable[Mapping[int, int]]) -> Histogram:
    """The sum of histograms, in any order."""
    result: Histogram = {}
    for histogram in histograms:
        for bucket, count in histogram.items():
            result[bucket] = result.get(bucket, 0) + count
    return result


def quantile(histogram: Mapping[int, int], q: float) -> float | None:
    """The value with rank ceil(q * n), within ERROR of it; None of an empty histogram."""
    return quantiles(histogram, [q])[0]


def quantiles(histogram: Mapping[int, int], wanted: Sequence[float]) -> list[float | None]:
    """Several quantiles at once."""
    if not histogram:
        return [None for _ in wanted]
    order = sorted(histogram)
    reached = np.cumsum([histogram[bucket] for bucket in order])
    ranks = [max(1, math.ceil(q * int(reached[-1]))) for q in wanted]
    return [_value(order[place]) for place in np.searchsorted(reached, ranks)]


def above(histogram: Mapping[int, int], limit: float) -> int:
    """How many values are above `limit`; those within ERROR of it may fall on either side."""
    return sum(count for bucket, count in histogram.items() if _value(bucket) > limit)


def _value(bucket: int) -> float:
    return 2 * GAMMA ** (bucket - 1) / (GAMMA + 1) if bucket else 0.0
