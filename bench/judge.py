"""How long the canary judge takes for 200 metrics of 1,000 points each."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.stats import mannwhitneyu, norm

from bench.rows import row
from include.deployment.judge import Params, mann_whitney

METRICS, POINTS = 200, 1000


def measure() -> dict[str, Any]:
    """Seconds of the judge, beside SciPy's test with the interval from all pairs of points."""
    draw = np.random.default_rng(3)
    pairs = [(draw.lognormal(3, 0.5, POINTS), draw.lognormal(3.02, 0.5, POINTS)) for _ in range(METRICS)]
    ours, theirs = _seconds(_judge, pairs), _seconds(_all_pairs, pairs)
    note = "200 metrics × 1,000 points: test, shift with interval, effect; beside scipy's mannwhitneyu and sorted differences"
    return row("judge", ours, "s", "numpy/scipy loop", theirs, METRICS, note, more_is_better=False)


def _seconds(judge: Callable[[Any, Any], Any], pairs: list[tuple[Any, Any]]) -> float:
    begun = time.perf_counter()
    for control, experiment in pairs:
        judge(control, experiment)
    return time.perf_counter() - begun


def _judge(control: Any, experiment: Any) -> Any:
    return mann_whitney(control, experiment, Params())


def _all_pairs(control: Any, experiment: Any) -> tuple[float, float, float]:
    mannwhitneyu(experiment, control)
    differences = np.sort(np.subtract.outer(experiment, control), axis=None)
    m, n = len(experiment), len(control)
    away = int(norm.ppf(0.99) * (m * n * (m + n + 1) / 12) ** 0.5)
    return float(np.median(differences)), float(differences[m * n // 2 - away]), float(differences[m * n // 2 + away])
