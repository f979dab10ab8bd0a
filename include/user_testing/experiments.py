"""Is the variant better? A test of two shares that may be looked at any time, and what may be said of it. Pure.

The decision rests on `include.sequential`: evidence for "more" and for "less", each against 2 / false_alarms, so that both errors
together stay within `false_alarms` over all looks. Guardrails, together, stop without cause as seldom. The interval is a
confidence sequence: over all looks together it covers the difference with probability 1 - false_alarms, as the counts grow
(Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas, "Time-uniform central limit theory and asymptotic confidence sequences", 2021,
theorem 2.2).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

from include.parts.testing import Experiment, Metric
from include.sequential import Evidence, Look
from include.user_testing.tally import Tally

TIMES = (0.5, 1.0, 2.0, 4.0)  # the least change, by which the guesses differ from no change
UNBALANCED = 0.001  # how often, over all looks, halves that are equal are called unequal
_SHAPE = 100.0  # of the prior of the share that gets the variant: about 0.45 to 0.55
Decision = Literal["running", "variant", "control", "no_difference", "stopped", "unbalanced"]


@dataclass(frozen=True)
class Found:
    """One metric as it stands: people and how many did it, of both; the difference of the shares with its interval; the evidence
    that the variant does better, and worse, and how much of either is enough."""

    metric: str
    control_people: int
    control_hits: int
    variant_people: int
    variant_hits: int
    effect: float | None
    low: float | None
    high: float | None
    for_better: float
    for_worse: float
    threshold: float


@dataclass(frozen=True)
class Judged:
    """What may be said of an experiment now, why, and its metrics, the main one first."""

    decision: Decision
    why: str
    found: Sequence[Found]


def judged(experiment: Experiment, tally: Tally) -> Judged:
    """What the counts say. Whoever looks at it again with more counts errs no more often for that."""
    alpha, guards = experiment.false_alarms, max(1, len(experiment.guardrails))
    main = found(experiment.metric, tally.looks.get(experiment.metric.name, ()), 2 / alpha, alpha)
    of_guards = [found(item, tally.looks.get(item.name, ()), guards / alpha, alpha) for item in experiment.guardrails]
    planned = people_needed(experiment)
    several = [main, *of_guards]
    if (against := balance(tally.exposed["control"], tally.exposed["variant"])) >= 1 / UNBALANCED:
        return Judged("unbalanced", f"{tally.exposed['control']:,} people met the control and {tally.exposed['variant']:,} the "
                                    f"variant: no accident (evidence {against:.3g}); whom the product counts is wrong", several)
    if broken := [item for item in of_guards if item.for_worse >= item.threshold]:
        return Judged("stopped", f"{broken[0].metric} got worse: {told(broken[0])}", several)
    if main.for_better >= main.threshold:
        return Judged("variant", f"the variant is better: {told(main)}", several)
    if main.for_worse >= main.threshold:
        return Judged("control", f"the variant is worse: {told(main)}", several)
    if min(main.control_people, main.variant_people) >= planned:
        return Judged("no_difference", f"no difference was found within the {planned:,} people of each version that were "
                                       f"planned: {told(main)}", several)
    return Judged("running", f"{min(main.control_people, main.variant_people):,} of {planned:,} people of each version: "
                             f"{told(main)}", several)


def found(metric: Metric, looks: Sequence[Look], threshold: float, alpha: float) -> Found:
    """One metric, from all looks since the start."""
    up, down = Evidence(_guesses(metric), metric.rate), Evidence([1 / guess for guess in _guesses(metric)], metric.rate)
    for look in looks:
        up.add(look)
        down.add(look)
    control, variant = ((sum(getattr(look, f"{of}_requests") for look in looks),
                         sum(getattr(look, f"{of}_errors") for look in looks)) for of in ("baseline", "candidate"))
    better, worse = (up.value, down.value) if metric.better == "more" else (down.value, up.value)
    return Found(metric.name, *control, *variant, *difference(control, variant, alpha), better, worse, threshold)


def difference(control: tuple[int, int], variant: tuple[int, int], alpha: float,
               ) -> tuple[float | None, float | None, float | None]:
    """The variant's share less the control's, with the bounds of its confidence sequence; each is (people, hits).

    The sequence's free parameter makes it narrowest at about 5,000 people of each.
    """
    (n, hits), (m, others) = control, variant
    if not n or not m:
        return None, None, None
    p, q = hits / n, others / m
    # as if one more of each had come and one more had not: shares of 0 and 1 have no variance
    variance = sum((x + 1) * (k - x + 1) / (k + 2) ** 2 / k for k, x in ((n, hits), (m, others)))
    grown = (n + m) / 1260
    half = math.sqrt(variance * 2 * (grown + 1) / grown * math.log(math.sqrt(grown + 1) / alpha))
    return q - p, q - p - half, q - p + half


def people_needed(experiment: Experiment) -> int:
    """People of each version among whom the least change of the metric is found with probability `power`.

    The logarithm of the evidence grows by its mean (two Kullback-Leibler divergences) and varies by its variance; the mixture of
    guesses and what it takes to learn the rate cost a constant. Simulated in tests/include/user_testing/test_experiments.py.
    """
    metric = experiment.metric
    old, change = metric.rate, 1 + metric.least
    new = old * change if metric.better == "more" else old / change
    both = (old + new) / 2
    steps = [(rate, math.log(rate / both), math.log((1 - rate) / (1 - both))) for rate in (old, new)]
    mean = sum(rate * hit + (1 - rate) * miss for rate, hit, miss in steps)
    variance = sum(rate * (1 - rate) * (hit - miss) ** 2 for rate, hit, miss in steps)
    needed = math.log(2 * len(TIMES) / experiment.false_alarms)
    z = NormalDist().inv_cdf(experiment.power)
    root = (z * math.sqrt(variance) + math.sqrt(z * z * variance + 4 * mean * needed)) / (2 * mean)
    return math.ceil(root * root)


def balance(control: int, variant: int) -> float:
    """The evidence that people do not come to both versions alike: a beta-binomial mixture against one half (Lindon and Malek,
    "Anytime-valid inference for multinomial count data", 2022). 1 / alpha is enough at error rate alpha, over all looks."""
    def beta(a: float, b: float) -> float:
        return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)

    log = beta(_SHAPE + control, _SHAPE + variant) - beta(_SHAPE, _SHAPE) + (control + variant) * math.log(2)
    return math.exp(min(log, 700.0))


def told(item: Found) -> str:
    """A metric's figures as text."""
    if item.effect is None or item.low is None or item.high is None:
        return f"{item.metric}: nobody was counted yet"
    control, variant = item.control_hits / item.control_people, item.variant_hits / item.variant_people
    return (f"{item.metric} {control:.2%} of {item.control_people:,} and {variant:.2%} of {item.variant_people:,}, difference "
            f"{100 * item.effect:.2f} points ({100 * item.low:.2f} to {100 * item.high:.2f})").replace("%", " %")


def _guesses(metric: Metric) -> list[float]:
    return [1 + metric.least * times for times in TIMES]
