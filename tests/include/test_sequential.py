"""The sequential test: false alarms by simulation, how soon trouble is seen, and what is refused."""

import statistics

import numpy as np
import pytest

from include.sequential import Look, alarm, evidence

ALPHA = 0.05


def alarms(baseline: float, candidate: float, requests: tuple[int, int], looks: int, runs: int) -> list[int | None]:
    """In each of `runs` canaries the look at which the alarm came; error rates and requests a look of both."""
    draw = np.random.default_rng(11)
    return [alarm((Look(requests[0], int(old), requests[1], int(new)) for old, new in zip(
        draw.binomial(requests[0], baseline, looks), draw.binomial(requests[1], candidate, looks), strict=True)), ALPHA)
        for _ in range(runs)]


@pytest.mark.parametrize("rate", [0.001, 0.02, 0.2])
@pytest.mark.parametrize("requests", [(50, 50), (90, 10)])
def test_false_alarms_are_at_most_5_percent_over_100_looks(rate: float, requests: tuple[int, int]) -> None:
    found = alarms(rate, rate, requests, looks=100, runs=300)
    assert sum(look is not None for look in found) <= ALPHA * 300


def test_a_candidate_that_fails_less_never_alarms() -> None:
    assert alarms(0.05, 0.01, (50, 50), looks=100, runs=100) == [None] * 100


@pytest.mark.parametrize(("baseline", "candidate", "most"), [(0.02, 0.06, 400), (0.001, 0.05, 200), (0.01, 0.5, 50)])
def test_trouble_is_seen_soon(baseline: float, candidate: float, most: int) -> None:
    """`most` is the median number of requests of each until the alarm."""
    found = [look for look in alarms(baseline, candidate, (25, 25), looks=200, runs=100) if look is not None]
    assert len(found) >= 95
    assert statistics.median((look + 1) * 25 for look in found) <= most


def test_one_stream_alone_tells_nothing() -> None:
    assert evidence([Look(0, 0, 100, 100), Look(100, 0, 0, 0)]) == [1.0, 1.0]


def test_overwhelming_evidence_is_a_number() -> None:
    assert evidence([Look(10_000, 0, 10_000, 10_000)] * 3)[-1] > 1e300


def test_more_errors_than_requests_are_refused() -> None:
    with pytest.raises(ValueError, match="3 errors of 2 requests"):
        Look(10, 0, 2, 3)
