"""Error budgets and how fast they burn. Pure: counts by minute in, figures out.

Multi-window, multi-burn-rate alerting after the Site Reliability Workbook, chapter 5 ("Alerting on SLOs", sre.google): a
budget burns when it is spent 14.4 times too fast over the last hour (2 % of a 30-day budget) and over the last 5 minutes
(so that the alert ends soon after its cause). Few requests say little: an hour with less than MIN_REQUESTS never burns.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd

LONG, SHORT, FACTOR = 60, 5, 14.4  # minutes, minutes, times the rate that just spends the budget
MIN_REQUESTS = 50


@dataclass(frozen=True)
class Budget:
    """An SLO at one time. `left` is 1 when nothing was spent, 0 when all, below 0 when more; None without requests."""

    requests: int
    errors: int
    sli: float | None
    left: float | None


@dataclass(frozen=True)
class Burn:
    """The worst minute of a time of burning: its burn rate, requests and errors over the hour before it."""

    at: datetime
    rate: float
    requests: int
    errors: int


def budget(counts: pd.DataFrame, target: float, window: timedelta, until: datetime) -> Budget:
    """The budget at `until`: `counts` has columns requests and errors, and an index of minutes (UTC)."""
    within = counts[(counts.index > until - window) & (counts.index <= until)]
    requests, errors = int(within["requests"].sum()), int(within["errors"].sum())
    if not requests:
        return Budget(0, 0, None, None)
    return Budget(requests, errors, 1 - errors / requests, 1 - errors / requests / (1 - target))


def hours(counts: pd.DataFrame, target: float, since: datetime, until: datetime) -> pd.DataFrame:
    """For each minute from that of `since` to that of `until`: requests and errors of the hour that it ends, and the burn rate
    of that hour and of its last 5 minutes (`long`, `short`; NaN without requests)."""
    minutes = pd.date_range(minute_of(since) - timedelta(minutes=LONG), minute_of(until), freq="min")
    filled = counts.reindex(minutes, fill_value=0)[["requests", "errors"]]
    long, short = filled.rolling(LONG).sum(), filled.rolling(SHORT).sum()
    result = long.assign(long=long["errors"] / long["requests"] / (1 - target),
                         short=short["errors"] / short["requests"] / (1 - target))
    return result[result.index >= minute_of(since)]


def worst_burn(minutes: pd.DataFrame) -> Burn | None:
    """The worst minute of `hours` in which the budget burned, or None."""
    burning = minutes[(minutes["requests"] >= MIN_REQUESTS) & (minutes["long"] >= FACTOR) & (minutes["short"] >= FACTOR)]
    if burning.empty:
        return None
    worst = int(burning["long"].to_numpy().argmax())
    row, at = burning.iloc[worst], pd.DatetimeIndex(burning.index)[worst]
    return Burn(at.to_pydatetime(), float(row["long"]), int(row["requests"]), int(row["errors"]))


def is_over(minutes: pd.DataFrame) -> bool:
    """Whether nothing burns in the last of `minutes`, and the hour before it has enough requests to say so."""
    return worst_burn(minutes.tail(1)) is None and not minutes.empty and bool(minutes["requests"].iloc[-1] >= MIN_REQUESTS)


def minute_of(time: datetime) -> datetime:
    """The minute in which `time` lies."""
    return time.replace(second=0, microsecond=0)
