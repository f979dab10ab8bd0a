"""Error budgets and how fast they burn. Pure: counts by minute in, figures out.

Multi-window, multi-burn-rate alerting after the Site Reliability Workbook, chapter 5 ("Alerting on SLOs", sre.google): an alert
burns when the budget is spent so many times too fast over a long window, and over a short one too, so that it ends soon after
its cause. Few requests say little: a long window with less than MIN_REQUESTS never burns.

Counts are frames with the columns requests and errors and an index of minutes (UTC); errors are what is bad by the objective.
Where slices of time are counted (`sliced`), both columns are slices, and one is enough: low traffic counts as much as high.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import pandas as pd

MIN_REQUESTS = 50


@dataclass(frozen=True)
class Alert:
    """Windows in minutes, and how many times faster than the budget allows for; for whom: page or ticket."""

    severity: Literal["page", "ticket"]
    long: int
    short: int
    factor: float


# 2 %, 5 %, 10 % and 10 % of a budget of 30 days
ALERTS = (Alert("page", 60, 5, 14.4), Alert("page", 6 * 60, 30, 6), Alert("ticket", 24 * 60, 2 * 60, 3),
          Alert("ticket", 72 * 60, 6 * 60, 1))
PAGES = ALERTS[:2]


@dataclass(frozen=True)
class Budget:
    """An SLO at one time. `left` is 1 when nothing was spent, 0 when all, below 0 when more; None without requests."""

    requests: int
    errors: float
    sli: float | None
    left: float | None


@dataclass(frozen=True)
class Burn:
    """The worst minute of a time of burning: its burn rate, requests and errors over the long window before it."""

    at: datetime
    rate: float
    requests: int
    errors: float
    alert: Alert


def sliced(counts: pd.DataFrame, minutes: int, target: float | None) -> pd.DataFrame:
    """Slices of time instead of requests: 1 for each that has requests, and how bad it is: 0 or 1 by `target`, or (None) its
    share."""
    summed = counts.resample(f"{minutes}min", origin="epoch").sum()
    summed = summed[summed["requests"] > 0]
    bad = summed["errors"] / summed["requests"]
    return pd.DataFrame({"requests": 1, "errors": bad if target is None else (1 - bad < target).astype(int)}, index=summed.index)


def budget(counts: pd.DataFrame, target: float, window: timedelta, until: datetime) -> Budget:
    """The budget at `until`."""
    within = counts[(counts.index > until - window) & (counts.index <= until)]
    requests, errors = int(within["requests"].sum()), float(within["errors"].sum())
    if not requests:
        return Budget(0, 0, None, None)
    return Budget(requests, errors, 1 - errors / requests, 1 - errors / requests / (1 - target))


def windows(counts: pd.DataFrame, target: float, since: datetime, until: datetime, alert: Alert = ALERTS[0]) -> pd.DataFrame:
    """For each minute from that of `since` to that of `until`: requests and errors of the long window that it ends, and the burn
    rates of that window and of the short one (`long`, `short`; NaN without requests)."""
    minutes = pd.date_range(minute_of(since) - timedelta(minutes=alert.long), minute_of(until), freq="min")
    filled = counts.reindex(minutes, fill_value=0)[["requests", "errors"]]
    long, short = filled.rolling(alert.long).sum(), filled.rolling(alert.short).sum()
    result = long.assign(long=long["errors"] / long["requests"] / (1 - target),
                         short=short["errors"] / short["requests"] / (1 - target))
    return result[result.index >= minute_of(since)]


def worst_burn(counts: pd.DataFrame, target: float, since: datetime, until: datetime, alerts: Iterable[Alert] = PAGES,
               enough: int = MIN_REQUESTS) -> Burn | None:
    """The worst minute of the first of `alerts` that burned from `since` to `until`, or None."""
    return next((burn for alert in alerts if (burn := _worst(windows(counts, target, since, until, alert), alert, enough))), None)


def _worst(minutes: pd.DataFrame, alert: Alert, enough: int) -> Burn | None:
    over = alert.factor * (1 - 1e-9)  # a rate that is just reached has been through two divisions
    burning = minutes[(minutes["requests"] >= enough) & (minutes["long"] >= over) & (minutes["short"] >= over)]
    if burning.empty:
        return None
    worst = int(burning["long"].to_numpy().argmax())
    row, at = burning.iloc[worst], pd.DatetimeIndex(burning.index)[worst]
    return Burn(at.to_pydatetime(), float(row["long"]), int(row["requests"]), float(row["errors"]), alert)


def is_over(counts: pd.DataFrame, target: float, at: datetime, alerts: Iterable[Alert] = PAGES,
            enough: int = MIN_REQUESTS) -> bool:
    """Whether nothing burns at the minute of `at`, and the hour before it has enough requests to say so."""
    hour = counts[(counts.index > minute_of(at) - timedelta(minutes=60)) & (counts.index <= minute_of(at))]
    return bool(hour["requests"].sum() >= enough) and worst_burn(counts, target, at, at, alerts, enough) is None


def minute_of(time: datetime) -> datetime:
    """The minute in which `time` lies."""
    return time.replace(second=0, microsecond=0)
