"""How much traffic a new version gets, and whether it keeps it. Pure: counters in, weights and judgements out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, gcd, lcm
from typing import Literal, Self

from include.parts.deployment import Canary

MOST = 256  # HAProxy's greatest weight


def weights(arms: Sequence[tuple[int, int]]) -> list[int]:
    """Weight of each server of some arms, each `(share, servers)`, so that an arm's servers together get its share of requests.

    HAProxy's round robin is exact over a cycle, so the smallest weights with that ratio are best. An arm with all has MOST.
    """
    if len([share for share, servers in arms if share and servers]) == 1:
        return [MOST if share and servers else 0 for share, servers in arms]
    each = [Fraction(share, servers) if servers else Fraction(0) for share, servers in arms]
    parts = [int(item * lcm(*(other.denominator for other in each))) for item in each]
    whole = max(MOST, ceil(max(parts) / gcd(*parts)))
    return [max(1, round(part / gcd(*parts) * MOST / whole)) if part else 0 for part in parts]


def split(share: int, baseline: bool) -> tuple[int, int, int]:
    """Percents for the new version, for its baseline (as much as can be had) and for the rest."""
    compared = min(share, 100 - share) if baseline else 0
    return share, compared, 100 - share - compared


@dataclass(frozen=True)
class Counts:
    """What HAProxy counted for some servers: `attempts` to use one, `good` answers (below 500), `signs` of an error.

    An attempt that HAProxy repeated on another server is an error of the first one, though the client saw none. HAProxy may
    count such an attempt twice, and an attempt that is still under way is no error yet: so `errors` is the smaller of both
    views.
    """

    attempts: int = 0
    good: int = 0
    signs: int = 0

    @property
    def errors(self) -> int:
        return min(self.signs, max(0, self.attempts - self.good)) if self.attempts else self.signs

    @property
    def requests(self) -> int:
        return self.good + self.errors

    @property
    def rate(self) -> float:
        return self.errors / self.requests if self.requests else 0.0

    def __add__(self, other: Self) -> "Counts":
        return Counts(self.attempts + other.attempts, self.good + other.good, self.signs + other.signs)

    def since(self, before: Self) -> "Counts":
        """What was added since `before`; all of it where the counters began anew in between (HAProxy was restarted)."""
        if self.attempts < before.attempts:
            return self
        return Counts(self.attempts - before.attempts, self.good - before.good, self.signs - before.signs)


def total(counts: Iterable[Counts]) -> Counts:
    """The sum of `counts`."""
    return sum(counts, Counts())


@dataclass(frozen=True)
class Judgement:
    """Whether to go on, with the reason in figures."""

    verdict: Literal["pass", "fail", "unsure"]
    go: bool
    why: str


@dataclass(frozen=True)
class Finding:
    """One metric of a step: the baseline's value and the new version's with how many requests say so, their difference
    (`effect`) with its interval, the threshold that it was held against, and what was decided. None is not known."""

    metric: str
    baseline: float | None
    candidate: float | None
    effect: float | None
    low: float | None
    high: float | None
    threshold: float
    baseline_samples: int
    candidate_samples: int
    decision: Literal["pass", "fail", "unsure"]
    why: str


def judge(canary: Canary, share: int, counts: Counts, down: int, servers: int, over: bool,
          baseline: Counts | None = None) -> Judgement | None:
    """Judge one step of a canary by what the product allows; None means: watch on.

    `counts` are the new version's in this step, `baseline` those that it is to be compared with, `down` of its `servers` are not
    healthy, `over` says that the step's time is over. More errors than `min_requests` may have fail at once: the verdict at
    `min_requests` could be no other.
    """
    limit = f"(limit {canary.max_error_rate:.1%})".replace("%", " %")
    seen = f"{counts.rate:.1%} of {counts.requests} requests failed at {share} % of traffic ".replace("%", " %", 1) + limit
    if counts.errors > canary.max_error_rate * max(counts.requests, canary.min_requests):
        return Judgement("fail", False, seen)
    if down == servers or (down and over):
        return Judgement("fail", False, f"{down} of {servers} replicas were not healthy at {share} % of traffic")
    requests = counts.requests if baseline is None else min(counts.requests, baseline.requests)
    if requests >= canary.min_requests and not down:
        return Judgement("pass", True, seen)
    if not over:
        return None
    return unsure(canary, f"only {requests} of {canary.min_requests} requests came within {canary.seconds:g} s at {share} % of "
                          "traffic")


def unsure(canary: Canary, why: str) -> Judgement:
    """What is inconclusive is left to the product's rule."""
    return Judgement("unsure", canary.when_unsure == "promote", f"{why}; the product's rule is to {canary.when_unsure}")
