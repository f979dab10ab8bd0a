"""Is the new version as good as a fresh baseline of the running one? Pure: what both answered in, findings and a judgement out.

Error rates go through the sequential test (`sequential`), latencies through Kayenta's judge (`judge`), the slowest of them by
their 99th percentile; all make the score.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil, log, sqrt
from typing import Literal

from scipy.stats import binom

from include.deployment.judge import Metric, Params, Verdict, mann_whitney, score
from include.deployment.rules import Counts, Finding, Judgement, unsure
from include.parts.deployment import Canary, Errors, Latency, Slowest

MOST_SAMPLES = 2000  # latencies of an arm that are compared; more are thinned out evenly
RESOLUTION = 1  # ms: the log tells whole ones, so 0.9 and 1.1 ms read as 0 and 1
Z95 = 1.959964  # of the 95 % interval of a difference of error rates


@dataclass(frozen=True)
class Arm:
    """What one side answered in a step: its counters, and milliseconds of answers that were no errors."""

    counts: Counts
    ms: Sequence[float] = ()


def by_limit(canary: Canary, counts: Counts, judgement: Judgement) -> Finding:
    """The product's own limit of the error rate, as a finding."""
    rate = counts.rate if counts.requests else None
    return Finding("error_limit", None, rate, None, None, None, canary.max_error_rate, 0, counts.requests, judgement.verdict,
                   judgement.why)


def errors(rule: Errors, baseline: Counts, candidate: Counts, evidence: float) -> Finding:
    """The error rates: `evidence` that the candidate fails more often counts against 1 / false_alarms."""
    effect, low, high = difference(baseline, candidate)
    needed = 1 / rule.false_alarms
    why = (f"{candidate.rate:.2%} of {candidate.requests} requests failed, {baseline.rate:.2%} of {baseline.requests} of the "
           f"baseline's: evidence {evidence:.3g} (alarm at {needed:g})").replace("%", " %")
    return Finding("error_rate", baseline.rate, candidate.rate, effect, low, high, needed, baseline.requests, candidate.requests,
                   "fail" if evidence >= needed else "pass", why)


