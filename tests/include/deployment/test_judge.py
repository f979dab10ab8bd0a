"""The canary judge against Kayenta's own tables, and against SciPy and itself."""

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.deployment.judge import Metric, Params, clean, effect, mann_whitney, mean_inequality, score, shift
from tests.conftest import SHARED

CASES = SHARED / "cases" / "kayenta"
PARAMS = {"tolerance": "tolerance", "confLevel": "confidence", "effectSizeThresholds": "thresholds",
          "criticalThresholds": "critical_thresholds", "effectSizeMeasure": "measure"}
NUMBERS = st.lists(st.floats(-1e3, 1e3).map(lambda value: round(value, 3)), min_size=4, max_size=30)


def cases(name: str) -> list[Any]:
    path = CASES / name
    found = json.loads(path.read_text()) if path.exists() else []
    return [pytest.param(case, id=case["title"]) for case in found]


@pytest.mark.shared
@pytest.mark.parametrize("case", cases("classifier_cases.json"))
def test_metrics_are_classified_as_in_kayenta(case: dict[str, Any]) -> None:
    how = {"direction": case["direction"].lower(), "nan": case["nanStrategy"].lower()}
    if case["classifier"] == "MeanInequalityClassifier":
        found = mean_inequality(case["control"], case["experiment"], **how)
    else:
        given_ = {PARAMS[name]: tuple(value) if isinstance(value, list) else value for name, value in case["params"].items()}
        found = mann_whitney(case["control"], case["experiment"], Params(**given_), critical=case["isCriticalMetric"], **how)
    expected = case["expected"]
    assert found.classification == expected.get("classification", found.classification)
    assert found.critical == expected.get("critical", found.critical)
    if expected.get("deviation") == "NaN":
        assert math.isnan(found.effect)


@pytest.mark.shared
@pytest.mark.parametrize("case", cases("scorer_cases.json"))
def test_groups_are_scored_as_in_kayenta(case: dict[str, Any]) -> None:
    metrics = [Metric(found["name"], found["classification"], found["groups"], found["critical"]) for found in case["metrics"]]
    assert score(metrics, case["groupWeights"]).summary == case["expectedSummaryScore"]


def test_the_shift_is_r_s() -> None:
    """R: wilcox.test(x, y, conf.int = TRUE, exact = FALSE), whose interval is the range of shifts that are not rejected."""
    control = np.array([0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46])
    experiment = np.array([1.15, 0.88, 0.90, 0.74, 1.21])
    found = shift(control, experiment, 0.95)
    differences = np.subtract.outer(experiment, control).ravel()
    assert found.estimate == pytest.approx(np.median(differences), abs=0.01)
    assert (found.low, found.high) == pytest.approx((-0.76, 0.15), abs=0.02)


def test_a_critical_metric_without_data_fails_the_canary() -> None:
    nothing = mann_whitney([1.0, 2.0], [], Params(), critical=True)
    assert (nothing.classification, nothing.critical) == ("Nodata", True)
    found = score([Metric("a", "Pass", ["g"]), Metric("b", "Pass", ["g"]), Metric("c", "Nodata", ["g"], critical=True)], {})
    assert (found.summary, found.why) == (0.0, "critical: c")


def test_too_few_metrics_with_data_are_no_pass() -> None:
    found = score([Metric("a", "Pass", ["g"]), Metric("b", "Nodata", ["h"])], {})
    assert (found.summary, found.why) == (0.0, "1 of 2 metrics have no data")


def test_missing_values_are_removed_or_zero() -> None:
    values = [1.0, float("nan"), 3.0]
    assert clean(values, "remove").tolist() == [1.0, 3.0]
    assert clean(values, "replace").tolist() == [1.0, 0.0, 3.0]
    with pytest.raises(ValueError, match="finite"):
        clean([1.0, float("inf")], "remove")


def test_nothing_is_no_score() -> None:
    with pytest.raises(ValueError, match="no metrics"):
        score([], {})


@given(NUMBERS, NUMBERS)
def test_swapping_both_turns_high_into_low(one: list[float], other: list[float]) -> None:
    there, back = mann_whitney(one, other, Params(thresholds=(math.inf, -math.inf))), mann_whitney(
        other, one, Params(thresholds=(math.inf, -math.inf)))
    assert {"High": "Low", "Low": "High", "Pass": "Pass"}[there.classification] == back.classification


@given(NUMBERS, NUMBERS)
def test_the_effect_by_pairs_is_counted(one: list[float], other: list[float]) -> None:
    pairs = [1.0 if new > old else 0.5 if new == old else 0.0 for new in other for old in one]
    assert effect(np.array(one), np.array(other), "cles") == pytest.approx(sum(pairs) / len(pairs))


@given(st.lists(st.sampled_from([1.0, 2.0, 51.0, 52.0, 53.0]), min_size=4, max_size=40), st.floats(0.5, 0.99))
def test_the_interval_of_a_shift_holds_its_estimate(both: list[float], confidence: float) -> None:
    found = shift(np.array(both[::2]), np.array(both[1::2]), confidence)
    assert found.low <= found.estimate <= found.high


def test_alike_samples_rarely_fail() -> None:
    """At 98 % confidence about 2 % of metrics that did not change are called High or Low at most."""
    draw = np.random.default_rng(7)
    failed = sum(mann_whitney(draw.lognormal(3, 0.5, 60), draw.lognormal(3, 0.5, 60), Params()).classification != "Pass"
                 for _ in range(100))
    assert failed <= 7
