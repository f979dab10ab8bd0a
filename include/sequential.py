"""May we look at any moment? A test of two error rates whose false alarms stay bounded however often it is looked at.

A safe test for two Bernoulli streams (Turner, Ly, Grünwald, "Generic E-variables for exact sequential k-sample tests that allow
for optional stopping", 2024): the requests between two looks are a block, whose e-value is its likelihood under two rates
that were guessed beforehand over its likelihood under their mean weighted by requests. Its expectation is at most 1 whatever
rate both share. Products over blocks and averages over guesses keep that, so the chance that the product ever reaches
1 / alpha is at most alpha (Ville's inequality).
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

RATIOS = (1.5, 2.0, 3.0, 6.0, 12.0, 30.0)  # by how much the candidate's error rate may be higher, each as likely
_PRIOR_ERRORS, _PRIOR_REQUESTS = 0.5, 50.0  # what is believed before the first request: about 1 %
_MOST = 0.95  # an error rate that is guessed at most
_OVERWHELMING = 700.0  # log of the greatest evidence that is told


@dataclass(frozen=True)
class Look:
    """What both answered since the look before: requests, and how many of them failed."""

    baseline_requests: int
    baseline_errors: int
    candidate_requests: int
    candidate_errors: int

    def __post_init__(self) -> None:
        baseline, candidate = (self.baseline_requests, self.baseline_errors), (self.candidate_requests, self.candidate_errors)
        for requests, errors in (baseline, candidate):
            if not 0 <= errors <= requests:
                raise ValueError(f"{errors} errors of {requests} requests")


def evidence(looks: Iterable[Look]) -> list[float]:
    """After each look the evidence that the candidate fails more often: 1 is none, 1 / alpha is enough at error rate alpha.

    Guesses rest on the looks before alone, which is what makes peeking safe.
    """
    gathered = Evidence()
    return [gathered.add(look) for look in looks]


class Evidence:
    """`evidence` look by look: `value` is what the looks so far tell.

    `ratios` are the guesses of how many times the baseline's rate the candidate's is (below 1: less often), `rate` what the
    baseline's is believed to be before the first look; neither changes how often it errs, only how soon it tells.
    """

    def __init__(self, ratios: Sequence[float] = RATIOS, rate: float = _PRIOR_ERRORS / _PRIOR_REQUESTS) -> None:
        self.value = 1.0
        self._ratios = ratios
        self._logs = [0.0] * len(ratios)
        self._errors, self._requests = rate * _PRIOR_REQUESTS, _PRIOR_REQUESTS
        self._candidate_errors, self._candidate_requests = 0, 0

    def add(self, look: Look) -> float:
        """Take in one more look; returns the evidence after it."""
        for index, ratio in enumerate(self._ratios):
            # the baseline's rate as both streams tell it, were the candidate's `ratio` times as high
            both = self._requests + ratio * self._candidate_requests
            base = min((self._errors + self._candidate_errors) / both, _MOST, _MOST / ratio)
            self._logs[index] += _log_e(look, base, min(base * ratio, _MOST))
        self._errors, self._requests = self._errors + look.baseline_errors, self._requests + look.baseline_requests
        self._candidate_errors += look.candidate_errors
        self._candidate_requests += look.candidate_requests
        self.value = math.exp(min(_log_mean(self._logs), _OVERWHELMING))
        return self.value


def alarm(looks: Iterable[Look], alpha: float = 0.05) -> int | None:
    """The index of the first look at which the candidate is known to fail more often; None where it isn't. The chance of a false
    alarm over any number of looks is at most `alpha`."""
    return next((index for index, found in enumerate(evidence(looks)) if found >= 1 / alpha), None)


def _log_e(look: Look, baseline: float, candidate: float) -> float:
    requests = look.baseline_requests + look.candidate_requests
    if not look.baseline_requests or not look.candidate_requests:
        return 0.0  # one stream alone tells nothing about a difference
    both = (look.baseline_requests * baseline + look.candidate_requests * candidate) / requests
    return (_likelihood(look.baseline_errors, look.baseline_requests, baseline, both)
            + _likelihood(look.candidate_errors, look.candidate_requests, candidate, both))


def _likelihood(errors: int, requests: int, rate: float, null: float) -> float:
    return errors * math.log(rate / null) + (requests - errors) * math.log((1 - rate) / (1 - null))


def _log_mean(logs: list[float]) -> float:
    top = max(logs)
    return top + math.log(sum(math.exp(value - top) for value in logs) / len(logs))
