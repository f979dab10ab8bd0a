"""Anomalies on the Numenta Anomaly Benchmark, scored by its own rules (Lavin, Ahmad: "Evaluating real-time anomaly detection
algorithms", ICMLA 2015), standard profile, beside its Windowed Gaussian in the same run and the published Twitter ADVec."""

import json
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import erfc

from bench.rows import row
from include.monitoring_rollups.anomalies import QUIET, Floats, alarms

DATA = Path(os.environ.get("CLOSED_LOOP_SHARED") or Path(__file__).resolve().parents[2] / "shared") / "data" / "nab"
FALSE_ALARM = 0.11  # what a false positive costs in the standard profile; a window found or missed is worth 1
ADVEC = 47.1


@dataclass(frozen=True)
class Labelled:
    """A series, its anomaly windows (positions of the first and last point), and where its probation ends."""

    series: "pd.Series[float]"
    windows: list[tuple[int, int]]
    probation: int


def labelled(files: list[str] | None = None) -> list[Labelled]:
    """Every series of the benchmark, or those named."""
    windows = json.loads((DATA / "labels" / "combined_windows.json").read_text())
    return [_labelled(name, windows[name]) for name in sorted(files or windows)]


def _labelled(name: str, windows: list[list[str]]) -> Labelled:
    series = pd.read_csv(DATA / "data" / name, index_col=0, parse_dates=True)["value"].astype(float)
    times = pd.DatetimeIndex(series.index)
    places = [(int(times.searchsorted(pd.Timestamp(start))), int(times.searchsorted(pd.Timestamp(end))))
              for start, end in windows]
    return Labelled(series, places, int(0.15 * min(len(series), 5000)))


def raw_score(item: Labelled, found: list[int]) -> tuple[float, int, int]:
    """The raw score of alarms at the positions `found`, the windows found, and the false alarms."""
    counted = [at for at in found if at >= item.probation]
    best = {window: max((_sigmoid(-(window[1] - at + 1) / (window[1] - window[0] + 1)) / _sigmoid(-1) for at in counted
                         if window[0] <= at <= window[1]), default=-1.0) for window in item.windows}
    false = [at for at in counted if not any(start <= at <= end for start, end in item.windows)]
    cost = 0.0
    for at in false:
        before = [window for window in item.windows if window[1] < at]
        cost += _sigmoid((at - before[-1][1]) / (before[-1][1] - before[-1][0])) if before else -1.0
    return sum(best.values()) + FALSE_ALARM * cost, sum(value > 0 for value in best.values()), len(false)


def _sigmoid(position: float) -> float:
    return -1.0 if position > 3 else 2 / (1 + math.exp(5 * position)) - 1


def score(items: list[Labelled], found: list[list[int]]) -> tuple[float, int, int]:
    """The score from 0 (nothing said) to 100 (all windows at their start), the windows found, and the false alarms."""
    parts = [raw_score(item, places) for item, places in zip(items, found, strict=True)]
    windows = sum(len(item.windows) for item in items)
    return (100 * (sum(part[0] for part in parts) + windows) / (2 * windows), sum(part[1] for part in parts),
            sum(part[2] for part in parts))


def ours(item: Labelled) -> list[int]:
    """The positions of our alarms; what is raised in the probation doesn't silence what comes after it."""
    times = pd.DatetimeIndex(item.series.index)
    return [int(times.searchsorted(at)) for at in alarms(item.series, since=times[item.probation])]


def windowed_gaussian(values: Floats) -> Floats:
    """The benchmark's peer: how improbable a value is in a normal distribution of the last 6,400, refreshed every 100."""
    scores, start = np.zeros(len(values)), 6400
    first = pd.Series(values[:start])
    mean, spread = first.expanding().mean().shift(1), first.expanding().std(ddof=0).shift(1)
    scores[:start] = 1 - 0.5 * erfc(((first - mean).abs() / spread.clip(lower=1e-6)).fillna(0) / 1.4142)
    for begin in range(start, len(values), 100):
        window, block = values[begin - start: begin], values[begin: begin + 100]
        scores[begin: begin + 100] = 1 - 0.5 * erfc(np.abs(block - window.mean()) / max(window.std(), 1e-6) / 1.4142)
    return scores


def gaussian_score(items: list[Labelled]) -> float:
    """The peer's score with the threshold that suits it best, as the benchmark chooses it."""
    scores = [windowed_gaussian(item.series.to_numpy()) for item in items]
    return max(score(items, [np.nonzero(part >= 1 - 10.0**-digits)[0].tolist() for part in scores])[0]
               for digits in np.arange(10, 15, 0.5))


def measure() -> list[dict[str, Any]]:
    """Our score beside Windowed Gaussian's and ADVec's."""
    items = labelled()
    value, windows, false = score(items, [ours(item) for item in items])
    days = sum((item.series.index[-1] - item.series.index[item.probation]) / pd.Timedelta(days=1) for item in items)
    note = (f"{windows} of {sum(len(item.windows) for item in items)} anomalies found, {false / days:.3f} false alarms a day and "
            f"series, at most one in {QUIET}")
    return [row("nab", value, "score", "Windowed Gaussian", gaussian_score(items), len(items), note, more_is_better=True),
            row("nab_advec", value, "score", "Twitter ADVec (published)", ADVEC, len(items), note, more_is_better=True)]
