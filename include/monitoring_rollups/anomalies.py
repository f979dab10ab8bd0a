"""What is unusual in any series, judged at each time by what came before; the season is removed first. Pure.

The season is the median of the same time of day on up to seven days before; it is used where it explains the series better than
the median of the last day does. What is left is averaged over SHORT and LONG points (a spike; something that lasts) and compared
with its own standard deviation over the last HISTORY points. After an alarm the series is quiet for a day: one cause, one alarm.
LIMIT suits the Numenta Anomaly Benchmark best (`make bench ONLY=nab`), as the benchmark chooses it for every detector: there, and
on simulated series without any anomaly, at most 0.1 alarms a day and series are false (`FALSE_A_DAY`; counts of low and high
traffic, with a day's and a week's season, over-dispersed, autocorrelated, with heavy tails; shares of rare errors by `unlikely`).
"""

import warnings
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import poisson

FALSE_A_DAY = 0.1
LIMIT = 3.7
UNLIKELY = 1e-4
SHORT, LONG, HISTORY, LEAST = 3, 24, 2000, 50  # points
DAYS = 7
BETTER = 0.8  # the season has to take a fifth off the deviations
QUIET = timedelta(days=1)
Floats = NDArray[np.floating[Any]]


def alarms(series: "pd.Series[float]", limit: float = LIMIT, since: pd.Timestamp | None = None,
           among: NDArray[np.bool_] | None = None) -> list[pd.Timestamp]:
    """The times from `since` on at which `series` (by time, evenly spaced but for gaps) became unusual; `among`: only these."""
    unusual = deviation(series) >= limit
    found: list[pd.Timestamp] = []
    for at in pd.DatetimeIndex(series.index[unusual if among is None else unusual & among]):
        if (since is None or at >= since) and (not found or at - found[-1] > QUIET):
            found.append(at)
    return found


def deviation(series: "pd.Series[float]") -> Floats:
    """How many standard deviations each point, or what led up to it, lies away from what was usual before; 0 at the start."""
    rest = pd.Series(np.nan_to_num(deseasoned(series)))
    scores = np.zeros(len(rest))
    for points in (SHORT, LONG):
        usual = rest.rolling(HISTORY, min_periods=LEAST).std().shift(points) + 1e-9
        away = rest.rolling(points, min_periods=1).mean().abs() / usual
        scores = np.maximum(scores, np.nan_to_num(away.to_numpy()))
    return scores


def unlikely(events: "pd.Series[float]", of: "pd.Series[float]") -> NDArray[np.bool_]:
    """Where so many `events` among so many trials (`of`) are unlikely to be chance, at the rate of the days before: a share whose
    events are rare jumps with each of them. By Poisson's distribution, over SHORT and LONG points."""
    found = np.zeros(len(events), dtype=bool)
    for points in (SHORT, LONG):
        before = [column.rolling(HISTORY, min_periods=1).sum().shift(points).fillna(0) for column in (events, of)]
        expected = (before[0] + 0.5) / (before[1] + 1) * of.rolling(points, min_periods=1).sum()
        found |= poisson.sf(events.rolling(points, min_periods=1).sum() - 1, expected) < UNLIKELY
    return found


def deseasoned(series: "pd.Series[float]") -> Floats:
    """`series` less its season where that helps, else less the median of the day before; NaN where nothing came before."""
    values, day = series.to_numpy(dtype=float), points_a_day(series)
    level: Floats = values - pd.Series(values).rolling(max(day, 200), min_periods=20).median().shift(1).to_numpy()
    if day < 8 or len(values) <= 3 * day:
        return level
    seasonal = values - _season(values, day)
    helps = _usual(seasonal, day) < BETTER * _usual(level, day)
    return np.asarray(np.where(helps & ~np.isnan(seasonal), seasonal, level))


def _usual(rest: Floats, day: int) -> Floats:
    usual: Floats = pd.Series(np.abs(rest)).rolling(DAYS * day, min_periods=day).median().shift(1).to_numpy(dtype=float)
    return usual


def points_a_day(series: "pd.Series[float]") -> int:
    """How many points a day has, by the usual distance between two."""
    seconds = np.diff(pd.DatetimeIndex(series.index).as_unit("ns").asi8) / 1e9
    return round(86_400 / max(float(np.median(seconds)), 1)) if len(seconds) else 0


def _season(values: Floats, day: int) -> Floats:
    """For each point the median of the same time of day on the days before, smoothed over an hour."""
    smooth = pd.Series(values).rolling(max(1, day // 24), min_periods=1).median().to_numpy()
    before = np.full((DAYS, len(values)), np.nan)
    for number in range(1, DAYS + 1):
        back = number * day - day // 48  # half an hour later: the smoothing looks back
        if back < len(values):
            before[number - 1, back:] = smooth[: len(values) - back]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the first day has nothing before it
        return np.asarray(np.nanmedian(before, axis=0))


def change_points(series: "pd.Series[float]", least: int = 12) -> "pd.DatetimeIndex":
    """The times from which the level of `series` is another one, by binary segmentation; at least `least` points apart.

    Each split is the maximum of the CUSUM statistic of what is left without the median day. It counts from
    1.3 sqrt(2 ln n) of its standard deviation, with the autocorrelation of neighbours taken into account (Horváth, Kokoszka,
    Steinebach: "Testing for changes in multivariate dependent observations", J. Multivariate Analysis 68, 1999).
    """
    values, day = series.to_numpy(dtype=float), points_a_day(series)
    if day >= 8 and len(values) > 3 * day:
        phase = pd.Series(np.arange(len(values)) % day)
        trend = pd.Series(values).rolling(day, center=True, min_periods=day // 2).median()
        profile = (pd.Series(values) - trend).groupby(phase).median()
        values = values - profile.reindex(phase).to_numpy()
    found = sorted(_splits(values, 0, len(values), least, 1.3 * np.sqrt(2 * np.log(max(len(values), 2)))))
    return pd.DatetimeIndex(series.index[found])


def _splits(values: Floats, start: int, end: int, least: int, limit: float) -> list[int]:
    part = values[start:end]
    if len(part) < 2 * least:
        return []
    n, count = len(part), np.arange(1, len(part))
    away = np.abs(np.cumsum(part - part.mean())[:-1]) / np.sqrt(count * (n - count) / n)
    inner = away[least - 1: n - least]
    at = int(inner.argmax()) + least
    rest = np.concatenate([part[:at] - part[:at].mean(), part[at:] - part[at:].mean()])
    if inner.max() <= limit * _spread(rest):
        return []
    return [*_splits(values, start, start + at, least, limit), start + at, *_splits(values, start + at, end, least, limit)]


def _spread(rest: Floats) -> float:
    """The long-run standard deviation of a first-order autoregression."""
    spread = float(rest.std())
    if not spread:
        return 1e-12
    rho = float(np.clip(np.corrcoef(rest[:-1], rest[1:])[0, 1], 0, 0.95))
    return spread * float(np.sqrt((1 + rho) / (1 - rho)))
