"""Counters over time to how much each grew, and buckets of durations to our own. Pure.

A counter that falls was reset (its process began anew): what it shows then was counted since. One that earlier readings didn't
have began at zero; in the first reading of all, counting begins with what each shows first, for nobody knows when that was
counted.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from include.errors import InputError
from include.monitoring_rollups.counting import KEYS, SUMS
from include.monitoring_rollups.formats import PER_SECOND, UNKNOWN
from include.monitoring_rollups.histogram import buckets
from include.monitoring_rollups.rollup import NO_VERSION, route_of
from include.parts.monitoring import Counters

FORGET = 7 * 86_400  # seconds after which a counter that is gone is forgotten
PARTS = 16  # of a bucket of a classic histogram, over which what it counts is spread
MOST = 2**53
Last = dict[str, tuple[float, float, float | None]]  # a counter's value, when it was seen, and `began`


@dataclass(frozen=True)
class Series:
    """The values of one series at some times (seconds since 1970), in their order."""

    labels: Mapping[str, str]
    at: NDArray[np.int64]
    values: NDArray[np.float64]
    began: float | None = None  # when it was zero, where the source says so


def key_of(kind: str, labels: Mapping[str, str]) -> str:
    """What a counter is known by from run to run."""
    return hashlib.sha256(repr((kind, sorted(labels.items()))).encode()).hexdigest()[:16]


def increases(series: Sequence[Series], kind: str, last: Last, is_first: bool) -> tuple[list[Series], Last]:
    """How much each counter had grown at each of its times, and what was seen last. Raises InputError for what is
    no counter."""
    grown, seen = [], dict(last)
    for item in series:
        if not len(item.at):
            continue
        if (item.values < 0).any() or (item.values > MOST).any():
            raise InputError(f"{kind}: a value of {shown(item.labels)} is not that of a counter")
        key = key_of(kind, item.labels)
        before, _, began = seen.get(key, (item.values[0] if is_first else 0.0, 0.0, item.began))
        if began != item.began:
            before = 0.0
        steps = np.diff(item.values, prepend=before)
        steps = np.rint(np.where(steps < 0, item.values, steps)).astype(np.int64)
        seen[key] = (float(item.values[-1]), float(item.at[-1]), item.began)
        grown.append(Series(item.labels, item.at, steps))
    return grown, seen


def remembered(last: Last, now: int) -> Last:
    """Without what has been gone for long."""
    return {key: value for key, value in last.items() if value[1] > now - FORGET}


def shown(labels: Mapping[str, str]) -> str:
    """Labels for messages."""
    return str(dict(list(labels.items())[:8]))[:300]


def counted(grown: Iterable[Series], says: Counters, seconds: int) -> pd.DataFrame:
    """Requests and errors, as `counting` gives them. What had grown at a time was counted in the `seconds` before it."""
    parts = []
    for item in grown:
        failed = re.fullmatch(says.failed, item.labels.get(says.status, "")) is not None
        parts.append(_frame(item, says, seconds, requests=item.values, errors=item.values if failed else 0, timed=0))
    return _whole(parts)


def durations(grown: Iterable[Series], says: Counters, seconds: int) -> pd.DataFrame:
    """The durations of requests. What a bucket of the source counts is spread evenly over its width: so wide is the error."""
    parts = [_frame(item, says, seconds, timed=item.values, le=_bound(item), of=key_of("", _but_le(item.labels)))
             for item in grown]
    whole = _whole(parts)
    if whole.empty:
        return whole
    whole = whole.sort_values(["of", "minute", "le"], kind="stable")
    of = whole.groupby(["of", "minute"], sort=False)
    low, high = of["le"].shift(fill_value=0.0).to_numpy(), whole["le"].to_numpy()
    own = np.maximum(whole["timed"].to_numpy() - of["timed"].shift(fill_value=0).to_numpy(), 0)
    high = np.where(np.isinf(high), low, high) * (PER_SECOND[says.unit])
    low = low * PER_SECOND[says.unit]
    spread = [((own * (n + 1) + PARTS // 2) // PARTS - (own * n + PARTS // 2) // PARTS,
               buckets(low + (high - low) * (n + 0.5) / PARTS)) for n in range(PARTS)]
    every = pd.concat([whole.assign(timed=many, bucket=bucket)[many > 0] for many, bucket in spread], ignore_index=True)
    return pd.DataFrame(every.groupby(KEYS, as_index=False)[list(SUMS)].sum())


def _frame(item: Series, says: Counters, seconds: int, **columns: Any) -> pd.DataFrame:
    version = item.labels.get(says.version, "") if says.version else ""
    route = item.labels.get(says.route, "") if says.route else ""
    return pd.DataFrame({
        "minute": (item.at - seconds) // 60, "version": version[:100] or NO_VERSION, "route": route_of(route), "bucket": UNKNOWN,
        "requests": 0, "errors": 0} | columns)


def _whole(parts: list[pd.DataFrame]) -> pd.DataFrame:
    found = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=[*KEYS, *SUMS])
    return found[(found[list(SUMS)] > 0).any(axis=1)] if "le" not in found else found


def _bound(item: Series) -> float:
    try:
        bound = float(item.labels.get("le", ""))
    except ValueError:
        bound = float("nan")
    if not bound >= 0:
        raise InputError(f"{shown(item.labels)} has no `le` that is a number: only buckets of a histogram have durations")
    return bound


def _but_le(labels: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in labels.items() if name != "le"}