def enough(canary: Canary) -> int:
    """How many latencies of each side a verdict needs."""
    p99 = canary.analysis.metrics.p99 if canary.analysis else None
    return max((canary.min_requests + 1) // 2, ceil(log(1 - p99.confidence) / log(0.99)) if p99 else 0)


def latency(rule: Latency, least: int, baseline: Sequence[float], candidate: Sequence[float]) -> tuple[Finding, Verdict]:
    """The latencies; unsure with less than `least` of either."""
    before, after = _thinned(baseline), _thinned(candidate)
    params = Params(tolerance=rule.tolerance, confidence=rule.confidence, thresholds=(0.0, rule.slower),
                    critical_thresholds=(0.0, rule.slower))
    found = mann_whitney(before, after, params, "increase", critical=rule.critical)
    old, new = (sum(ms) / len(ms) if ms else None for ms in (before, after))
    few = min(len(baseline), len(candidate)) < least
    shift = found.shift
    if found.classification == "High" and shift and round(shift.estimate) <= RESOLUTION:
        found = replace(found, classification="Pass", critical=False, why=f"{found.why}, no more than the log can tell apart")
    why = f"mean {_ms(old)} to {_ms(new)}: {found.why} (limit {rule.slower:g} times)".replace("%", " %")
    decision: Literal["pass", "fail", "unsure"] = "unsure" if few else "fail" if found.classification == "High" else "pass"
    effect, low, high = (shift.estimate, shift.low, shift.high) if shift else (None, None, None)
    return Finding("latency_ms", old, new, effect, low, high, rule.slower, len(baseline), len(candidate), decision, why), found


def slowest(rule: Slowest, baseline: Sequence[float], candidate: Sequence[float]) -> tuple[Finding, Verdict]:
    """The 99th percentiles: worse where even the least that the candidate's may be is `slower` times the most that the baseline's
    may be. Both bounds hold with `confidence` whatever the distribution (order statistics; David and Nagaraja 2003, 7.1)."""
    old, new = percentile(baseline, rule.confidence), percentile(candidate, rule.confidence)
    if old is None or new is None:
        found = Finding("p99_ms", None, None, None, None, None, rule.slower, len(baseline), len(candidate), "unsure", "too few")
        return found, Verdict("Nodata", rule.critical, 1.0, "too few answers")
    worse = new.low > rule.slower * old.high and new.low - old.high > RESOLUTION
    why = (f"99th percentile {_ms(old.value)} ({old.low:.4g} to {old.high:.4g}) to {_ms(new.value)} ({new.low:.4g} to "
           f"{new.high:.4g}) (limit {rule.slower:g} times)")
    verdict = Verdict("High" if worse else "Pass", worse and rule.critical, new.value / old.value if old.value else 1.0, why)
    return Finding("p99_ms", old.value, new.value, new.value - old.value, new.low - old.high, new.high - old.low, rule.slower,
                   len(baseline), len(candidate), "fail" if worse else "pass", why), verdict


@dataclass(frozen=True)
class Percentile:
    """A 99th percentile, and the least and the most that it may be."""

    value: float
    low: float
    high: float


def percentile(ms: Sequence[float], confidence: float) -> Percentile | None:
    """The 99th percentile of what `ms` are a sample of; None where they are too few for an upper bound."""
    ordered, n = sorted(ms), len(ms)
    low, high = (int(binom.ppf(share, n, 0.99)) for share in (1 - confidence, confidence)) if n else (0, 0)
    return Percentile(ordered[ceil(0.99 * n) - 1], ordered[low - 1], ordered[high]) if low and high < n else None


def analyse(canary: Canary, share: int, baseline: Arm, candidate: Arm, evidence: float) -> tuple[list[Finding], Judgement]:
    """Every metric that the product compares, the score last, and what follows of it. Both arms have enough requests."""
    analysis = canary.analysis
    if analysis is None:
        raise ValueError("the product compares nothing")
    findings, metrics, weights = list[Finding](), list[Metric](), dict[str, float]()
    if rule := analysis.metrics.errors:
        found = errors(rule, baseline.counts, candidate.counts, evidence)
        findings, weights["errors"] = [found], rule.weight
        metrics.append(Metric("errors", "Pass" if found.decision == "pass" else "High", ["errors"]))
    if slow := analysis.metrics.latency:
        found, verdict = latency(slow, enough(canary), baseline.ms, candidate.ms)
        findings, weights["latency"] = [*findings, found], slow.weight
        metrics.append(Metric("latency", verdict.classification, ["latency"], slow.critical))
    if rare := analysis.metrics.p99:
        found, verdict = slowest(rare, baseline.ms, candidate.ms)
        findings, weights["p99"] = [*findings, found], rare.weight
        metrics.append(Metric("p99", verdict.classification, ["p99"], rare.critical))
    if few := [found for found in findings if found.decision == "unsure"]:
        return findings, unsure(canary, f"too few samples of {few[0].metric} at {share} % of traffic: "
                                        f"{few[0].baseline_samples} and {few[0].candidate_samples}")
    return _scored(canary, share, findings, metrics, weights)


def difference(baseline: Counts, candidate: Counts) -> tuple[float | None, float | None, float | None]:
    """The difference of two error rates with its 95 % interval (Newcombe 1998, method 10: from Wilson's intervals)."""
    if not baseline.requests or not candidate.requests:
        return None, None, None
    (low_1, high_1), (low_2, high_2) = (_wilson(item.errors, item.requests) for item in (baseline, candidate))
    p_1, p_2 = baseline.rate, candidate.rate
    effect = p_2 - p_1
    return effect, effect - sqrt((p_2 - low_2)**2 + (high_1 - p_1)**2), effect + sqrt((high_2 - p_2)**2 + (p_1 - low_1)**2)


def _wilson(errors: int, requests: int) -> tuple[float, float]:
    p, z2 = errors / requests, Z95**2
    middle, half = p + z2 / (2 * requests), Z95 * sqrt(p * (1 - p) / requests + z2 / (4 * requests**2))
    return max(0.0, (middle - half) / (1 + z2 / requests)), min(1.0, (middle + half) / (1 + z2 / requests))


def _scored(canary: Canary, share: int, findings: list[Finding], metrics: list[Metric],
            weights: dict[str, float]) -> tuple[list[Finding], Judgement]:
    analysis = canary.analysis
    if analysis is None or not metrics:
        return findings, Judgement("pass", True, f"nothing is compared at {share} % of traffic")
    whole = sum(weights.values())
    found = score(metrics, {name: 100 * weight / whole for name, weight in weights.items()})
    bad = "; ".join(item.why for item in findings if item.decision != "pass")
    told = bad or f"{len(metrics)} metrics are as good as the baseline's"
    why = f"score {found.summary:g} at {share} % of traffic (pass {analysis.pass_:g}, marginal {analysis.marginal:g}): {told}"
    if found.summary >= analysis.pass_:
        judgement = Judgement("pass", True, why)
    else:
        judgement = unsure(canary, why) if found.summary >= analysis.marginal else Judgement("fail", False, why)
    of = findings[0]
    scored = Finding("score", 100.0, found.summary, None, None, None, analysis.pass_, of.baseline_samples, of.candidate_samples,
                     judgement.verdict, judgement.why)
    return [*findings, scored], judgement


def _thinned(ms: Sequence[float]) -> Sequence[float]:
    return ms[:: -(-len(ms) // MOST_SAMPLES)] if len(ms) > MOST_SAMPLES else ms


def _ms(value: float | None) -> str:
    return "none" if value is None else f"{value:.4g} ms"
