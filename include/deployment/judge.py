"""Is the candidate's metric like the baseline's? The canary judge of Kayenta (Spinnaker, Netflix).

Two samples of a metric are compared by the Mann-Whitney U test with the confidence interval of the Hodges-Lehmann shift (as R's
`wilcox.test(conf.int = TRUE, exact = FALSE)`; Bauer 1972), and by an effect size. Each metric is classified; `score` weighs
the groups of metrics. Definitions: "Automated Canary Analysis at Netflix with Kayenta" (2018) and Kayenta's public documentation.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm, rankdata

Direction = Literal["increase", "decrease", "either"]
Nan = Literal["remove", "replace"]
Classification = Literal["Pass", "High", "Low", "Nodata", "NodataFailMetric"]
Values = np.ndarray[Any, np.dtype[np.float64]]

ENOUGH = 0.5  # of the metrics must have data, or nothing can be said
PRECISION = 1e-4  # of the shift, in the metric's unit


@dataclass(frozen=True)
class Params:
    """How a metric is judged. A shift counts where its interval lies beyond `tolerance` (a share of the shift's estimate) and its
    effect size beyond a threshold: at most the first for Low, at least the second for High. `measure`: the ratio of the
    means (candidate / baseline), or the share of pairs in which the candidate is higher (Vargha and Delaney 2000)."""

    tolerance: float = 0.25
    confidence: float = 0.98
    thresholds: tuple[float, float] = (1.0, 1.0)
    critical_thresholds: tuple[float, float] = (1.0, 1.0)
    measure: Literal["mean_ratio", "cles"] = "mean_ratio"


@dataclass(frozen=True)
class Shift:
    """How far the candidate lies from the baseline, in the metric's unit, with its interval."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True)
class Verdict:
    """What a metric was found to be. `effect` is NaN where a mean is zero; `critical` says that it fails the canary by itself."""

    classification: Classification
    critical: bool
    effect: float
    why: str
    shift: Shift | None = None


@dataclass(frozen=True)
class Metric:
    """A classified metric, and the groups that it counts for."""

    name: str
    classification: Classification
    groups: Sequence[str]
    critical: bool = False


@dataclass(frozen=True)
class Score:
    """From 0 to 100, in all and by group (None where a group has no data); `why` where it is 0 whatever the groups say."""

    summary: float
    groups: Mapping[str, float | None]
    why: str | None = None


def clean(values: Iterable[float], nan: Nan) -> Values:
    """`values` without those that are missing (NaN), or with zeros in their place. Infinite ones are refused (ValueError)."""
    found = np.asarray(list(values), np.float64)
    if np.isinf(found).any():
        raise ValueError("a metric's values must be finite")
    return found[~np.isnan(found)] if nan == "remove" else np.nan_to_num(found, nan=0.0)


def mann_whitney(control: Iterable[float], experiment: Iterable[float], params: Params, direction: Direction = "either",
                 nan: Nan = "remove", critical: bool = False, required: bool = False) -> Verdict:
    """Classify a metric of the candidate (`experiment`) against the baseline (`control`).

    `direction` is the change that is bad; `required` makes missing data of a metric that is not critical a failure.
    """
    before, after = clean(control, nan), clean(experiment, nan)
    if not len(before) or not len(after):
        return _missing(nan, critical, required)
    if np.array_equal(np.sort(before), np.sort(after)) or len(np.unique(np.concatenate([before, after]))) == 1:
        return Verdict("Pass", False, 1.0, "both are identical")
    found, size = shift(before, after, params.confidence), effect(before, after, params.measure)
    sort = _sort(found, size, params, direction)
    why = (f"shift {found.estimate:.4g} ({params.confidence:.0%} interval {found.low:.4g} to {found.high:.4g}), "
           f"effect {size:.4g}, {len(before)} against {len(after)} points")
    return Verdict(sort, critical and _beyond(sort, size, params.critical_thresholds), size, why, found)


def mean_inequality(control: Iterable[float], experiment: Iterable[float], direction: Direction = "either",
                    nan: Nan = "remove") -> Verdict:
    """The plainest judge, to compare others with: any difference of the means counts."""
    before, after = clean(control, nan), clean(experiment, nan)
    if not len(before) or not len(after):
        return Verdict("Nodata", False, 0.0, "no data")
    size, difference = effect(before, after, "mean_ratio"), after.mean() - before.mean()
    sort: Classification = "Pass"
    if difference > 0 and direction != "decrease":
        sort = "High"
    elif difference < 0 and direction != "increase":
        sort = "Low"
    return Verdict(sort, False, size, f"mean {before.mean():.4g} became {after.mean():.4g}")


def shift(control: Values, experiment: Values, confidence: float) -> Shift:
    """The Hodges-Lehmann shift of `experiment` against `control` (each with at least one value), with its two-sided interval from
    the normal approximation with corrections for ties and continuity. The interval holds the estimate, also where both are one
    step of tied values, which the search for a root finds to within its own tolerance only."""
    least, most = float(experiment.min() - control.max()), float(experiment.max() - control.min())
    if least == most:  # both constant: nothing is uncertain
        return Shift(least, least, least)
    z = float(norm.ppf(0.5 + confidence / 2))
    estimate = _root(control, experiment, least, most, 0.0, corrected=False)
    return Shift(estimate, min(estimate, _root(control, experiment, least, most, z)),
                 max(estimate, _root(control, experiment, least, most, -z)))


def effect(control: Values, experiment: Values, measure: Literal["mean_ratio", "cles"]) -> float:
    """The effect size: see Params. NaN where a mean is zero, so that no ratio is."""
    if measure == "mean_ratio":
        before, after = float(control.mean()), float(experiment.mean())
        return after / before if before and after else float("nan")
    m, n = len(experiment), len(control)
    ranks = float(rankdata(np.concatenate([experiment, control]))[:m].sum())
    return (2 * ranks - m * (m + 1)) / (2 * n * m)


def score(metrics: Sequence[Metric], weights: Mapping[str, float]) -> Score:
    """The weighted sum of the groups: each the share of its metrics with data that pass. `weights` are percents; groups without
    one share what is left of 100. A group without data counts as passed; a critical metric that is not Pass, or too few
    metrics with data, make it 0. Raises ValueError where there is no metric."""
    if not metrics:
        raise ValueError("there is nothing to score: no metrics")
    labels: dict[str, list[str]] = defaultdict(list)
    for metric in metrics:
        for group in metric.groups:
            labels[group].append(metric.classification)
    groups = {group: _group(found) for group, found in labels.items()}
    if failed := [metric.name for metric in metrics if metric.critical and metric.classification != "Pass"]:
        return Score(0.0, groups, f"critical: {', '.join(failed)}")
    without = sum(metric.classification == "Nodata" for metric in metrics)
    if without >= ENOUGH * len(metrics):
        return Score(0.0, groups, f"{without} of {len(metrics)} metrics have no data")
    others = [group for group in groups if group not in weights]
    rest = (100 - sum(weights.values())) / len(others) if others else 0.0
    total = sum((100.0 if found is None else found) * weights.get(group, rest) / 100 for group, found in groups.items())
    return Score(round(total, 2), groups)


def _missing(nan: Nan, critical: bool, required: bool) -> Verdict:
    if nan == "replace":
        return Verdict("Pass", False, 1.0, "no data, which counts as zeros")
    return Verdict("NodataFailMetric" if required and not critical else "Nodata", critical, 1.0, "no data")


def _sort(found: Shift, size: float, params: Params, direction: Direction) -> Classification:
    tolerated = params.tolerance * abs(found.estimate)
    if direction != "decrease" and found.low > tolerated and _beyond("High", size, params.thresholds):
        return "High"
    if direction != "increase" and found.high < -tolerated and _beyond("Low", size, params.thresholds):
        return "Low"
    return "Pass"


def _beyond(sort: Classification, size: float, thresholds: tuple[float, float]) -> bool:
    """Whether an effect of this size counts; one that can't be told does."""
    if sort == "High":
        return not size < thresholds[1]
    return sort == "Low" and not size > thresholds[0]


def _root(control: Values, experiment: Values, least: float, most: float, z: float, corrected: bool = True) -> float:
    """The shift at which the standardised statistic is `z`; an end of the range where it is so nowhere."""
    m, n = len(experiment), len(control)

    def excess(by: float) -> float:
        together = np.concatenate([experiment - by, control])
        ranks = rankdata(together)
        difference = float(ranks[:m].sum()) - m * (m + 1) / 2 - m * n / 2
        ties = np.unique(together, return_counts=True)[1].astype(np.float64)
        variance = m * n / 12 * ((m + n + 1) - float((ties**3 - ties).sum()) / ((m + n) * (m + n - 1)))
        return float((difference - (0.5 * np.sign(difference) if corrected else 0.0)) / variance**0.5 - z)

    if excess(least) <= 0:
        return least
    if excess(most) >= 0:
        return most
    return float(brentq(excess, least, most, xtol=PRECISION))


def _group(labels: list[str]) -> float | None:
    told = [label for label in labels if label != "Nodata"]
    return 100.0 * told.count("Pass") / len(told) if told else None
