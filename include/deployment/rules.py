"""How much traffic a new version gets, and whether it keeps it. Pure: counters in, weights and judgements out."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, Self

from include.parts.deployment import Canary

MOST = 256  # HAProxy's greatest weight


@dataclass(frozen=True)
class Replica:
    """One process of a version, as a server of HAProxy's backend. `weight` is from 0 (no new requests) to 256."""

    version: str
    port: int
    weight: int = 0

    @property
    def name(self) -> str:
        """`v1.0.1_41234`: it tells the version in HAProxy's log, and is new with each start."""
        return f"v{self.version}_{self.port}"


def weights(share: int, new: int, old: int) -> tuple[int, int]:
    """Weight of each of `new` and of each of `old` servers, so that the new ones together get `share` percent of requests.

    HAProxy's round robin is exact over a cycle, so the small weights with the nearest ratio are best.
    """
    if share >= 100 or not old:
        return MOST, 0
    ratio = Fraction(share * old, (100 - share) * new)
    near = (ratio if ratio <= 1 else 1 / ratio).limit_denominator(MOST) or Fraction(1, MOST)
    return (near.numerator, near.denominator) if ratio <= 1 else (near.denominator, near.numerator)


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


def judge(canary: Canary, share: int, counts: Counts, down: int, servers: int, over: bool) -> Judgement | None:
    """Judge one step of a canary; None means: watch on.

    `counts` are the new version's in this step, `down` of its `servers` are not healthy, `over` says that the step's time is
    over. More errors than `min_requests` may have fail at once: the verdict at `min_requests` could be no other.
    """
    limit = f"(limit {canary.max_error_rate:.1%})".replace("%", " %")
    seen = f"{counts.rate:.1%} of {counts.requests} requests failed at {share} % of traffic ".replace("%", " %", 1) + limit
    if counts.errors > canary.max_error_rate * max(counts.requests, canary.min_requests):
        return Judgement("fail", False, seen)
    if down == servers or (down and over):
        return Judgement("fail", False, f"{down} of {servers} replicas were not healthy at {share} % of traffic")
    if counts.requests >= canary.min_requests and not down:
        return Judgement("pass", True, seen)
    if not over:
        return None
    go = canary.when_unsure == "promote"
    why = (f"only {counts.requests} of {canary.min_requests} requests came within {canary.seconds:g} s at {share} % of traffic; "
           f"the product's rule is to {canary.when_unsure}")
    return Judgement("unsure", go, why)
