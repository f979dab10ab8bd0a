"""The new version against its baseline, without a process."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.deployment.analysis import (
    MOST_SAMPLES,
    Arm,
    analyse,
    difference,
    enough,
    errors,
    latency,
    percentile,
    slowest,
)
from include.deployment.rules import Counts
from include.parts.deployment import Analysis, Canary, Errors, Latency, Slowest

CANARY = Canary(min_requests=50)


def milliseconds(mean: float, count: int = 100, seed: int = 1) -> list[float]:
    draw = random.Random(seed)
    return [round(draw.lognormvariate(0, 0.3) * mean) for _ in range(count)]


def answered(requests: int, failed: int = 0) -> Counts:
    return Counts(requests, requests - failed, failed)


def weighed(errors: float, latency: float, **more: float) -> Canary:
    return CANARY.model_copy(update={"analysis": Analysis.model_validate(
        {"metrics": {"errors": {"weight": errors}, "latency": {"weight": latency}}} | more)})


@pytest.mark.parametrize(("canary", "slow", "verdict", "score"), [
    (CANARY, False, "pass", 100.0), (CANARY, True, "fail", 50.0),
    (weighed(80, 20), True, "unsure", 80.0), (weighed(8, 1, marginal=90), True, "fail", 88.89),
    (weighed(97, 3), True, "pass", 97.0), (weighed(1, 1, marginal=50), True, "unsure", 50.0),
])
def test_the_score_decides(canary: Canary, slow: bool, verdict: str, score: float) -> None:
    baseline, candidate = Arm(answered(100), milliseconds(20)), Arm(answered(100), milliseconds(60 if slow else 20, seed=2))
    findings, judgement = analyse(canary, 10, baseline, candidate, 1.0)
    assert (judgement.verdict, judgement.go) == (verdict, verdict == "pass")
    assert [item.metric for item in findings] == ["error_rate", "latency_ms", "score"]
    assert (findings[-1].candidate, findings[-1].decision) == (score, verdict)
    assert f"score {score:g} at 10 % of traffic (pass 95, marginal" in judgement.why


def test_a_critical_metric_fails_whatever_the_score() -> None:
    canary = CANARY.model_copy(update={"analysis": Analysis.model_validate(
        {"metrics": {"errors": {"weight": 99}, "latency": {"weight": 1, "critical": True}}})})
    _, judgement = analyse(canary, 10, Arm(answered(100), milliseconds(20)), Arm(answered(100), milliseconds(60)), 1.0)
    assert judgement.verdict == "fail"


def test_too_few_latencies_are_unsure_and_no_score() -> None:
    findings, judgement = analyse(CANARY, 10, Arm(answered(60), []), Arm(answered(60), milliseconds(20, 60)), 1.0)
    assert (judgement.verdict, judgement.go) == ("unsure", False)
    assert "too few samples of latency_ms at 10 % of traffic: 0 and 60" in judgement.why
    assert [item.decision for item in findings] == ["pass", "unsure"]


def test_a_metric_may_be_left_out() -> None:
    canary = CANARY.model_copy(update={"analysis": Analysis.model_validate({"metrics": {"latency": None}})})
    findings, judgement = analyse(canary, 10, Arm(answered(60), []), Arm(answered(60), []), 1.0)
    assert ([item.metric for item in findings], judgement.verdict) == (["error_rate", "score"], "pass")


def test_what_is_as_slow_or_quicker_passes() -> None:
    rule = Latency()
    assert latency(rule, 10, milliseconds(20), milliseconds(24, seed=2))[0].decision == "pass"  # a fifth is not half
    assert latency(rule, 10, milliseconds(60), milliseconds(20, seed=2))[0].decision == "pass"
    found, _ = latency(rule, 10, milliseconds(20, 50_000), milliseconds(40, 50_000, seed=2))
    assert (found.decision, found.baseline_samples) == ("fail", 50_000)
    assert MOST_SAMPLES == 2000


def test_a_difference_that_the_log_cannot_tell_is_none() -> None:
    """Nine in ten answers of 0.9 ms, then of 1.1 ms: the log has 0 and 1."""
    quick, slower = [0.0] * 45 + [1.0] * 5, [1.0] * 45 + [2.0] * 5
    found, verdict = latency(Latency(), 10, quick, slower)
    assert (found.decision, verdict.classification, verdict.critical) == ("pass", "Pass", False)
    assert "no more than the log can tell apart" in found.why
    assert latency(Latency(), 10, quick, [ms + 2 for ms in slower])[0].decision == "fail"
    assert slowest(Slowest(), quick * 20, slower * 20)[0].decision == "pass"
    assert slowest(Slowest(), quick * 20, [ms + 2 for ms in slower] * 20)[0].decision == "fail"


def test_alarms_are_told_with_their_interval() -> None:
    found = errors(Errors(false_alarms=0.01), answered(200, 2), answered(100, 20), 150.0)
    assert (found.decision, found.threshold, found.baseline, found.candidate) == ("fail", 100, 0.01, 0.2)
    assert found.why == "20.00 % of 100 requests failed, 1.00 % of 200 of the baseline's: evidence 150 (alarm at 100)"


def test_the_interval_of_a_difference_is_newcombe_s() -> None:
    """His table II, case (a), with continuity left out: 56/70 - 48/80 is 0.0524 to 0.3339 by method 10."""
    effect, low, high = difference(answered(80, 48), answered(70, 56))
    assert (effect, low, high) == (pytest.approx(0.2), pytest.approx(0.0524, abs=1e-4), pytest.approx(0.3339, abs=1e-4))
    assert difference(answered(0), answered(5)) == (None, None, None)


@given(st.integers(1, 500), st.integers(1, 500), st.data())
def test_the_interval_holds_the_difference(before: int, after: int, data: st.DataObject) -> None:
    old, new = (answered(count, data.draw(st.integers(0, count))) for count in (before, after))
    effect, low, high = difference(old, new)
    assert effect is not None
    assert low is not None
    assert high is not None
    assert -1.0000001 <= low <= effect + 1e-12 <= high + 2e-12 <= 1.0000001


def test_thresholds_in_order() -> None:
    with pytest.raises(ValueError, match="marginal must not be above pass"):
        Analysis.model_validate({"pass": 70})


RARE = Canary(min_requests=50, analysis=Analysis.model_validate({"metrics": {"latency": None, "p99": {}}}))


def with_slow(share: float, count: int, seed: int, ms: float = 900.0) -> list[float]:
    draw = random.Random(seed)
    return [ms if draw.random() < share else draw.lognormvariate(3, 0.3) for _ in range(count)]


@pytest.mark.parametrize(("share", "verdict"), [(0.0, "pass"), (0.004, "pass"), (0.05, "fail")])
def test_the_slowest_hundredth(share: float, verdict: str) -> None:
    """A version of which few answers are slow: the middle does not tell it."""
    old, new = with_slow(0, 600, 1), with_slow(share, 600, 2)
    assert latency(Latency(), 50, old, new)[0].decision == "pass"
    findings, judgement = analyse(RARE, 50, Arm(answered(600), old), Arm(answered(600), new), 1.0)
    assert judgement.verdict == verdict
    found = next(item for item in findings if item.metric == "p99_ms")
    assert (found.decision, found.baseline_samples) == (verdict, 600)
    assert found.low is not None and found.effect is not None and found.high is not None
    assert found.low <= found.effect <= found.high


def test_few_answers_have_no_slowest_hundredth() -> None:
    assert percentile(with_slow(0, 298, 1), 0.95) is None
    assert percentile(with_slow(0, 299, 1), 0.95) is not None
    assert (enough(RARE), enough(CANARY)) == (299, 25)
    assert analyse(RARE, 50, Arm(answered(298), [1.0] * 298), Arm(answered(400), [1.0] * 400), 1.0)[1].verdict == "unsure"


def test_false_alarms_about_the_slowest_are_rare() -> None:
    """Of two samples of one distribution, with heavy tails: the bounds hold together in at least 0.95 x 0.95 of cases."""
    rule, draw = Slowest(slower=1), random.Random(7)
    alarms = sum(slowest(rule, *([draw.paretovariate(1.5) for _ in range(400)] for _ in range(2)))[0].decision == "fail"
                 for _ in range(300))
    assert alarms <= 3
